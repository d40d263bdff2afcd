"""*Invite someone from outside*: what owners of apps and groups do without an administrator."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from invitations import pages
from invitations.models import (
    AppAssignment,
    AuditEvent,
    DirectoryEntry,
    Invitation,
    Sponsorship,
    TenantPolicy,
    WhoMayEnter,
)
from invitations.permissions import WhoMayInvite
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.directory import block_sign_in, delete_entry, unblock_sign_in
from invitations.services.manage import resend_invitation, revoke_invitation
from invitations.services.owners import add_owner, take_owner
from tenants import schema
from tenants.models import Account, MailKind, OutgoingMail, Tenant
from tests.apps import App, make_app
from tests.conftest import Invite, Place
from tests.portal import insider, make_group, text
from tests.rows import checksum

At = Callable[..., Place]


def owned(tenant: Tenant, entry: DirectoryEntry, name: str = "Drawings") -> App:
    """An app of this person's."""
    app = make_app(tenant, name=name, who_may_enter=WhoMayEnter.ASSIGNED)
    with schema.in_tenant(tenant):
        add_owner(app.client.app, owner=entry, by=None)
    return app


def asked(app: App, *addresses: str, **more: str) -> dict[str, str]:
    return {"thing": f"app:{app.client.app_id}", "to": "\n".join(addresses), **more}


@pytest.fixture
def mara(contoso: Tenant, sam: Account) -> DirectoryEntry:
    """A member without any role."""
    return insider(contoso, sam)


@pytest.fixture
def drawings(contoso: Tenant, mara: DirectoryEntry) -> App:
    return owned(contoso, mara)


def set_policy(tenant: Tenant, **changed: Any) -> None:
    with schema.in_tenant(tenant):
        TenantPolicy.objects.update(**changed)


def test_a_member_invites_to_an_app_of_their_own(
    at: At, sam: Account, mara: DirectoryEntry, drawings: App, contoso: Tenant, fabrikam: Tenant
) -> None:
    """P04: one's own apps and groups are offered and nobody else's."""
    make_app(contoso, name="Ledger view")
    group = make_group(contoso)
    with schema.in_tenant(contoso):
        add_owner(group, owner=mara, by=None)
    before = checksum(fabrikam)
    person = at(sam)
    page = text(person.get("invitations:share"))
    assert "Drawings" in page
    assert "Builders" in page
    assert "Ledger view" not in page
    assert "Invitations expire after 7 days." in page
    data = asked(drawings, "One@Northwind.example", "", "two@northwind.example")
    answer = person.client.post(person.path("invitations:share"), data, follow=True)
    assert "2 invitations are on their way." in text(answer)
    with schema.in_tenant(contoso):
        invitations = Invitation.objects.filter(invited_by=mara)
        assert {each.address for each in invitations} == {
            "one@northwind.example",
            "two@northwind.example",
        }
        entry = DirectoryEntry.objects.get(address="one@northwind.example")
        assert Sponsorship.objects.get(entry=entry).sponsor == mara
        assert AppAssignment.objects.get(entry=entry).app_id == drawings.client.app_id
        mails = OutgoingMail.objects.filter(about__in=[each.pk for each in invitations])
        assert [mail.kind for mail in mails] == [MailKind.INVITATION] * 2
    data = {"thing": f"group:{group.pk}", "to": "three@northwind.example"}
    assert person.post("invitations:share", data).status_code == 302
    with schema.in_tenant(contoso):
        assert group.members.get().entry.address == "three@northwind.example"
    assert checksum(fabrikam) == before


def test_what_is_not_ones_own_is_refused(
    at: At, sam: Account, drawings: App, contoso: Tenant, fabrikam: Tenant
) -> None:
    """P04, N01: another one's app, the neighbour's and one that never was are refused alike."""
    others = [make_app(contoso, name="Ledger view"), make_app(fabrikam, name="Drawings")]
    before = checksum(contoso)
    person = at(sam)
    for value in [*(f"app:{app.client.app_id}" for app in others), f"app:{uuid4()}", "x"]:
        data = {"thing": value, "to": "new@northwind.example"}
        assert person.post("invitations:share", data).status_code == 403
    assert checksum(contoso) == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"to": ""}, "Enter at least one e-mail address"),
        ({"to": "good@northwind.example\nbad"}, "bad: Enter one e-mail address"),
        ({"to": "\n".join(f"p{n}@northwind.example" for n in range(6))}, "one to five addresses"),
        ({"message": "see https://x.example"}, "Take the web address out of the message"),
        ({"message": "x" * 501}, "Shorten the message"),
        ({"thing": ""}, "Choose what to share"),
    ],
)
def test_a_form_that_cannot_be_used_loses_nothing(
    at: At, sam: Account, drawings: App, contoso: Tenant, changed: dict[str, str], said: str
) -> None:
    before = checksum(contoso)
    data = asked(drawings, "good@northwind.example", message="Hello there") | changed
    answer = at(sam).post("invitations:share", data)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert said in page
    assert "Nobody has been invited yet" in page
    assert data["message"] in page
    assert data["to"].splitlines()[:1] == [] or data["to"].splitlines()[0] in page
    assert checksum(contoso) == before


def test_all_are_invited_or_nobody(at: At, sam: Account, drawings: App, contoso: Tenant) -> None:
    set_policy(contoso, domain_rule="deny", domains=["rival.example"])
    before = checksum(contoso)
    data = asked(drawings, "good@northwind.example", "spy@rival.example")
    answer = at(sam).post("invitations:share", data)
    assert answer.status_code == 400
    assert "spy@rival.example: This organization does not invite people" in text(answer)
    assert checksum(contoso) == before


def test_who_is_here_already_gets_the_app_and_a_mail(
    at: At, sam: Account, gita: Account, drawings: App, contoso: Tenant, invite: Invite
) -> None:
    """Somebody else's guest and somebody else's open invitation: no second one of either."""
    guest = insider(contoso, gita, kind="Guest")
    pending = invite(email="pending@tailspin.example")
    person = at(sam)
    data = asked(drawings, gita.email, "pending@tailspin.example")
    answer = person.client.post(person.path("invitations:share"), data, follow=True)
    assert f"Here already, now with Drawings: {gita.email}." in text(answer)
    assert "Your message" not in text(answer)
    said = person.client.post(
        person.path("invitations:share"), data | {"message": "Welcome"}, follow=True
    )
    assert "Your message did not go to them." in text(said)
    assert "Invited already, Drawings comes with it: pending@tailspin.example." in text(answer)
    with schema.in_tenant(contoso):
        block_sign_in(entry=guest, by=None)
    answer = person.client.post(
        person.path("invitations:share"), asked(drawings, gita.email), follow=True
    )
    assert f"{gita.email} cannot enter" in text(answer)
    with schema.in_tenant(contoso):
        unblock_sign_in(entry=guest, by=None)
    with schema.in_tenant(contoso):
        given = AppAssignment.objects.filter(app=drawings.client.app_id)
        assert {each.entry_id for each in given} == {guest.pk, pending.entry_id}
        told = OutgoingMail.objects.filter(kind=MailKind.ACCESS_GIVEN)
        assert [mail.about for mail in told] == [given.get(entry=guest).pk]
        assert Invitation.objects.get(entry=pending.entry_id) == pending
    person.post("invitations:share", data)
    with schema.in_tenant(contoso):
        assert OutgoingMail.objects.filter(kind=MailKind.ACCESS_GIVEN).count() == 1


@pytest.mark.parametrize("level", list(WhoMayInvite))
@pytest.mark.parametrize("kind", ["Member", "Guest"])
def test_the_policy_decides_who_may(
    at: At, gita: Account, contoso: Tenant, level: WhoMayInvite, kind: str
) -> None:
    """P03: five levels, for members and for guests who own an app; also what is open already."""
    entry = insider(contoso, gita, kind=kind)
    app = owned(contoso, entry)
    person = at(gita)
    set_policy(contoso, who_may_invite=WhoMayInvite.EVERYONE)
    person.post("invitations:share", asked(app, "before@northwind.example"))
    with schema.in_tenant(contoso):
        row = DirectoryEntry.objects.get(address="before@northwind.example")
    set_policy(contoso, who_may_invite=level)
    allowed = level == WhoMayInvite.EVERYONE or (level == WhoMayInvite.MEMBERS and kind == "Member")
    answers = [
        person.get("invitations:share").status_code,
        person.post("invitations:share", asked(app, "new@northwind.example")).status_code,
        person.post("invitations:share_resend", entry_id=row.pk).status_code,
        person.post(
            "invitations:share_correct", {"email": "x@northwind.example"}, entry_id=row.pk
        ).status_code,
    ]
    assert answers == ([200, 302, 302, 302] if allowed else [403] * 4)
    with schema.in_tenant(contoso):
        assert DirectoryEntry.objects.filter(address="new@northwind.example").exists() == allowed


def test_a_dead_link_is_called_dead_where_the_inviter_looks(
    at: At, sam: Account, alice: Account, drawings: App, contoso: Tenant
) -> None:
    """P03: the policy changed meanwhile; nobody has to wonder why the guest cannot come in."""
    person, admin = at(sam), at(alice)
    person.post("invitations:share", asked(drawings, "mine@northwind.example"))
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(address="mine@northwind.example")

    def said() -> list[bool]:
        pages = [
            person.get("invitations:share"),
            admin.get("invitations:guests"),
            admin.get("invitations:guest", entry_id=entry.pk),
        ]
        return ["Not within the invitation policy" in text(page) for page in pages]

    assert said() == [False] * 3
    set_policy(contoso, domain_rule="deny", domains=["northwind.example"])
    assert said() == [True] * 3
    set_policy(contoso, domain_rule="any", domains=[])
    with schema.in_tenant(contoso):
        take_owner(drawings.client.app, owner=DirectoryEntry.objects.get(account=sam), by=None)
    assert said() == [True] * 3


def test_ones_own_invitations_and_nobody_elses(
    at: At, sam: Account, drawings: App, contoso: Tenant, fabrikam: Tenant, invite: Invite
) -> None:
    """N01, P04: sees, resends, corrects and ends what one sent; another's is not there."""
    person = at(sam)
    person.post("invitations:share", asked(drawings, "mine@northwind.example"))
    others = [invite(email="theirs@northwind.example"), invite(tenant=fabrikam)]
    page = text(person.get("invitations:share")).replace("<wbr>", "")
    assert "mine@northwind.example" in page
    assert "theirs@northwind.example" not in page
    before = checksum(contoso), checksum(fabrikam)
    unknown = [each.entry_id for each in others] + [uuid4()]
    for name in ("share_resend", "share_correct", "share_end"):
        data = {"email": "x@y.example"}
        found = [person.post(f"invitations:{name}", data, entry_id=pk) for pk in unknown]
        assert {answer.status_code for answer in found} == {404}
    assert (checksum(contoso), checksum(fabrikam)) == before

    with schema.in_tenant(contoso):
        mine = DirectoryEntry.objects.get(address="mine@northwind.example")
    one = {"entry_id": mine.pk}
    assert person.post("invitations:share_resend", **one).status_code == 302
    assert person.get("invitations:share_correct", **one).status_code == 200
    taken = {"email": "theirs@northwind.example"}
    for bad in ({"email": "x"}, taken):
        assert person.post("invitations:share_correct", bad, **one).status_code == 400
    good = {"email": "corrected@northwind.example"}
    assert person.post("invitations:share_correct", good, **one).status_code == 302
    with schema.in_tenant(contoso):
        newest = Invitation.objects.get(entry=mine, status="pending_acceptance")
        assert newest.address == "corrected@northwind.example"
        assert AppAssignment.objects.get(entry=mine).given_with == newest
    assert "stops working" in text(person.get("invitations:share_end", **one))
    assert person.post("invitations:share_end", **one).status_code == 302
    with schema.in_tenant(contoso):
        assert not AppAssignment.objects.filter(entry=mine).exists()
        assert AuditEvent.objects.filter(action="invitation.revoked", entry_id=mine.pk).exists()
    path = person.path("invitations:share_end", **one)
    assert "not possible any more" in text(person.client.post(path, follow=True))


def test_an_owner_sends_an_ended_invitation_again(
    at: At, sam: Account, drawings: App, contoso: Tenant, fabrikam: Tenant
) -> None:
    """Ended by mistake: both ways back are open, and bring the app (P04 asks for the offer)."""
    owned(fabrikam, insider(fabrikam, sam))
    before = checksum(fabrikam)
    person = at(sam)
    person.post("invitations:share", asked(drawings, "mine@northwind.example"))
    with schema.in_tenant(contoso):
        one = {"entry_id": DirectoryEntry.objects.get(address="mine@northwind.example").pk}
    corrected = {"email": "corrected@northwind.example"}
    for name, data in (("share_resend", {}), ("share_correct", corrected)):
        assert person.post("invitations:share_end", **one).status_code == 302
        with schema.in_tenant(contoso):
            assert not AppAssignment.objects.exists()
        assert person.post(f"invitations:{name}", data, **one).status_code == 302
        with schema.in_tenant(contoso):
            assert AppAssignment.objects.get().given_with == Invitation.objects.open().get()
    with schema.in_tenant(contoso):
        assert Invitation.objects.open().get().address == corrected["email"]
    assert checksum(fabrikam) == before


def test_ending_takes_ones_own_apps_from_a_guest_who_is_in(
    at: At, sam: Account, gita: Account, mara: DirectoryEntry, drawings: App, contoso: Tenant
) -> None:
    other = make_app(contoso, name="Ledger view")
    group = make_group(contoso)
    person = at(sam)
    person.post("invitations:share", asked(drawings, gita.email))
    with schema.in_tenant(contoso):
        add_owner(group, owner=mara, by=None)
        guest = DirectoryEntry.objects.get(address=gita.email)
        DirectoryEntry.objects.filter(pk=guest.pk).update(
            account=gita, external_user_state="Accepted"
        )
        services.assign(other.client.app, to=guest, by=None)
        groups.add_to_group(group, entry=guest, by=None)
    page = text(person.get("invitations:share_end", entry_id=guest.pk))
    assert "only an administrator can remove them" in page
    assert person.post("invitations:share_end", entry_id=guest.pk).status_code == 302
    with schema.in_tenant(contoso):
        left = AppAssignment.objects.get(entry=guest)
        assert left.app_id == other.client.app_id
        assert not group.members.exists()
        assert DirectoryEntry.objects.present().filter(pk=guest.pk).exists()


@pytest.mark.parametrize("by_group", [False, True])
def test_an_owner_takes_back_what_they_gave_to_somebody_elses_guest(
    at: At,
    sam: Account,
    gita: Account,
    mara: DirectoryEntry,
    drawings: App,
    contoso: Tenant,
    fabrikam: Tenant,
    by_group: bool,
) -> None:
    """Given here means ended here; the person, and what others gave them, stay. N01: a guest of
    next door, who has the neighbour's app, is nobody."""
    guest, there = (insider(tenant, gita, kind="Guest") for tenant in (contoso, fabrikam))
    theirs = make_app(fabrikam, name="Drawings", who_may_enter=WhoMayEnter.ASSIGNED)
    other = make_app(contoso, name="Ledger view", who_may_enter=WhoMayEnter.ASSIGNED)
    group = make_group(contoso)
    with schema.in_tenant(contoso):
        add_owner(group, owner=mara, by=None)
        services.assign(other.client.app, to=guest, by=None)
    with schema.in_tenant(fabrikam):
        services.assign(theirs.client.app, to=there, by=None)
    before = checksum(fabrikam)
    person, one = at(sam), {"entry_id": guest.pk}
    assert "Nobody yet" in text(person.get("invitations:share"))
    assert person.get("invitations:share_end", **one).status_code == 404
    thing = f"group:{group.pk}" if by_group else f"app:{drawings.client.app_id}"
    person.post("invitations:share", {"thing": thing, "to": gita.email})
    page = text(person.get("invitations:share")).replace("<wbr>", "")
    assert gita.email in page
    assert "Invited by somebody else" in page
    assert "Resend" not in page
    corrected = {"email": "x@northwind.example"}
    for name, data in (("share_resend", {}), ("share_correct", corrected)):
        assert person.post(f"invitations:{name}", data, **one).status_code == 404
    assert person.get("invitations:share_end", entry_id=there.pk).status_code == 404
    assert "only an administrator can remove" in text(person.get("invitations:share_end", **one))
    assert person.post("invitations:share_end", **one).status_code == 302
    assert "Nobody yet" in text(person.get("invitations:share"))
    assert person.post("invitations:share_end", **one).status_code == 404
    with schema.in_tenant(contoso):
        assert AppAssignment.objects.get(entry=guest).app_id == other.client.app_id
        assert not group.members.exists()
        assert DirectoryEntry.objects.present().filter(pk=guest.pk, enabled=True).exists()
    assert checksum(fabrikam) == before


def test_an_owner_takes_an_app_from_a_pending_guest_and_leaves_the_invitation(
    at: At, sam: Account, drawings: App, contoso: Tenant, invite: Invite
) -> None:
    """Somebody else's offer is theirs to end."""
    ledger = make_app(contoso, name="Ledger view", who_may_enter=WhoMayEnter.ASSIGNED)
    theirs = invite(email="theirs@northwind.example", apps=[ledger.client.app])
    person, one = at(sam), {"entry_id": theirs.entry_id}
    person.post("invitations:share", asked(drawings, theirs.address))
    assert "somebody else sent, stays" in text(person.get("invitations:share_end", **one))
    assert person.post("invitations:share_end", **one).status_code == 302
    with schema.in_tenant(contoso):
        assert Invitation.objects.open().filter(pk=theirs.pk).exists()
        assert AppAssignment.objects.get(entry=theirs.entry_id).app_id == ledger.client.app_id


def test_what_is_shared_with_a_pending_guest_goes_with_the_invitation(
    at: At, sam: Account, mara: DirectoryEntry, drawings: App, contoso: Tenant, invite: Invite
) -> None:
    """Also where somebody else revokes it, as the person never came; and their offer, sent again,
    is what they offered."""
    group = make_group(contoso)
    ledger = make_app(contoso, name="Ledger view", who_may_enter=WhoMayEnter.ASSIGNED)
    theirs = invite(email="theirs@northwind.example", apps=[ledger.client.app])
    with schema.in_tenant(contoso):
        add_owner(group, owner=mara, by=None)
    person = at(sam)
    for thing in (f"app:{drawings.client.app_id}", f"group:{group.pk}"):
        person.post("invitations:share", {"thing": thing, "to": theirs.address})
    with schema.in_tenant(contoso):
        second = resend_invitation(entry=theirs.entry, by=None)
        assert AppAssignment.objects.filter(given_with=second).count() == 2
        assert group.members.get().given_with == second
        revoke_invitation(entry=theirs.entry, by=None)
        assert not AppAssignment.objects.exists()
        assert not group.members.exists()
        resend_invitation(entry=theirs.entry, by=None)
        assert AppAssignment.objects.get().app_id == ledger.client.app_id
    assert "Nobody yet" in text(person.get("invitations:share"))


def test_members_and_oneself_are_not_ones_guests(
    at: At, gita: Account, alice: Account, contoso: Tenant
) -> None:
    """Who owns an app and uses it does not end that here; nor does it list the staff."""
    entry = insider(contoso, gita, kind="Guest")
    app = owned(contoso, entry)
    set_policy(contoso, who_may_invite=WhoMayInvite.EVERYONE)
    with schema.in_tenant(contoso):
        admin = DirectoryEntry.objects.get(address=alice.email)
        for each in (entry, admin):
            services.assign(app.client.app, to=each, by=None)
    person = at(gita)
    assert "Nobody yet" in text(person.get("invitations:share"))
    for each in (entry, admin):
        assert person.get("invitations:share_end", entry_id=each.pk).status_code == 404


def test_guests_are_counted_who_are_there_however_they_came(
    at: At,
    sam: Account,
    mara: DirectoryEntry,
    drawings: App,
    contoso: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a group too, each once; members and who is deleted are no guests now; counts are capped."""
    group = make_group(contoso)
    with schema.in_tenant(contoso):
        add_owner(group, owner=mara, by=None)
        app = drawings.client.app
        services.assign(app, to=group, by=None)
        direct, both, inside, gone, gone_too = (
            DirectoryEntry.objects.create(address=f"c{number}@northwind.example")
            for number in range(5)
        )
        for entry in (direct, both, gone, mara):
            services.assign(app, to=entry, by=None)
        for entry in (both, inside, gone_too, mara):
            groups.add_to_group(group, entry=entry, by=None)
        for entry in (gone, gone_too):
            delete_entry(entry=entry, by=None)
    page = text(at(sam).get("invitations:share"))
    assert re.findall(r"(\d+) guests? now", page) == ["3", "2"]
    monkeypatch.setattr(pages, "CAP", 2)
    page = text(at(sam).get("invitations:share"))
    assert re.findall(r"(\d+\+?) guests? now", page) == ["2+", "2"]


def test_who_owns_nothing_is_told_whom_to_ask(at: At, sam: Account, mara: DirectoryEntry) -> None:
    page = at(sam).get("invitations:share")
    assert page.status_code == 200
    assert "An administrator of Contoso can make you an owner" in text(page)
    data = {"thing": f"app:{uuid4()}", "to": "x@northwind.example"}
    assert at(sam).post("invitations:share", data).status_code == 403


def test_the_list_says_what_one_gave_and_nothing_of_others(
    at: At, sam: Account, gita: Account, drawings: App, contoso: Tenant
) -> None:
    """The owner's own app and group beside each guest, and before they are taken away."""
    guest, secret = insider(contoso, gita, kind="Guest"), make_app(contoso, name="Secret")
    group = make_group(contoso, "Roofers")
    with schema.in_tenant(contoso):
        add_owner(group, owner=DirectoryEntry.objects.get(account=sam), by=None)
        for app in (drawings.client.app, secret.client.app):
            services.assign(app, to=guest, by=None)
        services.assign(secret.client.app, to=group, by=None)
        groups.add_to_group(group, entry=guest, by=None)
    page = text(at(sam).get("invitations:share"))
    assert '<span class="sub">Drawings, Roofers</span>' in page
    assert "Group · gives Secret · 1 guest now" in page
    asks = text(at(sam).get("invitations:share_end", entry_id=guest.pk))
    assert "This is taken away at once: Drawings, Roofers." in asks
    assert "Secret" not in asks


def test_strangers_sign_in_and_other_tenants_find_nothing(at: At, frank: Account) -> None:
    """P01, N02."""
    assert at().get("invitations:share").status_code == 302
    assert at(frank).get("invitations:share").status_code == 404


def test_the_page_costs_the_same_with_many(
    at: At, sam: Account, mara: DirectoryEntry, drawings: App, contoso: Tenant, statements: Any
) -> None:
    person = at(sam)
    person.post("invitations:share", asked(drawings, "one@northwind.example"))

    def cost() -> int:
        with statements() as counted:
            assert person.get("invitations:share").status_code == 200
        return len(counted.sql)

    cost()
    before = cost()
    for number in range(8):
        app = owned(contoso, mara, f"App {number}")
        person.post("invitations:share", asked(app, f"p{number}@northwind.example"))
        with schema.in_tenant(contoso):
            entry = DirectoryEntry.objects.create(address=f"q{number}@northwind.example")
            services.assign(app.client.app, to=entry, by=None)
    assert cost() == before <= 11
    page = text(person.get("invitations:share"))
    assert "All your 17 guests" in page
    everybody = text(person.client.get(person.path("invitations:share") + "?all"))
    assert all(f"p{number}@" in everybody for number in range(8))
