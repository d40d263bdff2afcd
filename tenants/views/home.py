"""Pages outside of tenants: what Foyer is, and where a person belongs."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from tenants import schema
from tenants.adapters import account_of
from tenants.models import Membership, TenantStatus, UserType


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """For strangers what this is; for people who are signed in, their organizations."""
    if request.user.is_authenticated:
        return redirect("organizations")
    return render(request, "tenants/welcome.html")


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "tenants/about.html")


def _place(membership: Membership) -> dict[str, object]:
    tenant = membership.tenant
    is_member = membership.user_type == UserType.MEMBER
    return {
        "name": tenant.name,
        "domain": tenant.domain,
        "initial": tenant.initial,
        "since": membership.since,
        "user_type": membership.user_type,
        "privacy_url": schema.tenant_path(tenant, "consent:statement"),
        "portal_url": schema.path_of(tenant) if is_member else "",
    }


@require_safe
@login_required
def organizations(request: HttpRequest) -> HttpResponse:
    """*My access*: every active organization this account belongs to."""
    person = account_of(request)
    memberships = (
        Membership.objects.filter(account=person, tenant__status=TenantStatus.ACTIVE)
        .select_related("tenant")
        .prefetch_related("tenant__domains")
        .order_by("tenant__name")
    )
    places = [_place(membership) for membership in memberships]
    return render(request, "tenants/organizations.html", {"person": person, "places": places})
