"""What administrators decide for their tenant."""

from datetime import timedelta

from django.db import transaction

from invitations import audit
from invitations.errors import FieldError, RedirectUrlError
from invitations.models import AuditAction, DirectoryEntry, LandingPage, TenantPolicy
from invitations.redirects import origin_of
from invitations.services.fields import clean_display_name, clean_validity


@transaction.atomic
def change_policy(
    *, validity: timedelta, links_in_messages: bool, by: DirectoryEntry | None
) -> TenantPolicy:
    """Set the policy; invitations already open keep what they were sent with."""
    policy = TenantPolicy.objects.select_for_update().get()
    policy.validity = clean_validity(validity, policy)
    policy.links_in_messages = links_in_messages
    policy.save()
    audit.record(
        AuditAction.POLICY_CHANGED,
        actor=by,
        validity_seconds=int(validity.total_seconds()),
        links_in_messages=links_in_messages,
    )
    return policy


@transaction.atomic
def add_landing_page(*, name: str, url: str, by: DirectoryEntry | None) -> LandingPage:
    """Register a page, and with it its origin, as a place guests may be sent to (C07)."""
    try:
        origin = origin_of(url)
    except RedirectUrlError as error:
        raise FieldError("url", "redirect") from error
    page, made = LandingPage.objects.get_or_create(
        url=url, defaults={"name": clean_display_name(name)[:64], "origin": origin}
    )
    if not made:
        raise FieldError("url", "exists")
    audit.record(AuditAction.LANDING_PAGE_ADDED, actor=by, url=url)
    return page


@transaction.atomic
def remove_landing_page(page: LandingPage, *, by: DirectoryEntry | None) -> None:
    """Take a page away; open invitations that point to its origin lead to My access instead."""
    audit.record(AuditAction.LANDING_PAGE_REMOVED, actor=by, url=page.url)
    page.delete()
