"""Inviting somebody: directory entry, invitation, audit event and promised mail at one stroke."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from invitations import audit
from invitations.errors import (
    FieldError,
    GuestAlreadyAcceptedError,
    GuestAlreadyInvitedError,
)
from invitations.models import (
    AuditAction,
    Contact,
    DirectoryEntry,
    EntryAlias,
    Group,
    Invitation,
    RoleAssignment,
    SharedApp,
    Sponsorship,
    TenantPolicy,
)
from invitations.models.invitation import InvitationQuerySet
from invitations.models.offer import is_within_policy, policy_facts
from invitations.permissions import Role
from invitations.redirects import app_origin_of
from invitations.services import fields
from invitations.services.offers import give_along, hold, take_back, told_of
from invitations.services.sharing import check_domain, check_inviting, check_rights
from invitations.states import EndReason, InvitationStatus, NoAddress
from tenants import schema
from tenants.addresses import AddressError, canonical_address
from tenants.mail import blocks, outbox
from tenants.models import MailKind, MailState, OutgoingMail, UserType


def announce(invitation: Invitation) -> OutgoingMail | None:
    """Promise the invitation's mail in this transaction, and wake the workers after it."""
    return promise_invitation(invitation) if invitation.send_mail else None


def promise_invitation(invitation: Invitation) -> OutgoingMail:
    """Promise a mail with the ticket; held where its reader wants no more of this tenant's."""
    tenant = schema.current_tenant()
    mail = outbox.promise_mail(
        tenant=tenant,
        kind=MailKind.INVITATION,
        about=invitation.pk,
        serial=invitation.serial,
    )
    if blocks.is_blocked(tenant=tenant, address=invitation.address):
        mail.state = MailState.HELD
        mail.save(update_fields=["state"])
        return mail
    outbox.wake()
    return mail


def open_invitation(
    entry: DirectoryEntry,
    *,
    address: str,
    invited_by: DirectoryEntry | None,
    redirect_url: str,
    message: str,
    language: str,
    send_mail: bool,
    validity: timedelta,
) -> Invitation:
    """The row itself, valid from now by the database's clock, as the entry's newest."""
    invitation = Invitation.objects.create(
        entry=entry,
        address=address,
        invited_by=invited_by,
        redirect_url=redirect_url,
        redirect_origin=app_origin_of(redirect_url) if redirect_url else "",
        message=message,
        language=language,
        send_mail=send_mail,
        expires_at=Now() + validity,
    )
    # What is mailed later, and the app, speak to them as the invitation did.
    entry.invitation, entry.invited_at, entry.language = invitation, Now(), language
    entry.save(update_fields=["invitation", "invited_at", "language"])
    return invitation


def _make_room(entry: DirectoryEntry) -> None:
    """End what is open and over; refuse when it is open and live (T07)."""
    previous = Invitation.objects.filter(entry=entry).open().with_clock().first()
    if previous is None:
        return
    declined = previous.status == InvitationStatus.DECLINED
    if previous.is_live and not declined:
        raise GuestAlreadyInvitedError(entry.pk)
    reason = EndReason.REPLACED if declined else EndReason.EXPIRED
    previous.move_to(InvitationStatus.REVOKED, reason=reason)
    take_back(previous)


def conflict_of(address: str) -> str:
    """Why a new entry cannot have this canonical address (`NoAddress`), empty when it can."""
    if Contact.objects.filter(address=address).exists():
        return NoAddress.CONTACT
    if EntryAlias.objects.filter(address=address, entry__deleted_at__isnull=True).exists():
        return NoAddress.ALIAS
    return ""


def _lock_conflicting(address: str) -> None:
    for model in (Contact, EntryAlias):
        list(model.objects.select_for_update().filter(address=address))


def _entry_for(address: str, *, display_name: str, user_type: UserType) -> DirectoryEntry:
    """The locked entry with this address, made when there is none.

    Where the address belongs to another object of the directory, the entry is kept without one
    and only the mailed link finds it; inviting the address again finds that entry (product 3.4 b).
    """
    conflict = conflict_of(address)
    present = DirectoryEntry.objects.present().locked("self")
    defaults = {"display_name": display_name, "user_type": user_type, "no_address": conflict}
    if conflict:
        # Serialised by what it clashes with: the unique address cannot do it here (R03).
        _lock_conflicting(address)
        pending = present.filter(address="", invitation__address=address, account__isnull=True)
        entry, made = pending.first(), False
        if entry is None:
            entry, made = DirectoryEntry.objects.create(**defaults), True
    else:
        entry, made = present.get_or_create(address=address, defaults=defaults)
    if entry.is_accepted:
        raise GuestAlreadyAcceptedError(entry.pk)
    if not entry.enabled:
        # Their links open nothing: who is kept out is not mailed one either.
        raise GuestAlreadyInvitedError(entry.pk)
    if not made and display_name and display_name != entry.display_name:
        entry.display_name = display_name
        entry.save(update_fields=["display_name"])
    return entry


def _add_sponsor(entry: DirectoryEntry, inviter: DirectoryEntry) -> None:
    """Who invites answers for the guest, as long as there is room; the entry is locked."""
    if Sponsorship.objects.filter(entry=entry).count() < Sponsorship.MOST:
        Sponsorship.objects.bulk_create(
            [Sponsorship(entry=entry, sponsor=inviter)], ignore_conflicts=True
        )


def _first_home(apps: Sequence[SharedApp]) -> str:
    """The first app that people can open; empty when there is none."""
    return next((app.home_url for app in apps if app.home_url), "")


@transaction.atomic
def invite_guest(
    *,
    email: str,
    invited_by: DirectoryEntry | None,
    display_name: str = "",
    language: str = "",
    redirect_url: str = "",
    message: str = "",
    validity: timedelta | None = None,
    send_mail: bool = True,
    user_type: UserType = UserType.GUEST,
    roles: Iterable[Role] = (),
    apps: Sequence[SharedApp] = (),
    groups: Sequence[Group] = (),
) -> Invitation:
    """Open an invitation and promise its mail in the same transaction.

    `invited_by` None is the operator. `validity` is 1 hour to 30 days, the tenant's policy when
    None. `apps` and `groups` are given along; without a redirect URL the guest lands in the first
    app. Raises `FieldError` naming the field, `InvitingNotAllowedError`, `SharingNotAllowedError`,
    `GuestAlreadyInvitedError`, `GuestAlreadyAcceptedError`.
    """
    policy = TenantPolicy.objects.get()
    check_inviting(invited_by, policy, apps=apps, groups=groups)
    address = fields.clean_address(email)
    if invited_by:
        check_domain(address, policy)
    entry_name = fields.clean_display_name(display_name)
    clean_message = fields.clean_message(message, policy)
    clean_redirect = fields.clean_redirect(redirect_url or _first_home(apps))
    clean_validity = fields.clean_validity(validity, policy)
    chosen_language = clean_language(language)
    entry = _entry_for(address, display_name=entry_name, user_type=user_type)
    if invited_by:
        check_rights(entry, invited_by)
    # Before what an older invitation brought is taken back: see `hand_on`.
    hold([*apps, *groups])
    _make_room(entry)
    invitation = open_invitation(
        entry,
        address=address,
        invited_by=invited_by,
        redirect_url=clean_redirect,
        message=clean_message,
        language=chosen_language,
        send_mail=send_mail,
        validity=clean_validity,
    )
    give_along(invitation, apps=apps, groups=groups)
    if invited_by:
        _add_sponsor(entry, invited_by)
    for role in roles:
        RoleAssignment.objects.get_or_create(entry=entry, role=role)
    audit.record(
        AuditAction.GUEST_INVITED,
        actor=invited_by,
        invitation=invitation,
        user_type=user_type,
        mail=send_mail,
        **told_of({"apps": apps, "groups": groups}),
    )
    announce(invitation)
    return invitation


def clean_language(language: str) -> str:
    """A language Foyer speaks; the tenant's when none is named, `FieldError` for another."""
    chosen = language or schema.current_tenant().language
    if chosen not in dict(settings.LANGUAGES):
        raise FieldError("language", "language")
    return chosen


AGAIN_AFTER = timedelta(minutes=10)


def _acceptable(address: str) -> InvitationQuerySet:
    """What is open for this canonical address, with what the policy asks of it."""
    return (
        Invitation.objects.open()
        .filter(
            address=address,
            expires_at__gt=Now(),
            entry__deleted_at__isnull=True,
            entry__enabled=True,
        )
        .select_related("entry", "invited_by")
        .annotate(**policy_facts())
    )


def has_open_offer(address: str) -> bool:
    """Whether the direct link could redeem something for who proves this canonical address."""
    offers = _acceptable(address).filter(entry__address=address)
    return any(is_within_policy(each, each.facts) for each in offers)


@transaction.atomic
def mail_again(*, address: str) -> None:
    """Mail the same link once more, asked for by whoever cannot find the mail.

    Only to the invited mailbox, only for a live invitation, and not within ten minutes of the
    mail before (M08). Says nothing about what it found.
    """
    try:
        canonical = canonical_address(address)
    except AddressError:
        return
    # Where the policy lets their inviter invite no more, the mail would not leave (P03).
    offers = (each for each in _acceptable(canonical) if is_within_policy(each, each.facts))
    invitation = next(offers, None)
    recent = OutgoingMail.objects.filter(
        kind=MailKind.INVITATION, created_at__gt=Now() - AGAIN_AFTER
    )
    if invitation is None or recent.filter(about=invitation.pk).exists():
        return
    promise_invitation(invitation)
    audit.record(
        AuditAction.INVITATION_RESENT, actor=None, invitation=invitation, asked_by_guest=True
    )
