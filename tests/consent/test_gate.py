"""A newer statement and terms of use: asked once, in order, provable later."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from consent.gate import outstanding
from consent.models import ConsentRecord, TermsOfUse, TermsOfUseText, TermsRecord
from consent.published import Said, content_hash
from consent.statements import publish_statement, publish_terms
from invitations.errors import FieldError
from invitations.models import AuditAction, AuditEvent, DirectoryEntry
from tenants import schema
from tenants.models import Account, Tenant
from tests.browserless import accept, shown_version, to_review
from tests.conftest import ROOMS, Invite, Place

At = Callable[..., Place]
OPENED = re.compile(r'name="opened" value="([^"]+)"')


def terms(tenant: Tenant, text: str = "Be kind.", **asked: object) -> TermsOfUse:
    with schema.in_tenant(tenant):
        texts = {"en": Said(text=text), "nl": Said(text=f"NL {text}")}
        return publish_terms(texts=texts, by=None, **asked)  # type: ignore[arg-type]


def statement(tenant: Tenant, text: str, *, agree_again: bool = False) -> None:
    with schema.in_tenant(tenant):
        publish_statement(texts={"en": Said(text=text)}, by=None, agree_again=agree_again)


def open_terms(place: Place, path: str, language: str = "en") -> str:
    page = place.client.post(path, {"open": language}).content.decode()
    found = OPENED.search(page)
    assert found, page
    return found[1]


def join(invite: Invite, place: Place) -> None:
    assert accept(place, to_review(place, invite(redirect_url=ROOMS))).status_code == 303


def entry_of(tenant: Tenant, account: Account) -> DirectoryEntry:
    return DirectoryEntry.objects.get(account=account)


# --- terms of use --------------------------------------------------------------------------------------


def test_terms_come_after_review_and_must_be_opened(
    invite: Invite, at: At, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """Review permissions, then the terms, then the app; accepting without opening is not taken."""
    terms(contoso)
    terms(fabrikam, "Next door.")
    guest = at(gita)
    answer = accept(guest, to_review(guest, invite(redirect_url=ROOMS)))
    path = answer["Location"]
    assert path.startswith("/o/contoso/consent/terms/?to=")
    page = guest.client.get(path)
    assert "Be kind." not in page.content.decode()
    assert "form-action 'self' https://rooms.contoso.example" in page["Content-Security-Policy"]
    unread = guest.client.post(path, {"answer": "accept"})
    assert "Open the terms before" in unread.content.decode()
    opened = open_terms(guest, path, "nl")
    done = guest.client.post(path, {"answer": "accept", "opened": opened})
    assert (done.status_code, done["Location"]) == (303, ROOMS)
    with schema.in_tenant(contoso):
        record = TermsRecord.objects.get()
        assert (record.language, record.account_id) == ("nl", gita.pk)
        assert AuditEvent.objects.filter(action=AuditAction.TERMS_ACCEPTED).count() == 1
    with schema.in_tenant(fabrikam):
        assert not TermsRecord.objects.exists()
    assert guest.get("consent:enter")["Location"] == "/organizations/contoso/"


def test_what_one_person_opened_serves_nobody_else(
    invite: Invite, at: At, gita: Account, sam: Account, contoso: Tenant
) -> None:
    """T11: nor for another version."""
    join(invite, at(gita))
    first = terms(contoso)
    path = at(gita).get("consent:enter")["Location"]
    opened = open_terms(at(gita), path)
    other = at(sam)
    assert accept(other, to_review(other, invite(email=sam.email))).status_code == 303
    answer = other.client.post(path, {"answer": "accept", "opened": opened})
    assert answer.status_code == 200
    terms(contoso, "Be kinder.")
    assert at(gita).client.post(path, {"answer": "accept", "opened": opened}).status_code == 200
    with schema.in_tenant(contoso):
        assert not TermsRecord.objects.exists()
        assert first.version == 1


def test_declining_the_terms_keeps_out_and_asks_again(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    terms(contoso)
    guest = at(gita)
    path = accept(guest, to_review(guest, invite(redirect_url=ROOMS)))["Location"]
    page = guest.client.post(path, {"answer": "decline"})
    assert "You declined" in page.content.decode()
    assert guest.get("consent:enter")["Location"].startswith("/o/contoso/consent/terms/")
    with schema.in_tenant(contoso):
        assert AuditEvent.objects.filter(action=AuditAction.TERMS_DECLINED).count() == 1


def test_an_acceptance_runs_out_and_a_new_version_asks_again(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    first = terms(contoso, accept_again_after=timedelta(days=90))
    guest = at(gita)
    path = accept(guest, to_review(guest, invite()))["Location"]
    guest.client.post(path, {"answer": "accept", "opened": open_terms(guest, path)})
    with schema.in_tenant(contoso):
        entry = entry_of(contoso, gita)
        assert not outstanding(entry)
        aged = timezone.now() - timedelta(days=91)
        TermsRecord.objects.update(accepted_at=aged)
        assert outstanding(entry).terms == first
        TermsRecord.objects.update(accepted_at=timezone.now())
        second = publish_terms(texts={"en": Said(text="New.")}, by=None)
        assert outstanding(entry).terms == second
        publish_terms(texts={"en": Said(text="New.")}, by=None, required=False)
        assert not outstanding(entry)


def test_terms_that_are_not_required_are_not_asked(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    terms(contoso, required=False)
    guest = at(gita)
    assert accept(guest, to_review(guest, invite(redirect_url=ROOMS)))["Location"] == ROOMS


@pytest.mark.parametrize("days", [0, -1, 4000])
def test_the_time_until_asking_again_has_bounds(contoso: Tenant, days: int) -> None:
    if days == 0:
        terms(contoso, accept_again_after=None)
        return
    with pytest.raises(FieldError):
        terms(contoso, accept_again_after=timedelta(days=days))


def test_terms_are_https_in_the_database_too(contoso: Tenant) -> None:
    """C04: whoever writes the row."""
    with schema.in_tenant(contoso):
        row = TermsOfUse.objects.create(version=9, content_hash="x")
        bad = TermsOfUseText(publication=row, language="en", url="javascript:alert(1)")
        with pytest.raises(IntegrityError), transaction.atomic():
            bad.save()


# --- a statement that asks again -------------------------------------------------------------------------


def test_a_statement_may_ask_everybody_again(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """C01: the next app opens after the answer; who agreed to the older version keeps that record."""
    statement(contoso, "One.")
    guest = at(gita)
    join(invite, guest)
    statement(contoso, "Two.")
    assert guest.get("consent:enter")["Location"] == "/organizations/contoso/"
    statement(contoso, "Three.", agree_again=True)
    path = guest.get("consent:enter")["Location"]
    assert path.startswith("/o/contoso/consent/again/")
    page = guest.client.get(path)
    assert "has a new privacy statement" in page.content.decode()
    stale = guest.client.post(path, {"answer": "accept", "statement": "1"})
    assert stale.status_code == 409
    assert guest.client.post(path, {"answer": "x"}).status_code == 400
    assert "Nothing was accepted" in guest.client.post(path, {"answer": "cancel"}).content.decode()
    data = {"answer": "accept", "statement": shown_version(page), "language": "en"}
    assert guest.client.post(path, data)["Location"] == "/organizations/contoso/"
    with schema.in_tenant(contoso):
        records = ConsentRecord.objects.filter(account_id=gita.pk).order_by("agreed_at")
        versions = [record.statement.version for record in records if record.statement]
        assert versions == [1, 3]
        again = AuditEvent.objects.filter(action=AuditAction.CONSENT_GIVEN_AGAIN)
        assert again.count() == 1


def test_statement_first_terms_second(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    guest = at(gita)
    join(invite, guest)
    statement(contoso, "New.", agree_again=True)
    terms(contoso)
    path = guest.get("consent:enter")["Location"]
    page = guest.client.get(path)
    data = {"answer": "accept", "statement": shown_version(page)}
    after = guest.client.post(path, data)["Location"]
    assert after.startswith("/o/contoso/consent/terms/?to=")
    done = guest.client.post(after, {"answer": "accept", "opened": open_terms(guest, after)})
    assert done["Location"] == "/organizations/contoso/"


def test_a_destination_that_was_not_sealed_here_is_not_followed(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """C07, T11: the address after the answer is ours, of this tenant, and not too old."""
    terms(contoso)
    guest = at(gita)
    path = accept(guest, to_review(guest, invite(redirect_url=ROOMS)))["Location"]
    opened = open_terms(guest, path)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        late = at(gita)
        again = open_terms(late, path)
        done = late.client.post(path, {"answer": "accept", "opened": again})
    assert done["Location"] == "/o/contoso/enter/"
    with schema.in_tenant(contoso):
        TermsRecord.objects.all().delete()
    bad = guest.path("consent:accept_terms") + "?to=https://evil.example/"
    done = guest.client.post(bad, {"answer": "accept", "opened": opened})
    assert done["Location"] == "/o/contoso/enter/"


# --- later evidence (D07) ----------------------------------------------------------------------------------


def test_what_was_agreed_to_is_shown_later_whatever_was_published_since(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """D07: text, version, hash, time and how, after the tenant changed the statement twice."""
    statement(contoso, "We keep your name.")
    terms(contoso, "Be kind.")
    guest = at(gita)
    path = accept(guest, to_review(guest, invite()))["Location"]
    guest.client.post(path, {"answer": "accept", "opened": open_terms(guest, path, "nl")})
    statement(contoso, "We sell your name.")
    terms(contoso, "Be unkind.")
    page = guest.client.get("/organizations/contoso/").content.decode()
    assert "We keep your name." in page
    assert "NL Be kind." in page
    assert "We sell" not in page
    digest = content_hash({"en": Said(text="We keep your name.")})
    assert digest in page.replace("<wbr>", "")
    with schema.in_tenant(contoso):
        record = ConsentRecord.objects.get(account_id=gita.pk)
        assert (record.flow, record.language) == ("mail_link", "en")


def test_administrators_publish_terms_in_two_languages(
    at: At, alice: Account, contoso: Tenant
) -> None:
    admin = at(alice)
    data = {"text_en": "Be kind.", "url_nl": "https://contoso.example/nl", "required": "on"}
    data |= {"again": "90"}
    assert admin.post("consent:terms", data)["Location"] == admin.path("consent:terms")
    bad = admin.post("consent:terms", data | {"url_en": "http://contoso.example/"})
    assert bad.status_code == 400
    assert "https://" in bad.content.decode()
    empty = admin.post("consent:terms", {"required": "on"})
    assert empty.status_code == 400
    page = admin.get("consent:terms").content.decode()
    assert "English, Nederlands" in page
    with schema.in_tenant(contoso):
        published = TermsOfUse.objects.get()
        assert published.accept_again_after == timedelta(days=90)
    path = admin.path("consent:terms")
    again = admin.client.post(path, data, follow=True)  # pressed twice: nobody is asked twice
    assert "Nothing was changed" in again.content.decode()
    with schema.in_tenant(contoso):
        assert TermsOfUse.objects.get() == published
    assert "Be kind." in at().get("consent:terms_of_use").content.decode()
    ended = admin.client.post(path, data | {"required": ""}, follow=True)
    assert "Guests are not asked any more" in ended.content.decode()
    assert at().get("consent:terms_of_use_version", version=7).status_code == 404
