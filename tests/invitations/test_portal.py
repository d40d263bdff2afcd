"""The tenant's web admin through the front door."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from invitations.models import (
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    Invitation,
    LandingPage,
    RoleAssignment,
    TenantPolicy,
)
from invitations.permissions import Role
from invitations.rows import short_date, time_left
from tenants import schema
from tenants.models import Account, OutgoingMail, Tenant
from tests.apps import make_app
from tests.conftest import ROOMS, Invite, Place, add_second_factor

At = Callable[..., Place]
Statements = Callable[[], CaptureQueriesContext]
WEEK = str(7 * 24 * 3600)
FORM = {
    "email": "gita@northwind.example",
    "name": "Gita Nair",
    "language": "en",
    "landing": ROOMS,
    "message": "As agreed.",
    "validity": WEEK,
    "send_mail": "on",
}


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_administrator_invites_and_sees_the_row_at_once(
    at: At, alice: Account, contoso: Tenant
) -> None:
    admin = at(alice)
    assert "Invite a guest" in text(admin.get("invitations:guests"))
    answer = admin.post("invitations:invite", FORM)
    assert answer["Location"] == admin.path("invitations:guests")
    page = text(admin.client.get(answer["Location"]))
    assert "Gita Nair" in page
    assert "Pending acceptance" in page
    assert "Mail queued" in page
    with schema.in_tenant(contoso):
        invitation = Invitation.objects.get(entry__address=FORM["email"])
    assert OutgoingMail.objects.filter(about=invitation.pk).count() == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"email": ""}, "Enter the guest’s e-mail address"),
        ({"email": "gita"}, "Enter one e-mail address"),
        ({"name": "www.evil.example"}, "Take the web address out of the name"),
        ({"message": "https://evil.example"}, "Take the web address out of the message"),
        ({"message": "x" * 501}, "Shorten the message"),
        ({"landing": "https://evil.example/"}, "Select a valid choice"),
        ({"validity": "60"}, "Select a valid choice"),
        ({"language": "xx"}, "Select a valid choice"),
    ],
)
def test_a_bad_field_is_named_and_nothing_typed_is_lost(
    at: At, alice: Account, changed: dict[str, str], words: str
) -> None:
    """M01, M03, M07, C07 through the front door: 400, the field named, the rest kept."""
    answer = at(alice).post("invitations:invite", FORM | changed)
    page = text(answer)
    assert answer.status_code == 400
    assert words in page
    assert "<title>Error: " in re.sub(r"\s+", " ", page).replace("<title> ", "<title>")
    kept = (FORM | changed)["email"] or "Gita Nair"
    assert kept in page


def test_inviting_somebody_who_is_here_already_says_so(
    at: At, alice: Account, invite: Invite, contoso: Tenant
) -> None:
    invitation = invite(display_name="Gita Nair")
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(pk=invitation.entry_id).update(
            invited_at=Now() - timedelta(minutes=1)
        )
    answer = at(alice).post("invitations:invite", FORM)
    assert answer.status_code == 400
    assert "already" in text(answer)
    assert "/resend/" in text(answer)


def test_without_mail_the_administrator_gets_the_link(
    at: At, alice: Account, contoso: Tenant
) -> None:
    admin = at(alice)
    data = {name: value for name, value in FORM.items() if name != "send_mail"}
    answer = admin.post("invitations:invite", data)
    before = text(admin.client.get(answer["Location"]))
    assert "/redeem/" not in before
    assert "is invited. No e-mail is sent" in before
    page = text(admin.client.post(answer["Location"]))
    assert re.search(r"https://testserver/o/contoso/redeem/[\w-]{54}", page)
    assert not OutgoingMail.objects.exists()
    with schema.in_tenant(contoso):
        assert AuditEvent.objects.filter(action=AuditAction.INVITATION_LINK_SHOWN).count() == 1


def test_resend_and_revoke_from_the_list(
    at: At, alice: Account, invite: Invite, contoso: Tenant
) -> None:
    """T08, T09 through the front door; revoking asks first."""
    admin, invitation = at(alice), invite()
    entry_id = invitation.entry_id
    assert admin.get("invitations:resend", entry_id=entry_id).status_code == 405
    admin.post("invitations:resend", entry_id=entry_id)
    with schema.in_tenant(contoso):
        assert Invitation.objects.filter(entry_id=entry_id).count() == 2
    assert admin.get("invitations:revoke", entry_id=entry_id).status_code == 200
    with schema.in_tenant(contoso):
        assert Invitation.objects.open().filter(entry_id=entry_id).exists()
    admin.post("invitations:revoke", entry_id=entry_id)
    with schema.in_tenant(contoso):
        assert not Invitation.objects.open().filter(entry_id=entry_id).exists()
    page = text(admin.client.post(admin.path("invitations:revoke", entry_id=entry_id), follow=True))
    assert "over already" in page


@pytest.mark.parametrize(
    ("state", "shown"),
    [("", 3), ("pending", 2), ("expired", 1), ("accepted", 0), ("revoked", 0), ("declined", 0)],
)
def test_the_list_filters_by_state(
    at: At, alice: Account, invite: Invite, contoso: Tenant, state: str, shown: int
) -> None:
    for number in range(3):
        invite(email=f"g{number}@northwind.example")
    with schema.in_tenant(contoso):
        first = Invitation.objects.filter(entry__address="g0@northwind.example")
        first.update(expires_at=Now())
    admin = at(alice)
    page = text(admin.client.get(admin.path("invitations:guests"), {"state": state}))
    assert len(set(re.findall(r"g\d@", page.replace("<wbr>", "")))) == shown


def test_the_list_finds_by_name_address_and_domain(at: At, alice: Account, invite: Invite) -> None:
    invite(email="gita@northwind.example", display_name="Gita Nair")
    invite(email="sam@tailspin.example", display_name="Sam Oduya")
    admin = at(alice)
    for query in ("nair", "GITA@", "northwind"):
        page = text(admin.client.get(admin.path("invitations:guests"), {"q": query}))
        assert "Gita Nair" in page
        assert "Sam Oduya" not in page
    for odd in ("%", "_", "'", '"', "\\", "\0", "x" * 5000):
        answer = admin.client.get(admin.path("invitations:guests"), {"q": odd})
        assert answer.status_code == 200


def test_the_pages_of_the_list_hold_every_guest_once(
    at: At, alice: Account, contoso: Tenant
) -> None:
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.bulk_create(
            DirectoryEntry(address=f"g{number:03}@northwind.example") for number in range(120)
        )
    admin, seen, pages = at(alice), [], 0
    url = admin.path("invitations:guests")
    while url:
        page = text(admin.client.get(url)).replace("<wbr>", "").replace("&amp;", "&")
        seen += sorted(set(re.findall(r"g\d{3}@northwind\.example", page)))
        pages += 1
        following = re.search(r'href="([^"]*)"[^>]*rel="next"', page)
        url = following[1] if following else ""
        if not url and pages == 3:
            back = re.search(r'href="([^"]*)"[^>]*rel="prev"', page)
            assert back
            assert "g" in text(admin.client.get(back[1]))
    assert pages == 3
    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize("rows", [1, 40])
def test_the_list_costs_six_statements_whatever_the_rows(
    at: At, alice: Account, invite: Invite, statements: Statements, rows: int
) -> None:
    """House style 18: the same number of queries for one guest and for many."""
    for number in range(rows):
        invite(email=f"g{number}@northwind.example", display_name=f"Guest {number}")
    admin = at(alice)
    admin.get("invitations:guests")  # the tenant is in the process's cache from now on
    with statements() as counted:
        assert admin.get("invitations:guests").status_code == 200
    assert len(counted.sql) <= 6, "\n".join(counted.sql)  # type: ignore[attr-defined]


def test_policies_and_landing_pages_are_the_tenants_own(
    at: At, alice: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    admin = at(alice)
    chosen = {"save": "1", "validity": "3600", "allow_links": "on", "remind": "on", "keep": "30"}
    chosen |= {"who_may_invite": "inviters", "domain_rule": "allow"}
    chosen |= {"domains": "Northwind.example\n*.tailspin.example\nbücher.example\n"}
    assert admin.post("invitations:policies", chosen).status_code == 302
    admin.post(
        "invitations:policies",
        {"add": "1", "name": "Drawings", "url": "https://draw.contoso.example/"},
    )
    with schema.in_tenant(contoso):
        policy = TenantPolicy.objects.get()
        assert (policy.validity.total_seconds(), policy.links_in_messages) == (3600, True)
        assert (policy.remind, policy.second_factor_for_administrators) == (True, False)
        assert (policy.who_may_invite, policy.domain_rule) == ("inviters", "allow")
        listed = ["*.tailspin.example", "northwind.example", "xn--bcher-kva.example"]
        assert policy.domains == listed
        assert policy.keep_unredeemed
        assert policy.keep_unredeemed.days == 30
        page = LandingPage.objects.get(name="Drawings")
    admin.post("invitations:policies", {"remove": str(page.pk)})
    with schema.in_tenant(contoso):
        assert not LandingPage.objects.filter(name="Drawings").exists()
    with schema.in_tenant(fabrikam):
        assert TenantPolicy.objects.get().validity.days == 7
        decoy = LandingPage.objects.get()
    assert admin.post("invitations:policies", {"remove": str(decoy.pk)}).status_code == 404
    assert admin.post("invitations:policies", {"remove": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"domains": "northwind.example\nnot a domain"}, "“not” is not a domain"),
        ({"domains": "*"}, "“*” is not a domain"),
        ({"domains": ""}, "Enter at least one domain"),
        ({"who_may_invite": "whoever"}, "not one of the available choices"),
        ({"domain_rule": ""}, "This field is required"),
    ],
)
def test_a_policy_that_cannot_be_used_changes_nothing(
    at: At, alice: Account, contoso: Tenant, changed: dict[str, str], said: str
) -> None:
    """P03."""
    chosen = {"save": "1", "validity": "3600", "keep": "30", "who_may_invite": "nobody"}
    chosen |= {"domain_rule": "allow", "domains": "northwind.example"} | changed
    with schema.in_tenant(contoso):
        before = TenantPolicy.objects.values().get()
    answer = at(alice).post("invitations:policies", chosen)
    assert answer.status_code == 400
    assert said in text(answer)
    with schema.in_tenant(contoso):
        assert TenantPolicy.objects.values().get() == before


def test_inviting_says_what_the_policy_forbids(
    at: At, alice: Account, contoso: Tenant, invite: Invite
) -> None:
    """P03: nobody invites, not even administrators; the form keeps what was typed."""
    open_one = invite(email="x@tailspin.example")
    with schema.in_tenant(contoso):
        TenantPolicy.objects.update(who_may_invite="nobody")
    admin = at(alice)
    answer = admin.post("invitations:invite", FORM)
    assert answer.status_code == 403
    assert "does not let you invite people" in text(answer)
    assert FORM["email"] in text(answer)
    assert admin.post("invitations:resend", entry_id=open_one.entry_id).status_code == 403
    correct = {"entry_id": open_one.entry_id, "action": "correct"}
    data = {"email": "y@tailspin.example"}
    assert admin.post("invitations:act", data, **correct).status_code == 403
    with schema.in_tenant(contoso):
        TenantPolicy.objects.update(
            who_may_invite="members", domain_rule="allow", domains=["northwind.example"]
        )
    path = admin.path("invitations:resend", entry_id=open_one.entry_id)
    said = "does not invite people of this domain"
    assert said in text(admin.client.post(path, follow=True))
    assert said in text(admin.post("invitations:act", data, **correct))
    assert said in text(admin.post("invitations:invite", FORM | {"email": "z@tailspin.example"}))


@pytest.mark.parametrize(
    "url", ["http://draw.contoso.example/", "javascript:alert(1)", "draw", "https://x"]
)
def test_a_landing_page_is_https(at: At, alice: Account, url: str) -> None:
    """C04, C07."""
    data = {"add": "1", "name": "Drawings", "url": url}
    answer = at(alice).post("invitations:policies", data)
    assert answer.status_code == 400
    assert "https://" in text(answer)


ROUTES = [
    ("get", "invitations:guests", False),
    ("get", "invitations:invite", False),
    ("post", "invitations:invite", False),
    ("post", "invitations:resend", True),
    ("get", "invitations:revoke", True),
    ("post", "invitations:revoke", True),
    ("get", "invitations:link", True),
    ("post", "invitations:link", True),
    ("get", "invitations:policies", False),
    ("post", "invitations:policies", False),
    ("get", "consent:privacy", False),
    ("post", "consent:privacy", False),
]


@pytest.mark.parametrize(("method", "name", "has_id"), ROUTES)
def test_staff_pages_are_shut_for_everybody_else(
    at: At,
    invite: Invite,
    gita: Account,
    frank: Account,
    sam: Account,
    contoso: Tenant,
    method: str,
    name: str,
    has_id: bool,
) -> None:
    """P01, N02: strangers sign in, people of other tenants find nothing, guests get 403."""
    invitation = invite(email="x@tailspin.example")
    kwargs = {"entry_id": invitation.entry_id} if has_id else {}
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.create(
            account=gita, address=gita.email, external_user_state="Accepted"
        )

    def ask(account: Account | None) -> Any:
        return getattr(at(account), method)(name, **kwargs)

    assert ask(None).status_code == 302
    assert ask(None)["Location"].startswith("/accounts/login/code/?next=/o/contoso/")
    assert ask(frank).status_code == 404
    assert ask(sam).status_code == 404
    assert ask(gita).status_code == 403


@pytest.mark.parametrize(("method", "name", "has_id"), [row for row in ROUTES if row[2]])
def test_an_id_of_next_door_is_an_id_that_never_existed(
    at: At,
    invite: Invite,
    alice: Account,
    fabrikam: Tenant,
    method: str,
    name: str,
    has_id: bool,
) -> None:
    """N01: 404 with the same body, with the decoy next door."""
    decoy = invite(tenant=fabrikam)
    admin = at(alice)
    foreign = getattr(admin, method)(name, entry_id=decoy.entry_id)
    unknown = getattr(admin, method)(name, entry_id=uuid4())
    assert foreign.status_code == unknown.status_code == 404
    strip = re.compile(rb'value="[^"]*"')
    assert strip.sub(b"", foreign.content) == strip.sub(b"", unknown.content)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_it_may(
    at: At, invite: Invite, gita: Account, contoso: Tenant, role: Role
) -> None:
    """P01 by role: seeing, inviting, managing, settings."""
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.create(
            account=gita, address=gita.email, external_user_state="Accepted", user_type="Member"
        )
        RoleAssignment.objects.create(entry=entry, role=role)
    add_second_factor(gita)
    invitation = invite(email="x@tailspin.example")
    somebody = at(gita)
    found = {
        "guests": somebody.get("invitations:guests").status_code,
        "invite": somebody.get("invitations:invite").status_code,
        "revoke": somebody.get("invitations:revoke", entry_id=invitation.entry_id).status_code,
        "policies": somebody.get("invitations:policies").status_code,
    }
    allowed = {
        Role.ADMINISTRATOR: {"guests", "invite", "revoke", "policies"},
        Role.USER_ADMINISTRATOR: {"guests", "invite", "revoke"},
        Role.GUEST_INVITER: {"guests", "invite"},
        Role.AUDITOR: {"guests"},
    }[role]
    assert found == {name: 200 if name in allowed else 403 for name in found}


def test_a_name_in_mixed_scripts_is_shown_with_a_warning(at: At, alice: Account) -> None:
    """M04, M05: allowed, and pointed out."""
    admin = at(alice)
    data = FORM | {"name": "Соntoso", "email": "g@почта.example"}
    page = text(admin.client.post(admin.path("invitations:invite"), data, follow=True))
    assert "look alike" in page
    assert "g@xn--80a1acny.example" in page.replace("<wbr>", "")


def test_members_are_called_members(at: At, alice: Account, contoso: Tenant) -> None:
    admin = at(alice)
    page = text(admin.client.get(admin.path("invitations:guests"), {"type": "members"}))
    assert "<title>Members – Contoso" in page
    assert "Members, newest invitation first" in page
    page = text(admin.client.get(admin.path("invitations:guests"), {"type": "members", "q": "?"}))
    assert "No member matches." in page
    assert "Show everybody" in page
    with schema.in_tenant(contoso):
        me = DirectoryEntry.objects.get(account=alice)
    page = text(admin.get("invitations:guest", entry_id=me.pk))
    assert re.search(r'class="crumb">\s*<a href="[^"]+type=members">Members', page)


def test_the_app_that_opens_is_named(at: At, alice: Account, contoso: Tenant) -> None:
    """In the list and on the guest's page, also after the app was taken back with the invitation."""
    app = make_app(contoso)
    admin = at(alice)
    data = {"landing": "", "apps": str(app.client.app_id)}
    admin.post("invitations:invite", FORM | data)
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(address=FORM["email"])
    for _ in range(2):
        page = text(admin.get("invitations:guest", entry_id=entry.pk))
        assert "<dt>Opens</dt><dd>Project room</dd>" in page
        admin.post("invitations:revoke", entry_id=entry.pk)
    assert "Project room" in text(admin.get("invitations:guests"))


def test_a_list_of_domains_that_counts_for_nothing_is_not_taken(
    at: At, alice: Account, contoso: Tenant
) -> None:
    """Else an administrator believes that only these may be invited."""
    admin = at(alice)
    data = {"save": "1", "validity": WEEK, "keep": "90", "who_may_invite": "members"}
    rules = {"domain_rule": "any", "domains": "northwind.example"}
    answer = admin.post("invitations:policies", data | rules)
    assert answer.status_code == 400
    assert "Choose what these domains are for" in text(answer)
    for rule in ("allow", "any"):  # switching the rule off needs no clearing
        answer = admin.post("invitations:policies", data | rules | {"domain_rule": rule})
        assert answer.status_code == 302
    with schema.in_tenant(contoso):
        assert TenantPolicy.objects.get().domains == []


@pytest.mark.parametrize(("language", "said"), [("en", "27 Nov 2026"), ("nl", "27 nov 2026")])
def test_dutch_months_are_written_small(language: str, said: str) -> None:
    with translation.override(language):
        assert short_date(datetime(2026, 11, 27, 12, tzinfo=UTC)) == said


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=7, seconds=-20), "Expires in 7 days"),
        (timedelta(days=1, hours=20), "Expires in 1 day"),
        (timedelta(hours=23, minutes=50), "Expires in 1 day"),
        (timedelta(hours=5, minutes=10), "Expires in 5 hours"),
        (timedelta(minutes=5), "Expires in 1 hour"),
    ],
)
def test_what_was_just_sent_for_a_week_expires_in_seven_days(left: timedelta, said: str) -> None:
    assert time_left(timezone.now() + left) == said


@pytest.mark.parametrize(
    ("name", "button", "said"),
    [
        ("invitations:contacts", "add", ["Enter an e-mail address"]),
        ("invitations:policies", "add", ["Enter a name", "Enter a full web address"]),
    ],
)
def test_a_field_left_empty_is_named(
    at: At, alice: Account, name: str, button: str, said: list[str]
) -> None:
    page = text(at(alice).post(name, {button: "1"}))
    assert all(words in page for words in said)
    assert "This field is required" not in page


def test_who_was_signed_out_meanwhile_is_told_that_nothing_was_saved(
    at: At, alice: Account
) -> None:
    """The button's own address may have no page: back to the one that it was on."""
    nobody, admin = at(), at(alice)
    page = nobody.path("invitations:guests")
    answer = nobody.client.post(
        nobody.path("invitations:resend", entry_id=uuid4()),
        headers={"referer": f"https://testserver{page}"},
    )
    assert answer["Location"] == f"/accounts/login/code/?next={page}"
    admin.client.cookies.update(nobody.client.cookies)
    assert "so nothing was saved or sent" in text(admin.client.get(page))
    for elsewhere in ("https://evil.example/o/contoso/", "https://testserver/o/fabrikam/", "x"):
        path = nobody.path("invitations:invite")
        answer = nobody.client.post(path, headers={"referer": elsewhere})
        assert answer["Location"] == f"/accounts/login/code/?next={path}"


def test_who_may_not_invite_is_told_before_the_form_is_filled(
    at: At, alice: Account, contoso: Tenant
) -> None:
    """P03: with the way to change it, for who may."""
    admin, said = at(alice), "does not let you invite people. <a href"
    assert said not in text(admin.get("invitations:invite"))
    with schema.in_tenant(contoso):
        TenantPolicy.objects.update(who_may_invite="nobody")
    assert said in text(admin.get("invitations:invite"))
