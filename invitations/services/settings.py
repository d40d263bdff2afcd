"""What administrators decide for their tenant."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction

from invitations import audit
from invitations.domains import DomainRule
from invitations.errors import FieldError, RedirectUrlError
from invitations.models import AuditAction, DirectoryEntry, LandingPage, TenantPolicy
from invitations.models.policy import LONGEST_KEEPING, SHORTEST_KEEPING
from invitations.permissions import WhoMayInvite
from invitations.redirects import origin_of
from invitations.services.fields import clean_display_name, clean_validity


@transaction.atomic
def change_policy(
    *,
    validity: timedelta,
    links_in_messages: bool,
    by: DirectoryEntry | None,
    remind: bool = False,
    keep_unredeemed: timedelta | None = None,
    second_factor_for_administrators: bool = True,
    who_may_invite: WhoMayInvite = WhoMayInvite.MEMBERS,
    domain_rule: DomainRule = DomainRule.ANY,
    domains: Iterable[str] = (),
) -> TenantPolicy:
    """Set the policy. Open invitations keep their validity, and must fit who may invite whom.

    `keep_unredeemed` is 7 days to two years, None keeps entries for ever. `domains` are as
    `parse_domains` gives them; a rule needs some, and no rule keeps none. Raises `FieldError`.
    """
    listed = sorted(set(domains)) if domain_rule != DomainRule.ANY else []
    if domain_rule != DomainRule.ANY and not listed:
        raise FieldError("domains", "empty")
    if keep_unredeemed and not SHORTEST_KEEPING <= keep_unredeemed <= LONGEST_KEEPING:
        raise FieldError("keep", "bounds")
    policy = TenantPolicy.objects.select_for_update().get()
    policy.validity = clean_validity(validity, policy)
    policy.links_in_messages = links_in_messages
    policy.remind, policy.keep_unredeemed = remind, keep_unredeemed
    policy.second_factor_for_administrators = second_factor_for_administrators
    policy.who_may_invite, policy.domain_rule, policy.domains = who_may_invite, domain_rule, listed
    policy.save()
    audit.record(
        AuditAction.POLICY_CHANGED,
        actor=by,
        validity_seconds=int(validity.total_seconds()),
        links_in_messages=links_in_messages,
        remind=remind,
        keep_unredeemed_days=keep_unredeemed.days if keep_unredeemed else None,
        second_factor_for_administrators=second_factor_for_administrators,
        who_may_invite=str(who_may_invite),
        domain_rule=str(domain_rule),
        domains=listed,
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
    if LandingPage.objects.filter(pk=page.pk).delete()[0]:
        audit.record(AuditAction.LANDING_PAGE_REMOVED, actor=by, url=page.url)
