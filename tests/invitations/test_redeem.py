"""From the mailed link to the app, and everything that ends on the one page instead."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail as django_mail
from django.db.models.functions import Now
from django.test import Client

from invitations import redemption, tickets
from invitations.models import AuditAction, AuditEvent, DirectoryEntry, Invitation, LandingPage
from invitations.services.manage import resend_invitation, revoke_invitation
from invitations.states import ExternalUserState, InvitationStatus
from tenants import schema
from tenants.models import Account, Membership, OutgoingMail, Tenant
from tests.browserless import accept, code_in, handle_of, open_link, ticket_path
from tests.conftest import ROOMS, Invite, Place

At = Callable[..., Place]
CSRF = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"')


def body(answer: Any) -> bytes:
    """The page without what is random in every form."""
    return CSRF.sub(b"", answer.content)


def rows(tenant: Tenant) -> list[Any]:
    """Everything a redemption could change in a tenant."""
    with schema.in_tenant(tenant):
        return [
            list(DirectoryEntry.objects.order_by("pk").values()),
            list(Invitation.objects.order_by("pk").values()),
            list(AuditEvent.objects.order_by("pk").values()),
        ]


def test_a_new_person_redeems_with_a_mailed_code(
    invite: Invite, at: At, contoso: Tenant, mailoutbox: list[Any]
) -> None:
    """The whole way: link, landing, code, review, accept, app; the code makes the account."""
    invitation = invite(email="new@tailspin.example", redirect_url=ROOMS)
    guest = at()
    landing = open_link(invitation, guest)
    page = guest.client.get(landing)
    assert "new@tailspin.example" not in page.content.decode()
    assert "n•••••••@tailspin.example" in page.content.decode()

    answer = guest.client.post(landing)
    assert answer["Location"] == guest.path("invitations:prove", handle=handle_of(landing))
    assert not Account.objects.filter(email="new@tailspin.example").exists()
    assert [message.to for message in mailoutbox] == [["new@tailspin.example"]]
    answer = guest.client.post(answer["Location"], {"code": code_in(mailoutbox[0])})
    review = guest.path("consent:review", handle=handle_of(landing))
    assert answer["Location"] == review

    answer = accept(guest, review)
    assert (answer.status_code, answer["Location"]) == (303, ROOMS)
    account = Account.objects.get(email="new@tailspin.example")
    assert not account.has_usable_password()
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
        assert (entry.account_id, entry.external_user_state) == (
            account.pk,
            ExternalUserState.ACCEPTED,
        )
        assert AuditEvent.objects.filter(action=AuditAction.INVITATION_COMPLETED).count() == 2
    assert Membership.objects.get(account=account).tenant == contoso


def test_somebody_signed_in_with_the_invited_address_needs_no_code(
    invite: Invite, at: At, gita: Account, mailoutbox: list[Any]
) -> None:
    guest = at(gita)
    landing = open_link(invite(redirect_url=ROOMS), guest)
    review = guest.client.post(landing)["Location"]
    assert accept(guest, review)["Location"] == ROOMS
    assert not mailoutbox


def test_without_a_landing_page_the_guest_arrives_at_my_access(
    invite: Invite, at: At, gita: Account
) -> None:
    guest = at(gita)
    landing = open_link(invite(), guest)
    answer = accept(guest, guest.client.post(landing)["Location"])
    assert answer["Location"] == "/organizations/"
    assert "Contoso" in guest.client.get("/organizations/").content.decode()


def test_a_landing_page_that_was_removed_is_not_used_any_more(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """C07: checked when created, and checked again when used."""
    guest = at(gita)
    landing = open_link(invite(redirect_url=ROOMS), guest)
    with schema.in_tenant(contoso):
        LandingPage.objects.all().delete()
    answer = accept(guest, guest.client.post(landing)["Location"])
    assert answer["Location"] == "/organizations/"


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_scanners_change_nothing_and_the_person_redeems_afterwards(
    invite: Invite,
    at: At,
    gita: Account,
    contoso: Tenant,
    mailoutbox: list[Any],
    method: str,
) -> None:
    """T12: GET, HEAD and OPTIONS, fifty times, with any agent, following redirects."""
    invitation = invite(redirect_url=ROOMS)
    before, promised = rows(contoso), OutgoingMail.objects.count()
    for number in range(50):
        scanner = at().client
        path = ticket_path(invitation, at())
        scanner.generic(method.upper(), path, HTTP_USER_AGENT=f"scanner/{number}")
        getattr(scanner, method)(path, follow=True)
    assert rows(contoso) == before
    assert (len(mailoutbox), OutgoingMail.objects.count()) == (0, promised)
    guest = at(gita)
    landing = open_link(invitation, guest)
    assert accept(guest, guest.client.post(landing)["Location"])["Location"] == ROOMS


def test_the_ticket_leaves_the_address_bar_at_once(invite: Invite, at: At) -> None:
    """T13: 303 to a URL without it, no referrer, no store, no index, nothing loaded elsewhere."""
    guest = at()
    path = ticket_path(invite(), guest)
    ticket = path.rpartition("/")[2]
    first = guest.client.get(path)
    landing = guest.client.get(first["Location"])
    assert ticket not in first["Location"]
    assert ticket not in landing.content.decode()
    assert first["Referrer-Policy"] == "no-referrer"
    assert landing["Referrer-Policy"] == "same-origin"
    for answer in (first, landing):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"
    links = re.findall(r'(?:src|href|action)="([^"]*)"', landing.content.decode())
    assert links
    assert all(link.startswith(("/", "#")) for link in links), links
    assert "<script" not in landing.content.decode()


def dead_tickets(invite: Invite, contoso: Tenant, fabrikam: Tenant) -> dict[str, str]:
    """A ticket of each dead kind, as the path somebody would open at Contoso."""
    paths = {}

    def path(invitation: Invitation, tenant: Tenant = contoso) -> str:
        with schema.in_tenant(tenant):
            link = redemption.link_path(invitation, tickets.Purpose.REDEEM)
        return link.replace("/fabrikam/", "/contoso/")

    with schema.in_tenant(contoso):
        expired = invite(email="a@tailspin.example")
        Invitation.objects.filter(pk=expired.pk).update(expires_at=Now())
        paths["expired"] = path(expired)
        revoked = invite(email="b@tailspin.example")
        paths["revoked"] = path(revoked)
        revoke_invitation(entry=revoked.entry, by=None)
        replaced = invite(email="d@tailspin.example")
        paths["replaced"] = path(replaced)
        resend_invitation(entry=replaced.entry, by=None)
        used = Invitation.objects.get(entry__address="alice@contoso.example")
        paths["used by another"] = path(used)
        deleted = invite(email="e@tailspin.example")
        paths["deleted"] = path(deleted)
        DirectoryEntry.objects.filter(pk=deleted.entry_id).update(deleted_at=Now())
        blocked = invite(email="f@tailspin.example")
        paths["disabled"] = path(blocked)
        DirectoryEntry.objects.filter(pk=blocked.entry_id).update(enabled=False)
    paths["next door"] = path(invite(tenant=fabrikam), fabrikam)
    paths["forged"] = paths["expired"][:-1] + ("A" if paths["expired"][-1] != "A" else "B")
    paths["nonsense"] = "/o/contoso/redeem/hello"
    return paths


def test_all_dead_tickets_look_alike(
    invite: Invite, at: At, sam: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """T01, T05, T06, T08, T09, T11: unknown, used, expired, revoked, replaced, another tenant's."""
    paths = dead_tickets(invite, contoso, fabrikam)
    for somebody in (None, sam):
        answers = {}
        for kind, path in paths.items():
            answer = at(somebody).client.get(path, follow=True)
            answers[kind] = (answer.status_code, body(answer))
        assert {status for status, _ in answers.values()} == {410}
        pages = {page for _, page in answers.values()}
        assert len(pages) == 1, [kind for kind in answers if answers[kind] != answers["forged"]]
        page = pages.pop().decode()
        assert not any(word in page for word in ("Contoso", "Fabrikam", "tailspin.example</dd>"))


def test_the_31st_miss_in_a_minute_is_429(at: At, contoso: Tenant) -> None:
    """T01: guessing is slowed down, for one address, in whole seconds."""
    guest = at()
    statuses = [guest.client.get(f"/o/contoso/redeem/{n}").status_code for n in range(31)]
    assert statuses == [410] * 30 + [429]
    answer = guest.client.get("/o/contoso/redeem/x")
    assert answer["Retry-After"].isdigit()
    other = guest.client.get("/o/contoso/redeem/x", REMOTE_ADDR="192.0.2.9")
    assert other.status_code == 410


def test_a_forged_forwarded_for_header_buys_no_extra_try(at: At) -> None:
    """A03, T01: it is ignored unless the operator named his proxies."""
    guest = at()
    statuses = {
        guest.client.get("/o/contoso/redeem/x", HTTP_X_FORWARDED_FOR=f"192.0.2.{n}").status_code
        for n in range(40)
    }
    assert statuses == {410, 429}


@pytest.mark.parametrize("when", ["opened", "agreed"])
def test_expiry_is_judged_by_the_database_clock(
    invite: Invite, at: At, gita: Account, contoso: Tenant, when: str
) -> None:
    """T06: refused from that second on, with every worker off; allowed a second before."""
    guest = at(gita)
    invitation = invite()
    mine = Invitation.objects.filter(pk=invitation.pk)
    landing = open_link(invitation, guest)
    review = guest.client.post(landing)["Location"]
    with schema.in_tenant(contoso):
        mine.update(expires_at=Now() + timedelta(seconds=1))
    assert guest.client.get(landing).status_code == 200
    assert guest.client.get(review).status_code == 200
    with schema.in_tenant(contoso):
        mine.update(expires_at=Now() - timedelta(seconds=1))
    if when == "opened":
        assert guest.client.get(landing).status_code == 410
    else:
        data = {"statement": "0", "answer": "accept"}
        assert guest.client.post(review, data).status_code == 410
    with schema.in_tenant(contoso):
        assert not DirectoryEntry.objects.get(pk=invitation.entry_id).is_accepted


def test_a_used_ticket_leads_its_own_guest_to_the_app(
    invite: Invite, at: At, gita: Account, sam: Account, contoso: Tenant
) -> None:
    """T05: 303 for who redeemed it, 410 for anybody else; nothing changes, audit notes it."""
    guest = at(gita)
    invitation = invite(redirect_url=ROOMS)
    landing = open_link(invitation, guest)
    accept(guest, guest.client.post(landing)["Location"])
    before = rows(contoso)
    path = ticket_path(invitation, guest)
    again = guest.client.get(guest.client.get(path)["Location"])
    assert (again.status_code, again["Location"]) == (303, ROOMS)
    for stranger in (at(), at(sam)):
        assert stranger.client.get(path, follow=True).status_code == 410
    after = rows(contoso)
    assert after[:2] == before[:2]
    noted = [row["action"] for row in after[2] if row not in before[2]]
    assert noted == [AuditAction.INVITATION_REPLAYED] * 3


def test_revoking_ends_a_half_finished_redemption_at_its_next_request(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """T08: revoked while the consent page is open."""
    guest = at(gita)
    invitation = invite(redirect_url=ROOMS)
    landing = open_link(invitation, guest)
    review = guest.client.post(landing)["Location"]
    assert guest.client.get(review).status_code == 200
    with schema.in_tenant(contoso):
        revoke_invitation(entry=invitation.entry, by=None)
    data = {"statement": "0", "answer": "accept"}
    assert guest.client.post(review, data).status_code == 410
    assert guest.client.get(review).status_code == 410
    assert guest.client.get(landing).status_code == 410
    assert guest.client.post(landing).status_code == 410
    assert not Membership.objects.filter(account=gita).exists()


def test_of_three_resends_only_the_newest_redeems(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """T09: every older ticket is dead."""
    guest = at(gita)
    invitations = [invite(redirect_url=ROOMS)]
    with schema.in_tenant(contoso):
        for _ in range(3):
            invitations.append(resend_invitation(entry=invitations[0].entry, by=None))
        old = [Invitation.objects.get(pk=each.pk) for each in invitations[:-1]]
    # The links as they were mailed, at the serial they were mailed with.
    for each in old:
        each.serial = 1
        assert guest.client.get(ticket_path(each, guest), follow=True).status_code == 410
    landing = open_link(invitations[-1], guest)
    assert accept(guest, guest.client.post(landing)["Location"])["Location"] == ROOMS


def test_a_forwarded_mail_lets_nobody_else_in(
    invite: Invite, at: At, sam: Account, contoso: Tenant, mailoutbox: list[Any]
) -> None:
    """T10: the ticket invites, it does not prove the mailbox."""
    second = at(sam)
    invitation = invite(redirect_url=ROOMS)
    landing = open_link(invitation, second)
    page = second.client.post(landing)
    text = page.content.decode().replace("<wbr>", "")
    assert page.status_code == 403
    assert "g•••••••@northwind.example" in text
    assert "gita@northwind.example" not in text
    assert "sam@tailspin.example" in text
    review = second.path("consent:review", handle=handle_of(landing))
    assert second.client.get(review).status_code == 403
    data = {"statement": "0", "answer": "accept"}
    assert second.client.post(review, data).status_code == 403
    assert not mailoutbox

    answer = second.client.post(landing, {"switch": "1"})
    assert answer["Location"] == second.path("invitations:prove", handle=handle_of(landing))
    assert [message.to for message in mailoutbox] == [["gita@northwind.example"]]
    assert second.client.get("/organizations/").status_code == 302
    with schema.in_tenant(contoso):
        assert not DirectoryEntry.objects.get(pk=invitation.entry_id).is_accepted


def test_an_unproved_address_is_worth_nothing(invite: Invite, at: At, sam: Account) -> None:
    """T10, A05: an address somebody only added is not the invited person."""
    sam.emailaddress_set.create(email="gita2@northwind.example", verified=False)
    guest = at(sam)
    landing = open_link(invite(email="gita2@northwind.example"), guest)
    assert guest.client.post(landing).status_code == 403


def test_nothing_in_cookie_or_form_names_another_invitation(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """T11: contradictions are 400, and what the seal does not say is not believed."""
    guest = at(gita)
    mine = invite(redirect_url=ROOMS)
    other = invite(email="sam@tailspin.example")
    landing = open_link(mine, guest)
    name = f"{django_settings.COOKIE_PREFIX}foyer-redeem-{handle_of(landing)}"
    held = guest.client.cookies[name].value

    for broken in (held[:-1] + ("A" if held[-1] != "A" else "B"), "x", held + "x", ""):
        guest.client.cookies[name] = broken
        assert guest.client.get(landing).status_code in {400, 410}
    other_landing = open_link(other, guest)
    other_name = f"{django_settings.COOKIE_PREFIX}foyer-redeem-{handle_of(other_landing)}"
    guest.client.cookies[name] = guest.client.cookies[other_name].value
    assert guest.client.get(landing).status_code == 400

    guest.client.cookies[name] = held
    review = guest.client.post(landing)["Location"]
    answer = accept(
        guest,
        review,
        invitation=str(other.pk),
        entry=str(other.entry_id),
        email="sam@tailspin.example",
        user_type="Member",
        role="administrator",
        tenant="fabrikam",
        next="https://evil.example/",
    )
    assert answer["Location"] == ROOMS
    with schema.in_tenant(contoso):
        assert not DirectoryEntry.objects.get(pk=other.entry_id).is_accepted
        mine.entry.refresh_from_db()
        assert mine.entry.user_type == "Guest"
        assert not mine.entry.role_assignments.exists()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"answer": "accept"},
        {"answer": "accept", "statement": ""},
        {"answer": "accept", "statement": "-1"},
        {"answer": "accept", "statement": "1e3"},
        {"answer": "accept", "statement": "٣"},
        {"answer": "accept", "statement": "9" * 50},
        {"answer": "yes", "statement": "0"},
        {"statement": "0"},
    ],
)
def test_a_tampered_answer_is_400(
    invite: Invite, at: At, gita: Account, data: dict[str, str]
) -> None:
    """T11: and nothing is agreed to."""
    guest = at(gita)
    landing = open_link(invite(), guest)
    review = guest.client.post(landing)["Location"]
    assert guest.client.post(review, data).status_code == 400
    assert not Membership.objects.filter(account=gita).exists()


def test_a_handle_of_another_browser_opens_nothing(invite: Invite, at: At, gita: Account) -> None:
    """C06 in small: only the browser that opened the ticket goes on with it."""
    landing = open_link(invite(), at())
    assert at(gita).client.get(landing).status_code == 410


def test_the_code_works_only_in_the_browser_that_asked(
    invite: Invite, at: At, mailoutbox: list[Any]
) -> None:
    """A10 in small: a mailed code is bound to the browser."""
    first, second = at(), at()
    invitation = invite(email="new@tailspin.example")
    confirm = first.client.post(open_link(invitation, first))["Location"]
    code = code_in(mailoutbox[0])
    assert second.client.post(confirm, {"code": code}).status_code == 410
    open_link(invitation, second)
    assert second.client.post(confirm, {"code": code}).status_code == 400
    assert Client().get("/organizations/").status_code == 302


def test_continue_does_not_flood_the_invited_mailbox(invite: Invite, at: At) -> None:
    """T10: whoever holds the link cannot fill the mailbox with codes."""
    invitation = invite(email="new@tailspin.example")
    statuses = []
    for _ in range(8):
        guest = at()
        statuses.append(guest.client.post(open_link(invitation, guest)).status_code)
    assert 429 in statuses
    assert len(django_mail.outbox) <= 5


def test_cancel_leaves_everything_as_it_was(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    guest = at(gita)
    invitation = invite()
    landing = open_link(invitation, guest)
    review = guest.client.post(landing)["Location"]
    before = rows(contoso)
    page = guest.client.post(review, {"answer": "cancel", "statement": "0"})
    assert page.status_code == 200
    assert rows(contoso) == before
    with schema.in_tenant(contoso):
        status = Invitation.objects.get(pk=invitation.pk).status
    assert status == InvitationStatus.PENDING_ACCEPTANCE
    assert accept(guest, review).status_code == 303


def test_an_account_that_is_in_the_directory_already_is_told_so(
    invite: Invite, at: At, alice: Account
) -> None:
    alice.emailaddress_set.create(email="alice@home.example", verified=True)
    guest = at(alice)
    landing = open_link(invite(email="alice@home.example"), guest)
    review = guest.client.post(landing)["Location"]
    assert guest.client.get(review).status_code == 409


def test_the_mail_server_being_away_is_said_and_loses_nothing(
    invite: Invite, at: At, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    guest = at()
    landing = open_link(invite(email="new@tailspin.example"), guest)
    answer = guest.client.post(landing)
    assert answer.status_code == 503
    assert answer["Retry-After"].isdigit()
    assert guest.client.get(landing).status_code == 200
