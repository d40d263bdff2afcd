"""Agreeing: only to what was shown, only once, only when asked."""

import re
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from consent.models import ConsentRecord, PrivacyStatement, PrivacyStatementText
from consent.published import Said, content_hash
from consent.statements import publish_statement
from invitations.models import Invitation
from tenants import schema
from tenants.models import Account, Membership, Tenant
from tests.browserless import accept, open_link
from tests.conftest import ROOMS, Invite, Place

At = Callable[..., Place]
Statements = Callable[[], CaptureQueriesContext]


def publish(tenant: Tenant, text: str = "We keep your name.") -> PrivacyStatement:
    with schema.in_tenant(tenant):
        return publish_statement(texts={"en": Said(text=text)}, by=None)


def to_review(place: Place, invitation: Invitation) -> str:
    """Up to the review page; its path."""
    return str(place.client.post(open_link(invitation, place))["Location"])


def test_consent_is_recorded_for_the_version_that_was_shown(
    invite: Invite, at: At, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    publish(fabrikam, "Next door.")
    statement = publish(contoso)
    guest = at(gita)
    review = to_review(guest, invite())
    page = guest.client.get(review).content.decode()
    assert "privacy statement" in page
    assert accept(guest, review).status_code == 303
    with schema.in_tenant(contoso):
        record = ConsentRecord.objects.get(account_id=gita.pk)
        assert record.statement == statement
        assert record.entry.address == gita.email
    with schema.in_tenant(fabrikam):
        assert not ConsentRecord.objects.filter(account_id=gita.pk).exists()


def test_without_a_statement_the_page_says_so_and_the_record_too(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    guest = at(gita)
    review = to_review(guest, invite())
    assert "has not provided a privacy statement" in guest.client.get(review).content.decode()
    accept(guest, review)
    with schema.in_tenant(contoso):
        assert ConsentRecord.objects.get(account_id=gita.pk).statement is None


def test_a_statement_that_changes_while_it_is_read_is_asked_again(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """C05: publish between GET and POST: 409, the page again with a note, then the new one."""
    publish(contoso, "First.")
    guest = at(gita)
    review = to_review(guest, invite())
    assert guest.client.get(review).status_code == 200
    publish(contoso, "Second.")
    answer = guest.client.post(review, {"answer": "accept", "statement": "1"})
    assert answer.status_code == 409
    assert "changed while you were reading" in answer.content.decode()
    assert 'value="2"' in answer.content.decode()
    assert not Membership.objects.filter(account=gita).exists()
    for other in ("0", "3", "999"):
        data = {"answer": "accept", "statement": other}
        assert guest.client.post(review, data).status_code == 409
    assert accept(guest, review).status_code == 303
    with schema.in_tenant(contoso):
        record = ConsentRecord.objects.get(account_id=gita.pk)
        assert record.statement is not None
        assert record.statement.version == 2


def test_consent_cannot_be_skipped(invite: Invite, at: At, gita: Account, contoso: Tenant) -> None:
    """C01: signed in and invited is not yet in: portal, directory and membership stay shut."""
    guest = at(gita)
    review = to_review(guest, invite())
    assert guest.get("invitations:guests").status_code == 404
    assert "Contoso" not in guest.client.get("/organizations/").content.decode()
    stranger = at()
    assert stranger.client.get(review).status_code == 410
    for name, cookie in guest.client.cookies.items():
        if "redeem" in name:
            stranger.client.cookies[name] = cookie.value
    answer = stranger.client.get(review)
    assert answer.status_code == 302
    assert "/redeem/at/" in answer["Location"]


def test_agreeing_twice_ends_at_the_app_twice_and_is_recorded_once(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """R01 one after the other; the race is below."""
    guest = at(gita)
    review = to_review(guest, invite(redirect_url=ROOMS))
    data = {"answer": "accept", "statement": "0"}
    answers = [guest.client.post(review, data) for _ in range(3)]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(303, ROOMS)] * 3
    assert guest.client.get(review)["Location"] == ROOMS
    with schema.in_tenant(contoso):
        assert ConsentRecord.objects.filter(account_id=gita.pk).count() == 1


def test_the_review_page_may_lead_to_its_one_origin(invite: Invite, at: At, gita: Account) -> None:
    """C09: form-action of that one page names that one registered origin."""
    guest = at(gita)
    page = guest.client.get(to_review(guest, invite(redirect_url=ROOMS)))
    policy = page["Content-Security-Policy"]
    assert re.search(r"form-action 'self' https://rooms\.contoso\.example(;|$)", policy)
    assert "rooms" not in guest.client.get("/organizations/")["Content-Security-Policy"]


# --- statements per request ---------------------------------------------------------------------


def test_landing_review_and_accept_cost_what_they_may(
    invite: Invite, at: At, gita: Account, contoso: Tenant, statements: Statements
) -> None:
    """Landing GET at most 2 and no write; review GET at most 5; accept POST at most 12."""
    publish(contoso)
    invitation = invite(redirect_url=ROOMS)
    open_link(invitation, at())  # the tenant is in the process's cache from now on
    stranger = at()
    landing = open_link(invitation, stranger)
    with statements() as counted:
        assert stranger.client.get(landing).status_code == 200
    assert len(counted.sql) <= 2, "\n".join(counted.sql)  # type: ignore[attr-defined]
    writes = ("INSERT", "UPDATE", "DELETE")
    assert not [sql for sql in counted.sql if sql.startswith(writes)]  # type: ignore[attr-defined]

    guest = at(gita)
    review = to_review(guest, invitation)
    with statements() as counted:
        assert guest.client.get(review).status_code == 200
    assert len(counted.sql) <= 5, "\n".join(counted.sql)  # type: ignore[attr-defined]
    with statements() as counted:
        data = {"answer": "accept", "statement": "1"}
        assert guest.client.post(review, data).status_code == 303
    # One more for the BEGIN that the test's own transaction swallows.
    assert len(counted.sql) + 1 <= 12, "\n".join(counted.sql)  # type: ignore[attr-defined]


# --- the statement itself ---------------------------------------------------------------------------


def test_publishing_makes_versions_that_stay_readable(
    at: At, alice: Account, contoso: Tenant
) -> None:
    admin = at(alice)
    for text in ("One.", "Two.", "Two."):
        answer = admin.post(
            "consent:privacy", {"url_en": "", "text_en": text, "text_nl": f"NL {text}"}
        )
        assert answer["Location"] == admin.path("consent:privacy")
    with schema.in_tenant(contoso):
        versions = list(PrivacyStatement.objects.newest_first().reverse())
    assert [(each.version, each.said[0]["text"]) for each in versions] == [
        (1, "One."),
        (2, "Two."),
    ]
    assert versions[0].content_hash == content_hash(
        {"nl": Said(text="NL One."), "en": Said(text="One.")}
    )
    stranger = at()
    assert "Two." in stranger.get("consent:statement").content.decode()
    old = stranger.get("consent:statement_version", version=1)
    assert "One." in old.content.decode()
    dutch = stranger.client.get(stranger.path("consent:statement") + "?language=nl")
    assert "NL Two." in dutch.content.decode()
    assert stranger.get("consent:statement_version", version=3).status_code == 404


XSS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http://contoso.example/privacy",
    'https://contoso.example/"onmouseover=alert(1)',
    "https://contoso.example/<script>",
    "//evil.example",
    "https:evil.example",
    "https://user@evil.example",
    "vbscript:x",
    " https://contoso.example",
]


@pytest.mark.parametrize("url", XSS)
def test_a_privacy_url_is_plain_https(at: At, alice: Account, url: str) -> None:
    """C04: in the form."""
    answer = at(alice).post("consent:privacy", {"url": url, "text": ""})
    if url.strip() == url:
        assert answer.status_code == 400
        assert "https://" in answer.content.decode()


def test_a_privacy_url_is_https_in_the_database_too(contoso: Tenant) -> None:
    """C04: whoever writes the row."""
    with schema.in_tenant(contoso):
        statement = PrivacyStatement.objects.create(version=9, content_hash="x")
        bad = PrivacyStatementText(publication=statement, language="en", url="javascript:alert(1)")
        with pytest.raises(IntegrityError), transaction.atomic():
            bad.save()


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 7|add:7 }}", "'\"&<"]
)
def test_settings_of_a_tenant_are_shown_as_text(
    invite: Invite, at: At, gita: Account, contoso: Tenant, text: str
) -> None:
    """C04, M02: names and statements carry no markup into a page."""
    publish(contoso, text)
    Tenant.objects.filter(pk=contoso.pk).update(name=text)
    guest = at(gita)
    landing = open_link(invite(display_name="X"), guest)
    review = guest.client.post(landing)["Location"]
    pages = [landing, review, guest.path("consent:statement")]
    for page in (guest.client.get(path).content.decode() for path in pages):
        assert escape(text) in page
        if "<" in text:
            assert text not in page
