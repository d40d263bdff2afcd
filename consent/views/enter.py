"""The direct link to an organization, and the answers it may still ask for."""

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from consent.errors import StatementChangedError
from consent.forms import EnterForm
from consent.gate import accept_terms as record_terms
from consent.gate import decline_terms, outstanding
from consent.models import TermsOfUse
from consent.review import agree_again
from consent.statements import current_statement
from consent.views.after import Destination, destination_from, ends_at, go_on
from consent.views.review import shown_version, statement_context
from invitations import redemption
from invitations.access import Viewer, entry_of, require_entry
from invitations.errors import TicketInvalidError
from invitations.models import DirectoryEntry
from invitations.services.invite import has_open_offer, mail_again
from tenants import codes, limits, schema
from tenants.adapters import account_of, has_account, sign_in_with_mailbox
from tenants.errors import too_many_requests
from tenants.models import Account

OPENED = "foyer.terms-opened"
OPENED_SECONDS = 3600


def _stranger(request: HttpRequest, account: Account, *, asked: bool = False) -> HttpResponse:
    """One page for everybody whom this directory does not let in: whom to ask, and nothing else.

    It is the same for strangers, for blocked guests, for guests whose entry has no address, and
    for those who are signed in with another of their addresses (A07, product 3.4).
    """
    context = {
        "organization_name": schema.current_tenant().name,
        "person": account,
        "asked": asked,
        "privacy_url": schema.tenant_path(schema.current_tenant(), "consent:statement"),
    }
    return render(request, "consent/not_here.html", context, status=HTTPStatus.FORBIDDEN)


def _mail_again(request: HttpRequest, account: Account) -> HttpResponse:
    """Send an open invitation's link once more to its mailbox; the answer says nothing (A01)."""
    if limits.is_exceeded(request, limits.UNWANTED_REPORTS):
        return too_many_requests(request, retry_after=limits.UNWANTED_REPORTS.seconds)
    limits.count(request, limits.UNWANTED_REPORTS)
    mail_again(address=request.POST.get("address", ""))
    return _stranger(request, account, asked=True)


def _purpose() -> str:
    return f"enter:{schema.current_schema()}"


def _code_to(request: HttpRequest, address: str, destination: Destination) -> HttpResponse:
    """Mail a code; who is invited here may make an account with it. The page is the same for
    everybody (A01)."""
    known = has_account(address)
    if known or has_open_offer(address):
        codes.send_code(request, purpose=_purpose(), address=address)
    else:
        codes.send_refusal(request, purpose=_purpose(), address=address)
    return redirect(destination.by_way_of("consent:enter_code"))


def _hint(destination: Destination) -> str:
    """Whom the app expects, when it says so (OpenID Connect Core, `login_hint`)."""
    return parse_qs(urlsplit(destination.path).query).get("login_hint", [""])[0][:320]


def _sign_in(request: HttpRequest) -> HttpResponse:
    """Who are you, for somebody who came by the direct link."""
    destination = destination_from(request)
    path = destination.by_way_of("consent:enter")
    posted = request.POST if request.method == "POST" else None
    form = EnterForm(posted, initial={"address": _hint(destination)})
    if form.is_valid():
        return _code_to(request, form.cleaned_data["address"], destination)
    context = {
        "organization_name": schema.current_tenant().name,
        "app_name": destination.app_name,
        "form": form,
        "next": path,
        "password_url": f"{schema.public_path('account_login')}?{urlencode({'next': path})}",
        "privacy_url": schema.tenant_path(schema.current_tenant(), "consent:statement"),
    }
    status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
    return render(request, "consent/enter.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def enter_code(request: HttpRequest) -> HttpResponse:
    """Type the code that the direct link mailed; it signs in, and makes an account for who is
    invited."""
    path = destination_from(request).by_way_of("consent:enter")
    wrong = False
    if request.method == "POST":
        try:
            code = request.POST.get("code", "")
            address = codes.check_code(request, purpose=_purpose(), code=code)
            return sign_in_with_mailbox(request, address, redirect_url=path)
        except codes.CodeError:
            wrong = True
    waiting = codes.address_of(request, purpose=_purpose())
    if account_of(request) or not (waiting or wrong):
        return redirect(path)
    context = {
        "organization_name": schema.current_tenant().name,
        "wrong": wrong,
        "waiting": waiting,
        "masked_address": waiting,
        "again_url": path,
        "again_address": waiting,
        "back_url": path,
    }
    status = HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK
    return render(request, "invitations/prove.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """`/o/<slug>/enter/`: into the organization, redeeming on the way what is open (product 3.3)."""
    account = account_of(request)
    if account is None:
        return _sign_in(request)
    if request.method == "POST":
        return _mail_again(request, account)
    entry = entry_of(account)
    destination = destination_from(request)
    if entry:
        return _arrived(request, entry, destination)
    try:
        redemption.find(None, account=account)
    except TicketInvalidError:
        return _stranger(request, account)
    return redirect(destination.by_way_of("consent:review_direct"))


def _arrived(request: HttpRequest, entry: DirectoryEntry, destination: Destination) -> HttpResponse:
    """On to where they were going.

    Whoever goes to an app comes by a page of ours that sends them on: browsers would not follow
    the answer of the sign-in form to another origin (C09, measured in Chromium).
    """
    if not destination.is_known:
        return go_on(entry, Destination(_home_of(entry)))
    answer = go_on(entry, destination)
    if not destination.outside:
        return answer
    context = {"organization_name": schema.current_tenant().name, "onward": answer["Location"]}
    page = render(request, "consent/going_on.html", context)
    page.headers["Refresh"] = f"0; url={answer['Location']}"
    return page


def _home_of(entry: DirectoryEntry) -> str:
    """Where somebody arrives who asked for nothing else."""
    tenant = schema.current_tenant()
    if entry.role_assignments.exists():
        return schema.tenant_path(tenant, "invitations:guests")
    return schema.public_path("organization", slug=tenant.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@require_entry
def again(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """A newer privacy statement asks everybody: the same answer once more."""
    destination, changed = destination_from(request), False
    is_newer = outstanding(viewer.entry).statement
    if not is_newer and not destination.asks_again:
        return go_on(viewer.entry, destination)
    if request.method == "POST":
        shown = shown_version(request)
        if request.POST.get("answer") == "cancel":
            return _declined(request, viewer.account, destination)
        if request.POST.get("answer") != "accept" or shown is None:
            return HttpResponseBadRequest()
        try:
            language = request.POST.get("language", "")
            agree_again(
                entry=viewer.entry, account=viewer.account, shown_version=shown, language=language
            )
            return go_on(viewer.entry, destination)
        except StatementChangedError:
            changed = True
    context = statement_context(current_statement()) | {
        "organization_name": schema.current_tenant().name,
        "person": viewer,
        "statement_changed": changed,
        "again": True,
        "is_newer": is_newer,
    }
    status = HTTPStatus.CONFLICT if changed else HTTPStatus.OK
    return ends_at(render(request, "consent/review.html", context, status=status), destination)


def _declined(
    request: HttpRequest, person: Account, destination: Destination, *, of_terms: bool = False
) -> HttpResponse:
    """Whoever says no stays in the directory, is asked again, and the app may be told."""
    context = {
        "organization_name": schema.current_tenant().name,
        "person": person,
        "of_terms": of_terms,
        "refusal": destination.refusal,
    }
    return render(request, "consent/declined.html", context)


def _opened(terms: TermsOfUse, language: str, account: Account) -> str:
    """Proof that the terms were opened by this person: the page with the text carries it."""
    return signing.dumps([str(terms.pk), language, str(account.pk)], salt=OPENED)


def _opened_language(request: HttpRequest, terms: TermsOfUse, account: Account) -> str | None:
    """In which language they were opened; None when they were not, or are others now."""
    try:
        opened = signing.loads(request.POST.get("opened", ""), salt=OPENED, max_age=OPENED_SECONDS)
    except signing.BadSignature:
        return None
    return str(opened[1]) if [opened[0], opened[2]] == [str(terms.pk), str(account.pk)] else None


def _terms_page(
    request: HttpRequest, viewer: Viewer, terms: TermsOfUse, destination: Destination, **more: Any
) -> HttpResponse:
    said = terms.in_language(request.POST.get("open", ""))
    is_open = bool(request.POST.get("open"))
    context = {
        "organization_name": schema.current_tenant().name,
        "person": viewer,
        "terms": terms,
        "said": said,
        "opened": _opened(terms, said["language"], viewer.account) if is_open else "",
        **more,
    }
    return ends_at(render(request, "consent/terms.html", context), destination)


@require_http_methods(["GET", "HEAD", "POST"])
@require_entry
def accept_terms(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Terms of use: opened by one button, accepted or declined by another."""
    destination = destination_from(request)
    terms = outstanding(viewer.entry).terms
    if terms is None:
        return go_on(viewer.entry, destination)
    answer = request.POST.get("answer")
    if answer == "decline":
        decline_terms(entry=viewer.entry, shown_version=terms.version)
        return _declined(request, viewer.account, destination, of_terms=True)
    if answer != "accept":
        return _terms_page(request, viewer, terms, destination)
    language = _opened_language(request, terms, viewer.account)
    if language is None:
        return _terms_page(request, viewer, terms, destination, unread=True)
    try:
        record_terms(
            entry=viewer.entry,
            account=viewer.account,
            shown_version=terms.version,
            language=language,
        )
    except StatementChangedError:
        return _terms_page(request, viewer, terms, destination, unread=True)
    return go_on(viewer.entry, destination)
