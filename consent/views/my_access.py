"""*My access*: where a person belongs, what they agreed to, and the ways out."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import leaving
from consent.export import person_data
from consent.models import (
    ConsentRecord,
    PrivacyStatement,
    Publication,
    TermsOfUse,
    TermsRecord,
)
from consent.panel import NOTHING, Panel, page_of_apps, panels_of
from invitations import pages
from invitations.errors import LastAdministratorError
from invitations.models import DirectoryEntry
from tenants import schema
from tenants.accounts import proved_addresses
from tenants.adapters import account_of, send_notice
from tenants.mail import blocks
from tenants.models import Account, Domain, Membership, Tenant, TenantStatus, UserType
from tenants.reauthentication import require_recent


def _me(request: HttpRequest) -> Account:
    account = account_of(request)
    if account is None:
        raise Http404
    return account


def _place(membership: Membership, panels: Mapping[str, Panel] | None = None) -> dict[str, Any]:
    tenant = membership.tenant
    is_open = tenant.status == TenantStatus.ACTIVE
    is_member = membership.user_type == UserType.MEMBER
    panel = (panels or {}).get(tenant.schema_name, NOTHING)
    share_url = schema.tenant_path(tenant, "invitations:share") if is_open else ""
    return {
        "name": tenant.name,
        "domain": tenant.domain,
        "initial": tenant.initial,
        "since": membership.since,
        "apps": panel.apps,
        "more_apps": panel.more,
        "apps_can_be_read": panel.can_be_read,
        "share_url": share_url if panel.owns_one else "",
        "is_member": is_member,
        "is_open": is_open,
        "leave_url": schema.public_path("leave", slug=tenant.slug),
        "url": schema.public_path("organization", slug=tenant.slug),
        "enter_url": schema.tenant_path(tenant, "consent:enter") if is_open else "",
        "portal_url": schema.path_of(tenant) if is_open and is_member else "",
    }


def _memberships(account: Account) -> Any:
    primary = Prefetch(
        "tenant__domains", Domain.objects.filter(is_primary=True), to_attr="primary_domains"
    )
    return (
        Membership.objects.filter(account=account)
        .select_related("tenant")
        .prefetch_related(primary)
        .order_by("tenant__name")
    )


@require_safe
@login_required
def organizations(request: HttpRequest) -> HttpResponse:
    """Every organization this account belongs to, also those that are closed for now."""
    person = _me(request)
    memberships = list(_memberships(person))
    panels = panels_of(memberships)
    places = [_place(membership, panels) for membership in memberships]
    return render(request, "consent/organizations.html", {"person": person, "places": places})


def _membership(request: HttpRequest, slug: str) -> Membership:
    """The person's own membership: the look-up is the permission check, for strangers a 404."""
    membership: Membership | None = _memberships(_me(request)).filter(tenant__slug=slug).first()
    if membership is None:
        raise Http404
    return membership


def _agreed(record: ConsentRecord, tenant: Tenant) -> dict[str, Any]:
    statement = record.statement
    url = ""
    if statement and tenant.status == TenantStatus.ACTIVE:
        page = schema.tenant_path(tenant, "consent:statement_version", version=statement.version)
        url = f"{page}?language={record.language}" if record.language else page
    return {
        "at": record.agreed_at,
        "statement": statement,
        "said": statement.in_language(record.language) if statement else None,
        "url": url,
    }


def _accepted_terms(record: TermsRecord) -> dict[str, Any]:
    return {
        "at": record.accepted_at,
        "terms": record.terms,
        "said": record.terms.in_language(record.language),
    }


def _with_texts(records: Any, relation: str, versions: type[Publication]) -> list[Any]:
    """The records with the texts of their versions, in two statements whatever their number."""
    found = list(records)
    ids = {getattr(record, f"{relation}_id") for record in found} - {None}
    texts = {each.pk: each for each in versions.objects.newest_first().filter(pk__in=ids)}
    for record in found:
        setattr(record, relation, texts.get(getattr(record, f"{relation}_id")))
    return found


def _details(membership: Membership) -> dict[str, Any]:
    """What one organization knows; read in its schema, shown outside."""
    tenant = membership.tenant
    with schema.in_tenant(tenant):
        entry = DirectoryEntry.objects.filter(pk=membership.entry_id).first()
        if entry is None:
            raise Http404
        consents = ConsentRecord.objects.filter(entry=entry).order_by("-agreed_at")[:20]
        terms = TermsRecord.objects.filter(entry=entry).order_by("-accepted_at")[:20]
        return {
            "entry": entry,
            "aliases": [alias.address for alias in entry.aliases.all()],
            "consents": [
                _agreed(each, tenant)
                for each in _with_texts(consents, "statement", PrivacyStatement)
            ],
            "terms": [_accepted_terms(each) for each in _with_texts(terms, "terms", TermsOfUse)],
        }


@require_safe
@login_required
def organization(request: HttpRequest, slug: str) -> HttpResponse:
    """One organization: what it knows, what was accepted when, with the exact text."""
    membership = _membership(request, slug)
    place = _place(membership, panels_of([membership]))
    context = {"person": _me(request), "place": place, **_details(membership)}
    if place["more_apps"]:
        page = page_of_apps(membership, request.GET.get("apps", ""))
        place["apps"] = page.rows
        context["links"] = pages.links(page, place["url"], name="apps", asked={}, part="#apps")
    return render(request, "consent/organization.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@require_recent
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what leaving means; leave, after a fresh proof that it is really this person."""
    membership = _membership(request, slug)
    person, tenant = _me(request), membership.tenant
    context = {"person": person, "place": _place(membership)}
    if request.method != "POST":
        return render(request, "consent/leave.html", context)
    try:
        with schema.in_tenant(tenant):
            entry = DirectoryEntry.objects.get(pk=membership.entry_id)
            leaving.leave(entry=entry, account=person)
    except LastAdministratorError:
        context |= {"alone": [tenant.name]}
        return render(request, "consent/leave.html", context, status=HTTPStatus.CONFLICT)
    except DirectoryEntry.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("You left %(name)s.") % {"name": tenant.name})
    return redirect("organizations")


@require_POST
@login_required
@require_recent
def download(request: HttpRequest) -> HttpResponse:
    """Everything about me, as one JSON file."""
    response = JsonResponse(person_data(_me(request)), json_dumps_params={"indent": 2})
    response.headers["Content-Disposition"] = 'attachment; filename="my-access.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def blocked(request: HttpRequest) -> HttpResponse:
    """Which organizations may not mail this person; allow one again, or block them all."""
    person = _me(request)
    addresses = proved_addresses(person)
    if request.method == "POST":
        asked = request.POST.get("do")
        if asked == "block_all":
            for address in addresses:
                blocks.block(tenant=None, address=address)
        else:
            slug = request.POST.get("allow", "")
            tenant = Tenant.objects.filter(slug=slug).first() if slug else None
            for address in addresses:
                blocks.unblock(tenant=tenant, address=address)
        messages.success(request, _("Saved."))
        return redirect("blocked")
    found = blocks.of_addresses(addresses)
    context = {
        "person": person,
        "tenants": sorted(
            {each.tenant for each in found if each.tenant}, key=lambda each: each.name
        ),
        "all_blocked": any(each.tenant is None for each in found),
    }
    return render(request, "consent/blocked.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@require_recent
def close_account(request: HttpRequest) -> HttpResponse:
    """Close the personal account, in every organization at once."""
    person = _me(request)
    places = [_place(membership) for membership in _memberships(person)]
    context: dict[str, Any] = {"person": person, "places": places}
    if request.method != "POST":
        return render(request, "consent/close_account.html", context)
    address = person.email
    try:
        leaving.delete_account(person)
    except leaving.LastAdministratorOfError as error:
        context |= {"alone": error.names}
        return render(request, "consent/close_account.html", context, status=HTTPStatus.CONFLICT)
    get_adapter().logout(request)
    send_notice("account/email/account_closed", address)
    return render(request, "consent/closed.html")
