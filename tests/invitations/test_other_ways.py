"""Every other way in: an alias, an address that clashes, the wrong account, the direct link."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.db.models.functions import Now
from django.utils import timezone

from invitations.models import (
    AuditAction,
    AuditEvent,
    Contact,
    DirectoryEntry,
    EntryAlias,
    Invitation,
    Notice,
    NoticeKind,
)
from invitations.services.manage import resend_invitation, revoke_invitation
from invitations.services.unwanted import decline_invitation
from invitations.states import NoAddress
from tenants import schema
from tenants.models import Account, MailKind, Membership, OutgoingMail, Tenant
from tests.browserless import accept, code_in, handle_of, open_link, to_review
from tests.conftest import ROOMS, SECOND_FACTOR, Invite, Place, make_account

At = Callable[..., Place]


def prove_mailbox(place: Place, landing: str, mails: list[Any]) -> Any:
    """On the wrong-account page: *Accept as …*, and the code from the invited mailbox."""
    handle = handle_of(landing)
    asked = place.post("invitations:other", {"do": "prove"}, handle=handle)
    assert asked.status_code == 302, asked.content.decode()
    return place.post("invitations:prove", {"code": code_in(mails[-1])}, handle=handle)


# --- alias (product 3.4 c) -----------------------------------------------------------------------------


def test_an_alias_accepts_after_a_code_to_the_invited_mailbox(
    invite: Invite, at: At, sam: Account, contoso: Tenant, fabrikam: Tenant, mailoutbox: list[Any]
) -> None:
    """A07: only after a code to the invited mailbox; both addresses are known from then on."""
    invitation = invite(redirect_url=ROOMS)
    decoy = invite(tenant=fabrikam)
    guest = at(sam)
    landing = open_link(invitation, guest)
    wrong = guest.client.post(landing)
    assert wrong.status_code == 403
    assert "gita@northwind.example" not in wrong.content.decode()
    review = guest.path("consent:review", handle=handle_of(landing))
    assert guest.client.get(review).status_code == 403

    answer = prove_mailbox(guest, landing, mailoutbox)
    assert mailoutbox[-1].to == ["gita@northwind.example"]
    assert answer["Location"] == review
    page = guest.client.get(review).content.decode()
    assert "knows both addresses" in page
    assert accept(guest, review)["Location"] == ROOMS
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
        assert (entry.account_id, entry.address) == (sam.pk, "gita@northwind.example")
        assert EntryAlias.objects.get(entry=entry).address == sam.email
    assert not EmailAddress.objects.filter(user=sam, email="gita@northwind.example").exists()
    with schema.in_tenant(fabrikam):
        assert not EntryAlias.objects.exists()
        assert DirectoryEntry.objects.get(pk=decoy.entry_id).account_id is None
    assert at(sam).get("consent:enter").status_code == 303  # the direct link knows the account


def test_a_code_for_one_invitation_proves_nothing_for_another(
    invite: Invite, at: At, sam: Account, mailoutbox: list[Any]
) -> None:
    """T11, A10: proof is for one invitation, one account, one browser."""
    first, second = invite(), invite(email="other@northwind.example")
    guest = at(sam)
    landing = open_link(first, guest)
    prove_mailbox(guest, landing, mailoutbox)
    other = open_link(second, guest)
    assert guest.client.post(other).status_code == 403
    elsewhere = at(sam)
    again = open_link(first, elsewhere)
    assert elsewhere.client.post(again).status_code == 403
    code = code_in(mailoutbox[-1])
    replay = elsewhere.post("invitations:prove", {"code": code}, handle=handle_of(again))
    assert replay.status_code == 400


def test_a_code_is_over_after_five_tries_ten_minutes_or_one_use(
    invite: Invite, at: At, sam: Account, mailoutbox: list[Any]
) -> None:
    """A10: and a GET confirms nothing."""
    guest = at(sam)
    handle = handle_of(open_link(invite(), guest))
    guest.post("invitations:other", {"do": "prove"}, handle=handle)
    code = code_in(mailoutbox[-1])
    page = guest.client.get(guest.path("invitations:prove", handle=handle) + f"?code={code}")
    assert page.status_code == 200
    for _try in range(5):
        assert guest.post("invitations:prove", {"code": "WRONG"}, handle=handle).status_code == 400
    assert guest.post("invitations:prove", {"code": code}, handle=handle).status_code == 400

    guest.post("invitations:other", {"do": "prove"}, handle=handle)
    code = code_in(mailoutbox[-1])
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        assert guest.post("invitations:prove", {"code": code}, handle=handle).status_code == 400

    guest.post("invitations:other", {"do": "prove"}, handle=handle)
    code = code_in(mailoutbox[-1])
    assert guest.post("invitations:prove", {"code": code}, handle=handle).status_code == 302
    assert guest.post("invitations:prove", {"code": code}, handle=handle).status_code == 400


def test_a_revoked_invitation_ends_a_proof_on_its_way(
    invite: Invite, at: At, sam: Account, mailoutbox: list[Any]
) -> None:
    """T08: at the next request, wherever the person is."""
    invitation = invite()
    guest = at(sam)
    landing = open_link(invitation, guest)
    guest.post("invitations:other", {"do": "prove"}, handle=handle_of(landing))
    with schema.in_tenant(guest.tenant):
        revoke_invitation(entry=invitation.entry, by=None)
    code = code_in(mailoutbox[-1])
    answer = guest.post("invitations:prove", {"code": code}, handle=handle_of(landing))
    assert answer.status_code == 410
    assert (
        guest.post("invitations:other", {"do": "ask"}, handle=handle_of(landing)).status_code == 410
    )


def test_the_inviter_is_asked_once_to_correct_the_address(
    invite: Invite, at: At, sam: Account, contoso: Tenant
) -> None:
    guest = at(sam)
    handle = handle_of(open_link(invite(), guest))
    for _click in range(3):
        page = guest.post("invitations:other", {"do": "ask"}, handle=handle)
        assert "is told" in page.content.decode()
    with schema.in_tenant(contoso):
        notice = Notice.objects.get(kind=NoticeKind.ADDRESS_ASKED)
        assert (notice.said, notice.recipient.address) == (sam.email, "alice@contoso.example")
        assert AuditEvent.objects.filter(action=AuditAction.CORRECTION_ASKED).count() == 1
    assert OutgoingMail.objects.filter(kind=MailKind.NOTICES).count() == 1


def test_other_ways_need_an_account_and_a_known_wish(invite: Invite, at: At, sam: Account) -> None:
    stranger = at()
    handle = handle_of(open_link(invite(), stranger))
    assert stranger.post("invitations:other", {"do": "ask"}, handle=handle).status_code == 400
    assert stranger.get("invitations:prove", handle=handle).status_code == 302
    guest = at(sam)
    handle = handle_of(open_link(invite(email="z@tailspin.example"), guest))
    assert guest.post("invitations:other", {"do": "x"}, handle=handle).status_code == 400
    assert guest.get("invitations:prove", handle=handle).status_code == 302


# --- an entry without usable address (product 3.4 b) ----------------------------------------------------


def test_an_address_of_a_contact_leaves_the_entry_without_one(
    invite: Invite, at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    """Only the mailed link finds it; inviting again finds the same entry."""
    with schema.in_tenant(contoso):
        Contact.objects.create(address="gita@northwind.example")
    invitation = invite(redirect_url=ROOMS)
    assert (invitation.entry.address, invitation.entry.no_address) == ("", NoAddress.CONTACT)
    assert invitation.address == "gita@northwind.example"
    with schema.in_tenant(contoso):
        again = resend_invitation(entry=invitation.entry, by=None)
    assert (again.entry_id, again.address) == (invitation.entry_id, "gita@northwind.example")
    page = at(gita).get("consent:enter")
    assert page.status_code == 403
    assert "open the link in that e-mail" in page.content.decode()
    guest = at(gita)
    assert accept(guest, to_review(guest, again))["Location"] == ROOMS
    assert at(gita).get("consent:enter").status_code == 303


def test_an_address_that_is_somebodys_alias_leaves_the_entry_without_one(
    invite: Invite, at: At, sam: Account, gita: Account, contoso: Tenant, mailoutbox: list[Any]
) -> None:
    guest = at(sam)
    landing = open_link(invite(email="shared@northwind.example"), guest)
    prove_mailbox(guest, landing, mailoutbox)
    accept(guest, guest.path("consent:review", handle=handle_of(landing)))
    with schema.in_tenant(contoso):
        EntryAlias.objects.update(address=gita.email)
    second = invite(email=gita.email)
    assert (second.entry.address, second.entry.no_address) == ("", NoAddress.ALIAS)
    own = at(gita)
    assert accept(own, to_review(own, second)).status_code == 303


# --- direct link (product 3.3) -------------------------------------------------------------------------


def test_the_direct_link_redeems_the_one_open_entry_of_a_proved_address(
    invite: Invite, at: At, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    invitation = invite(send_mail=False)
    decoy = invite(tenant=fabrikam)
    guest = at(gita)
    first = guest.get("invitations:home")
    assert first["Location"] == guest.path("consent:enter")
    review = guest.get("consent:enter")
    assert review["Location"] == guest.path("consent:review_direct")
    with schema.in_tenant(contoso):
        assert DirectoryEntry.objects.get(pk=invitation.entry_id).account_id is None
    assert accept(guest, review["Location"]).status_code == 303
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
        assert entry.account_id == gita.pk
        assert entry.consents.get().flow == "direct_link"
    with schema.in_tenant(fabrikam):
        assert DirectoryEntry.objects.get(pk=decoy.entry_id).account_id is None
    assert guest.get("consent:enter")["Location"] == "/organizations/contoso/"


def test_a_new_person_comes_by_the_direct_link_without_any_mail_before(
    invite: Invite, at: At, contoso: Tenant, mailoutbox: list[Any]
) -> None:
    """Product 3.3: works when no invitation was ever mailed; the code makes the account."""
    invite(email="new@woodgrove.example", send_mail=False, redirect_url=ROOMS)
    guest = at()
    assert guest.get("invitations:home")["Location"].startswith("/o/contoso/enter/")
    answer = guest.post("consent:enter", {"address": "New@woodgrove.example "})
    entered = guest.client.post(answer["Location"], {"code": code_in(mailoutbox[-1])})
    assert entered["Location"] == guest.path("consent:enter")
    review = guest.get("consent:enter")["Location"]
    assert accept(guest, review)["Location"] == ROOMS
    assert guest.post("consent:enter", {"address": "x"}).status_code == 403


def test_at_the_direct_link_nobody_learns_who_is_invited(
    invite: Invite, at: At, gita: Account, mailoutbox: list[Any]
) -> None:
    """A01: known, invited and unknown addresses get the same page and one mail each."""
    invite(email="invited@woodgrove.example", send_mail=False)
    seen = set()
    for address in (gita.email, "invited@woodgrove.example", "nobody@woodgrove.example"):
        guest = at()
        answer = guest.post("consent:enter", {"address": address})
        page = guest.client.get(answer["Location"])
        text = page.content.decode().replace(address.partition("@")[0], "x")
        text = text.replace(address.partition("@")[2], "y")
        main = text.partition("<main")[2].partition("csrf")[0]
        seen.add((answer.status_code, answer["Location"], page.status_code, main))
        assert mailoutbox[-1].to == [address]
    assert len(seen) == 1, seen
    assert len(mailoutbox) == 3
    assert not Account.objects.filter(email="nobody@woodgrove.example").exists()
    bad = at().post("consent:enter", {"address": "nonsense"})
    assert (bad.status_code, len(mailoutbox)) == (400, 3)


def test_an_unverified_address_opens_nothing(
    invite: Invite, at: At, sam: Account, contoso: Tenant
) -> None:
    """A05: the attacker adds the invited address and does not verify it."""
    invite(email="victim@northwind.example")
    EmailAddress.objects.create(user=sam, email="victim@northwind.example", verified=False)
    guest = at(sam)
    assert guest.get("consent:enter").status_code == 403
    assert guest.get("consent:review_direct")["Location"] == guest.path("consent:enter")
    data = {"answer": "accept", "statement": "0"}
    assert guest.post("consent:review_direct", data)["Location"] == guest.path("consent:enter")
    EmailAddress.objects.filter(email="victim@northwind.example").update(verified=True)
    assert guest.get("consent:enter")["Location"] == guest.path("consent:review_direct")


def test_strangers_blocked_expired_and_revoked_get_one_page(
    invite: Invite, at: At, sam: Account, contoso: Tenant
) -> None:
    """A01, A07, T06, T08: 403, and nothing tells them apart."""

    def page(account: Account) -> tuple[int, str]:
        answer = at(account).get("consent:enter")
        text = answer.content.decode().replace(account.email.partition("@")[0], "x")
        return answer.status_code, text.partition("<main")[2].partition("csrf")[0]

    def ended(kind: str) -> Account:
        account = make_account(f"{kind.replace(' ', '')}@tailspin.example")
        invitation = invite(email=account.email)
        with schema.in_tenant(contoso):
            entry = DirectoryEntry.objects.filter(pk=invitation.entry_id)
            if kind == "blocked":
                entry.update(enabled=False)
            elif kind == "expired":
                Invitation.objects.filter(pk=invitation.pk).update(expires_at=Now())
            elif kind == "revoked":
                revoke_invitation(entry=invitation.entry, by=None)
            elif kind == "deleted":
                entry.update(deleted_at=Now())
            else:
                entry.update(address="", no_address=NoAddress.CONTACT)
        return account

    kinds = ("blocked", "expired", "revoked", "deleted", "no address")
    seen = {"stranger": page(sam)} | {kind: page(ended(kind)) for kind in kinds}
    assert {status for status, _text in seen.values()} == {403}
    assert len({text for _status, text in seen.values()}) == 1, seen


def test_two_invited_addresses_of_one_account_need_their_links(
    invite: Invite, at: At, gita: Account
) -> None:
    """Exactly one pending entry is redeemed by the direct link, never a guess."""
    invite()
    EmailAddress.objects.create(user=gita, email="gita@second.example", verified=True)
    invite(email="gita@second.example")
    assert at(gita).get("consent:enter").status_code == 403


def test_the_link_is_mailed_again_to_the_invited_mailbox_only(
    invite: Invite, at: At, sam: Account, contoso: Tenant
) -> None:
    """A01, M08: the page says the same whatever is found; ten minutes lie between two mails."""
    invitation = invite()
    promised = OutgoingMail.objects.filter(kind=MailKind.INVITATION, about=invitation.pk)
    guest = at(sam)

    def ask(address: str) -> str:
        answer = guest.post("consent:enter", {"address": address})
        return str(answer.content.decode().partition("<main")[2].partition("csrf")[0])

    pages = {ask(address) for address in (invitation.address, "nobody@x.example", "no address")}
    assert len(pages) == 1
    assert promised.count() == 1
    promised.update(created_at=Now() - timedelta(minutes=11))
    ask(invitation.address)
    assert promised.count() == 2
    assert len(set(promised.values_list("serial", flat=True))) == 1  # the same link
    last = [guest.post("consent:enter", {"address": "x@y.example"}) for _ask in range(10)][-1]
    assert (last.status_code, int(last["Retry-After"]) > 0) == (429, True)


def test_a_second_factor_is_asked_on_the_way_in(
    invite: Invite, at: At, frank: Account, mailoutbox: list[Any]
) -> None:
    """A mailed code alone does not get past it; after it the redemption goes on where it was."""
    guest = at()
    landing = open_link(invite(email=frank.email, redirect_url=ROOMS), guest)
    proved = guest.client.post(landing)["Location"]
    review = guest.path("consent:review", handle=handle_of(landing))
    step = guest.client.post(proved, {"code": code_in(mailoutbox[-1])}, follow=True)
    assert "One more step" in step.content.decode()
    assert guest.client.get(review).status_code == 302
    counter = int(time.time()) // 30
    code = format_hotp_value(hotp_value(SECOND_FACTOR, counter))
    done = guest.client.post(step.redirect_chain[-1][0], {"code": code})
    assert done["Location"] == review
    assert accept(guest, review)["Location"] == ROOMS


def test_a_disabled_account_enters_by_no_way(
    invite: Invite, at: At, gita: Account, mailoutbox: list[Any]
) -> None:
    """A11: the right code signs nobody in; the page says whom to ask, at every entrance."""
    gita.is_active = False
    gita.save()
    guest = at()
    landing = open_link(invite(), guest)
    ways = [
        guest.client.post(landing)["Location"],
        guest.post("consent:enter", {"address": gita.email})["Location"],
    ]
    for way, mail in zip(ways, mailoutbox, strict=True):
        answer = guest.client.post(way, {"code": code_in(mail)}, follow=True)
        assert "This account is disabled" in answer.content.decode()
    assert "_auth_user_id" not in guest.client.session


# --- declining (C11) -----------------------------------------------------------------------------------


def test_who_declined_may_think_again_until_expiry(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """C11: recorded, nothing further given, the inviter told; the link still works."""
    invitation = invite(redirect_url=ROOMS)
    with schema.in_tenant(contoso):
        decline_invitation(invitation)
        decline_invitation(invitation)
        entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
        assert (entry.account_id, entry.consents.count()) == (None, 0)
        assert Notice.objects.filter(kind=NoticeKind.DECLINED).count() == 1
        assert AuditEvent.objects.filter(action=AuditAction.INVITATION_DECLINED).count() == 1
    assert not Membership.objects.filter(account=gita).exists()
    guest = at(gita)
    assert accept(guest, to_review(guest, invitation))["Location"] == ROOMS
    declined = invite(email="late@northwind.example")
    with schema.in_tenant(contoso):
        decline_invitation(declined)
        Invitation.objects.filter(pk=declined.pk).update(expires_at=Now())
    place = at(gita)
    assert place.client.get(open_link(declined, place)).status_code == 410


def test_inviting_somebody_who_declined_replaces_the_old_offer(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """T07, T09: one open invitation, and only the newest link works."""
    first = invite()
    with schema.in_tenant(contoso):
        decline_invitation(first)
    guest = at(gita)
    old = open_link(first, guest)
    second = invite(redirect_url=ROOMS)
    assert guest.client.get(old).status_code == 410
    assert accept(guest, to_review(guest, second))["Location"] == ROOMS


# --- two tabs, two tenants (C06) -----------------------------------------------------------------------


def test_two_tabs_of_two_tenants_do_not_disturb_each_other(
    invite: Invite, at: At, gita: Account, sam: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """C06, N02: each tab completes its own, also when the account is switched in between."""
    mine, theirs = invite(redirect_url=ROOMS), invite(tenant=fabrikam)
    guest = at(sam)
    neighbour = Place(fabrikam, guest.client)
    first, second = open_link(mine, guest), open_link(theirs, neighbour)
    assert guest.client.post(first).status_code == 403
    guest.client.force_login(gita, backend="allauth.account.auth_backends.AuthenticationBackend")
    review_first = guest.client.post(first)["Location"]
    review_second = guest.client.post(second)["Location"]
    assert accept(neighbour, review_second)["Location"] == "/organizations/"
    assert accept(guest, review_first)["Location"] == ROOMS
    crossed = guest.path("consent:review", handle=handle_of(second))
    assert guest.client.get(crossed).status_code == 410
    for tenant in (contoso, fabrikam):
        with schema.in_tenant(tenant):
            assert DirectoryEntry.objects.get(account=gita).consents.count() == 1


def test_a_redemption_belongs_to_the_browser_that_opened_its_ticket(
    invite: Invite, at: At, gita: Account
) -> None:
    """C06: the address of a step without the ticket's cookie opens nothing."""
    review = to_review(at(gita), invite())
    assert at(gita).client.get(review).status_code == 410


@pytest.mark.parametrize("step", ["landing", "wrong", "review"])
def test_a_revocation_ends_a_half_finished_redemption_at_every_step(
    invite: Invite, at: At, gita: Account, sam: Account, contoso: Tenant, step: str
) -> None:
    """T08: also while the consent page is open; the direct link too (403)."""
    invitation = invite(redirect_url=ROOMS)
    guest = at(sam if step == "wrong" else gita)
    landing = open_link(invitation, guest)
    review = guest.path("consent:review", handle=handle_of(landing))
    if step != "landing":
        guest.client.post(landing)
    with schema.in_tenant(contoso):
        revoke_invitation(entry=invitation.entry, by=None)
    assert guest.client.post(landing).status_code == 410
    data = {"answer": "accept", "statement": "0"}
    assert guest.client.post(review, data).status_code == 410
    assert at(gita).get("consent:enter").status_code == 403
