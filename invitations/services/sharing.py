"""Who may invite, whom, and to what: the tenant's policy and the owners of apps and groups."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model, Q, QuerySet

from invitations.domains import is_allowed
from invitations.errors import FieldError, InvitingNotAllowedError, SharingNotAllowedError
from invitations.models import (
    AppAssignment,
    AppOwner,
    DirectoryEntry,
    Group,
    GroupMember,
    GroupOwner,
    Invitation,
    SharedApp,
    TenantPolicy,
)
from invitations.permissions import Permission, may_invite, may_offer, may_share, permissions_of
from invitations.states import InvitationStatus
from tenants.models import UserType


def _roles(entry: DirectoryEntry) -> list[str]:
    return list(entry.role_assignments.values_list("role", flat=True))


def rights_of(entry: DirectoryEntry) -> frozenset[Permission]:
    """Everything this person may do here by their roles."""
    return permissions_of(_roles(entry))


def _strange(asked: Iterable[Model], owned: Any) -> bool:
    return bool({each.pk for each in asked} - set(owned))


def check_inviting(
    inviter: DirectoryEntry | None,
    policy: TenantPolicy,
    *,
    apps: Iterable[SharedApp] = (),
    groups: Iterable[Group] = (),
) -> None:
    """Raise unless `inviter` may invite to exactly these; None is the operator, who may.

    The same is asked of an invitation that is written already (`models.offer`).

    `InvitingNotAllowedError` where role or policy say no (P03), `SharingNotAllowedError` for what
    is not theirs to share (P04).
    """
    if inviter is None:
        return
    apps, groups, roles = list(apps), list(groups), _roles(inviter)
    is_member = inviter.user_type == UserType.MEMBER
    if not inviter.enabled or not may_offer(
        policy.who_may_invite, roles=roles, is_member=is_member, brings=bool(apps or groups)
    ):
        raise InvitingNotAllowedError
    # What is asked of one's own things is not asked of who may share everything.
    if not may_share(roles, brings_strange=True) and _has_strange(inviter, apps, groups):
        raise SharingNotAllowedError


def check_moving(
    entry: DirectoryEntry, mover: DirectoryEntry | None, policy: TenantPolicy, *, to: str
) -> None:
    """Raise unless `mover` may send what waits for a person to the mailbox `to`: whoever reads it
    there gets everything that the entry holds, whoever gave it (P03, P04).

    None is the operator, who may. Raises `FieldError` for the domain, `InvitingNotAllowedError` when
    the entry has rights that the mover has not, or is a member or somebody known and the mover does
    not manage invitations, and what `check_inviting` raises.
    """
    if mover is None:
        return
    check_domain(to, policy)
    check_rights(entry, mover)
    if Permission.MANAGE_INVITATIONS not in rights_of(mover) and _has_a_past(entry):
        raise InvitingNotAllowedError
    check_inviting(mover, policy, **held_by(entry))


def _has_a_past(entry: DirectoryEntry) -> bool:
    """Whether apps know this entry as somebody already, or it is one of the tenant's own."""
    completed = Invitation.objects.filter(entry=entry, status=InvitationStatus.COMPLETED)
    return entry.user_type == UserType.MEMBER or completed.exists()


def check_rights(entry: DirectoryEntry, by: DirectoryEntry) -> None:
    """Raise `InvitingNotAllowedError` when the entry has rights that `by` has not."""
    if not rights_of(entry) <= rights_of(by):
        raise InvitingNotAllowedError


def held_by(entry: DirectoryEntry) -> dict[str, Any]:
    """`apps` and `groups` that somebody has, is offered or answers for, by whomever."""
    named = Q(offers__entry=entry) | Q(owners__entry=entry)
    apps = SharedApp.objects.filter(named | Q(assignments__entry=entry))
    groups = Group.objects.filter(named | Q(members__entry=entry))
    return {"apps": list(apps.distinct()), "groups": list(groups.distinct())}


def is_inviter(entry: DirectoryEntry, policy: TenantPolicy) -> bool:
    """Whether the tenant lets this person invite at all, to whatever (P03)."""
    is_member = entry.user_type == UserType.MEMBER
    return may_invite(policy.who_may_invite, roles=_roles(entry), is_member=is_member)


def _has_strange(entry: DirectoryEntry, apps: Iterable[SharedApp], groups: Iterable[Group]) -> bool:
    """Whether one of these is not this person's own."""
    own_apps = AppOwner.objects.filter(entry=entry).values_list("app_id", flat=True)
    own_groups = GroupOwner.objects.filter(entry=entry).values_list("group_id", flat=True)
    return _strange(apps, own_apps) or _strange(groups, own_groups)


def check_domain(address: str, policy: TenantPolicy) -> None:
    """`FieldError` for an address whose domain the tenant does not invite."""
    if not is_allowed(address, rule=policy.domain_rule, domains=policy.domains):
        raise FieldError("email", "domain")


def own_apps(entry: DirectoryEntry) -> QuerySet[SharedApp]:
    """The apps that this person answers for."""
    return SharedApp.objects.filter(owners__entry=entry)


def own_groups(entry: DirectoryEntry) -> QuerySet[Group]:
    """The groups that this person answers for."""
    return Group.objects.filter(owners__entry=entry)


def brought_by(invitation: Invitation) -> dict[str, Any]:
    """`apps` and `groups` that an invitation offers, as far as they still exist."""
    return {"apps": list(invitation.apps.all()), "groups": list(invitation.groups.all())}


def told_of(offered: Mapping[str, Iterable[Model]]) -> dict[str, Any]:
    """What is offered, as the audit log keeps it."""
    return {name: [str(each.pk) for each in things] for name, things in offered.items()}


def hold(
    things: Iterable[SharedApp | Group], *, if_there: Iterable[SharedApp | Group] = ()
) -> None:
    """Keep these as they are while they are given or taken, so that nobody takes them away
    meanwhile: all at once, in one order, after the person they are about and before the audit.
    Raises `DoesNotExist` for one of `things` that is gone."""
    needed, wanted = list(things), list(if_there)
    for model in (SharedApp, Group):
        pks = {each.pk for each in needed if isinstance(each, model)}
        all_pks = pks | {each.pk for each in wanted if isinstance(each, model)}
        rows: Any = model.objects.select_for_update(no_key=True).filter(pk__in=all_pks)
        if all_pks and not pks <= set(rows.order_by("pk").values_list("pk", flat=True)):
            raise model.DoesNotExist


def hold_person(entry: DirectoryEntry) -> None:
    """Whoever changes what somebody has holds them first, whatever happened to them since: as
    everywhere, the person, then apps and groups, then the audit."""
    list(DirectoryEntry.objects.select_for_update().filter(pk=entry.pk).values_list("pk"))


def give_along(
    invitation: Invitation, *, apps: Iterable[SharedApp], groups: Iterable[Group]
) -> None:
    """Offer these with a new invitation: its guest has them now; what they had stays as it was."""
    apps, groups = list(apps), list(groups)
    hold([*apps, *groups])
    if apps:
        invitation.apps.add(*apps)
    if groups:
        invitation.groups.add(*groups)
    entry = {"entry_id": invitation.entry_id, "given_with": invitation}
    AppAssignment.objects.bulk_create(
        [AppAssignment(app=app, **entry) for app in apps], ignore_conflicts=True
    )
    GroupMember.objects.bulk_create(
        [GroupMember(group=group, **entry) for group in groups], ignore_conflicts=True
    )


def hand_on(previous: Invitation, invitation: Invitation) -> dict[str, Any]:
    """The same offer with the invitation in its place, given again where it was taken back.

    The answer is `apps` and `groups` that are offered.
    """
    offered = brought_by(previous)
    for model in (AppAssignment, GroupMember):
        model.objects.filter(given_with=previous).update(given_with=invitation)
    give_along(invitation, **offered)
    return offered


def strike(
    entry: DirectoryEntry, *, apps: Iterable[SharedApp] = (), groups: Iterable[Group] = ()
) -> None:
    """What is taken from somebody is not offered to them any more: sending an old invitation
    again does not bring it back."""
    Invitation.apps.through.objects.filter(invitation__entry=entry, sharedapp__in=apps).delete()
    Invitation.groups.through.objects.filter(invitation__entry=entry, group__in=groups).delete()


def take_back(invitation: Invitation) -> None:
    """What an invitation brought along goes with it."""
    for model in (AppAssignment, GroupMember):
        model.objects.filter(given_with=invitation).delete()


def forget_access(entry: DirectoryEntry) -> None:
    """Somebody is gone for good: nothing is given to them, offered to them or owned by them."""
    for model in (AppAssignment, AppOwner, GroupMember, GroupOwner):
        model.objects.filter(entry=entry).delete()
    for offers in (Invitation.apps.through, Invitation.groups.through):
        offers.objects.filter(invitation__entry=entry).delete()
