"""The audit log: written in one statement, never changed unnoticed, read by who may."""

import csv
import io
import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import get_script_prefix
from hypothesis import given
from hypothesis import strategies as st

from consent.clients import remove_secret
from invitations import audit, chain
from invitations.auditlog import verification
from invitations.auditlog.export import CHUNK
from invitations.auditlog.listing import Filter, audit_page
from invitations.auditlog.rows import pseudonym
from invitations.cells import STARTS, guard, unguard
from invitations.models import (
    AuditAction,
    AuditEvent,
    AuditHead,
    DirectoryEntry,
    LandingPage,
    RoleAssignment,
)
from invitations.permissions import Role
from invitations.services import apps as sharing
from invitations.services import groups
from invitations.services.directory import add_contact, remove_contact
from invitations.services.erasure import erase_entry
from invitations.services.owners import add_owner
from invitations.services.settings import remove_landing_page
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import make_app
from tests.conftest import Invite, Place, add_second_factor

At = Callable[..., Place]
Statements = Callable[[], Any]

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
DETAIL = st.dictionaries(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda parts: st.lists(parts, max_size=3) | st.dictionaries(TEXT, parts, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)

NOBODYS: dict[str, Any] = {
    "action": "policy.changed",
    "actor_id": None,
    "entry_id": None,
    "invitation_id": None,
    "detail": {},
}


def write(rows: int = 1, **detail: Any) -> None:
    """Rows of the operator's in the current tenant."""
    with transaction.atomic():
        for _row in range(rows):
            audit.record(AuditAction.POLICY_CHANGED, actor=None, **detail)


def verify(**options: Any) -> str:
    """What `verify_audit` prints, its refusal included."""
    out = io.StringIO()
    try:
        call_command("verify_audit", stdout=out, **options)
    except CommandError as error:
        out.write(f"error {error.returncode}: {error}")
    return out.getvalue()


def as_owner(sql: str, *params: Any) -> None:
    """What somebody who owns the tables can do: the trigger off, the deed, the trigger on."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contoso.invitations_auditevent DISABLE TRIGGER USER")
        cursor.execute(sql, params)
        cursor.execute("ALTER TABLE contoso.invitations_auditevent ENABLE TRIGGER USER")


def tries(sql: str) -> str:
    """What the database answers to `sql`, "" when it does it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except DatabaseError as error:
        return str(error)
    return ""


def pages(answer: Any) -> str:
    return str(answer.content.decode())


def streamed(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


# --- the chain ---------------------------------------------------------------------------------------


def test_rows_are_numbered_without_gaps_and_chained(contoso: Tenant, invite: Invite) -> None:
    invite()
    with schema.in_tenant(contoso):
        write(3)
        rows = list(AuditEvent.objects.order_by("number"))
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        assert [row.previous_hash for row in rows] == [chain.ROOT, *(row.hash for row in rows[:-1])]
        assert [row.at for row in rows] == sorted(row.at for row in rows)
        assert str(AuditHead.objects.get()) == f"{len(rows)}:{rows[-1].hash}"


def test_a_row_costs_one_statement(contoso: Tenant, statements: Statements) -> None:
    with schema.in_tenant(contoso):
        write()
        with CaptureQueriesContext(connection) as counted, transaction.atomic():
            audit.record(AuditAction.POLICY_CHANGED, actor=None, version=1)
    told = [query["sql"] for query in counted.captured_queries if "INSERT" in query["sql"]]
    others = [query["sql"] for query in counted.captured_queries if "SAVEPOINT" not in query["sql"]]
    assert told == others
    assert len(told) == 1


def test_a_row_outside_of_a_transaction_is_refused(race: Any) -> None:
    with (
        schema.in_tenant(race.tenant),
        pytest.raises(audit.AuditOutsideTransactionError),
    ):
        audit.record(AuditAction.POLICY_CHANGED, actor=None)


def test_rows_from_before_the_chain_are_chained_by_the_migration(contoso: Tenant) -> None:
    """As they were then: without number, hashes and head, the triggers not there yet."""
    migration = import_module("invitations.migrations.0007_audit_chain")
    with schema.in_tenant(contoso):
        write(3, name="as it was")
        whole = AuditHead.objects.get().number
    as_owner(
        "UPDATE contoso.invitations_auditevent"
        " SET number = -number, hash = '', previous_hash = '', body = '-'"
    )
    as_owner("DELETE FROM contoso.invitations_audithead")
    with schema.in_tenant(contoso), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE invitations_auditevent DISABLE TRIGGER USER")
        migration.chain_rows(apps, None)
        cursor.execute("ALTER TABLE invitations_auditevent ENABLE TRIGGER USER")
        assert verification.verify().rows == whole
        write()
        assert verification.verify().flaw == ""


def test_the_bytes_that_are_hashed_are_the_documented_ones() -> None:
    """A vector somebody else can check with `sha256sum`."""
    at = datetime(2026, 11, 23, 17, 26, 51, 42, tzinfo=UTC)
    body = chain.canonical({"b": "é\n", "a": [1, None, True]})
    assert body == '{"a":[1,null,true],"b":"\\u00e9\\n"}'
    assert chain.time_text(at) == "2026-11-23T17:26:51.000042Z"
    assert (
        chain.seal(number=1, at=at, previous_hash=chain.ROOT, body=body)
        == "ddeb0c7259e792bed2dfc54e97f33d38d05717ad976394fc327a09f69b8d22c2"
    )


@pytest.mark.parametrize("unfit", [1.5, object(), "\0", "\ud800", {1: "a"}, [datetime.now(UTC)]])
def test_what_has_no_one_way_to_be_written_is_refused(unfit: Any) -> None:
    with pytest.raises(chain.UnfitDetailError):
        chain.canonical({"detail": unfit})


@given(detail=DETAIL)
def test_a_body_is_ascii_on_one_line_and_says_what_it_was_given(detail: dict[str, Any]) -> None:
    body = chain.canonical(detail)
    assert body.isascii()
    assert "\n" not in body
    assert json.loads(body) == detail
    assert chain.canonical(dict(reversed(detail.items()))) == body


def test_database_and_python_make_the_same_hash_of_any_detail(contoso: Tenant) -> None:
    """Whatever is told, in whatever script: the row verifies and comes back unchanged."""
    told: list[dict[str, Any]] = []

    @given(detail=DETAIL)
    def tell(detail: dict[str, Any]) -> None:
        columns = {**NOBODYS, "detail": detail}
        row_id = uuid4()
        body = chain.body_of(row_id=row_id, **columns)
        AuditEvent.objects.create(id=row_id, body=body, **columns)
        told.append(detail)

    with schema.in_tenant(contoso):
        before = AuditHead.objects.get().number
        tell()
        rows = AuditEvent.objects.filter(number__gt=before).order_by("number")
        assert [row.detail for row in rows] == told
        assert verification.verify().flaw == ""


# --- D01: nobody changes it, and who can is found ----------------------------------------------------

CHANGES = [
    "UPDATE contoso.invitations_auditevent SET action = 'nothing'",
    "UPDATE contoso.invitations_auditevent SET action = 'nothing' WHERE number = -1",
    "DELETE FROM contoso.invitations_auditevent WHERE number = 1",
    "TRUNCATE contoso.invitations_auditevent",
    "TRUNCATE contoso.invitations_auditevent CASCADE",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_the_application_cannot_change_rows_though_it_owns_them(contoso: Tenant, sql: str) -> None:
    """D01: UPDATE, DELETE and TRUNCATE raise, for the tables' owner too."""
    with schema.in_tenant(contoso):
        write()
    assert "never changed" in tries(sql)
    assert "contoso: ok" in verify(tenant="contoso")


@pytest.mark.parametrize("sql", [*CHANGES, "UPDATE contoso.invitations_audithead SET number = 0"])
def test_a_role_with_insert_and_select_only_writes_and_changes_nothing(
    contoso: Tenant, sql: str
) -> None:
    """D01: where the application does not own its tables, rights refuse before any trigger."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE foyer_writer")
        cursor.execute("GRANT USAGE ON SCHEMA contoso TO foyer_writer")
        cursor.execute("GRANT SELECT, INSERT ON contoso.invitations_auditevent TO foyer_writer")
        cursor.execute("SET LOCAL ROLE foyer_writer")
    with schema.in_tenant(contoso):
        write()
    assert "permission denied" in tries(sql)
    off = tries("ALTER TABLE contoso.invitations_auditevent DISABLE TRIGGER USER")
    assert "must be owner" in off
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    assert "contoso: ok" in verify(tenant="contoso")


def test_numbers_hashes_and_times_given_by_a_writer_are_ignored(contoso: Tenant) -> None:
    """D01: nobody dates a row back or starts a chain of their own."""
    past = datetime(2001, 1, 1, tzinfo=UTC)
    with schema.in_tenant(contoso):
        number = AuditHead.objects.get().number
        row_id = uuid4()
        body = chain.body_of(row_id=row_id, **NOBODYS)
        AuditEvent.objects.create(
            id=row_id, body=body, number=7000, hash="f" * 64, at=past, **NOBODYS
        )
        row = AuditEvent.objects.get(pk=row_id)
        assert row.number == number + 1
        assert row.at.year > 2001
        assert verification.verify().flaw == ""


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE contoso.invitations_auditevent SET body = '{}' WHERE number = 3", "content"),
        ("UPDATE contoso.invitations_auditevent SET action = 'x' WHERE number = 3", "columns"),
        ("UPDATE contoso.invitations_auditevent SET detail = '{}' WHERE number = 3", "columns"),
        ("UPDATE contoso.invitations_auditevent SET actor_id = id WHERE number = 3", "columns"),
        (
            "UPDATE contoso.invitations_auditevent SET at = at + interval '1 us' WHERE number = 3",
            "content",
        ),
        ("UPDATE contoso.invitations_auditevent SET previous_hash = '' WHERE number = 3", "link"),
    ],
)
def test_an_edit_by_the_owner_is_found_and_the_row_named(
    contoso: Tenant, sql: str, words: str
) -> None:
    """D01: the trigger off and one row changed: the check names it, and only that tenant."""
    with schema.in_tenant(contoso):
        write(4, version=7)
        row = AuditEvent.objects.get(number=3)
    as_owner(sql)
    answer = verify()
    assert f"contoso: BROKEN at row 3 ({row.pk}): " in answer
    assert words in answer
    assert "fabrikam: ok" in answer
    assert "error 1: 1 audit log" in answer


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM contoso.invitations_auditevent WHERE number = 3", "row 3 is missing"),
        ("DELETE FROM contoso.invitations_auditevent WHERE number = 1", "row 1 is missing"),
        ("DELETE FROM contoso.invitations_auditevent WHERE number > 3", "there are 3"),
        ("DELETE FROM contoso.invitations_auditevent", "there are 0"),
        ("DELETE FROM contoso.invitations_audithead", "head: it is missing"),
    ],
)
def test_rows_taken_out_or_cut_off_are_found(contoso: Tenant, sql: str, words: str) -> None:
    """D01: in the middle, at the start, at the end, all of them, and the head itself."""
    with schema.in_tenant(contoso):
        write(4)
    as_owner(sql)
    assert words in verify(tenant="contoso")


def test_without_its_head_the_log_takes_no_rows(contoso: Tenant) -> None:
    as_owner("DELETE FROM contoso.invitations_audithead")
    with (
        schema.in_tenant(contoso),
        pytest.raises(DatabaseError, match="no head"),
        transaction.atomic(),
    ):
        write()


def test_a_chain_rewritten_with_its_head_is_found_against_a_kept_hash(contoso: Tenant) -> None:
    """D01: what the chain alone cannot see, a head kept elsewhere does."""
    with schema.in_tenant(contoso):
        write(4)
    kept = verify(tenant="contoso", head=True).splitlines()[1]
    number, digest = kept.split(":")
    assert "ok" in verify(tenant="contoso", expect=[(int(number), digest)])
    with schema.in_tenant(contoso):
        cut = AuditEvent.objects.get(number=int(number) - 1)
    as_owner("DELETE FROM contoso.invitations_auditevent WHERE number = %s", int(number))
    as_owner(
        "UPDATE contoso.invitations_audithead SET number = %s, hash = %s", cut.number, cut.hash
    )
    assert "contoso: ok" in verify(tenant="contoso")
    assert "kept elsewhere" in verify(tenant="contoso", expect=[(int(number), digest)])
    with schema.in_tenant(contoso):
        write(version=9)
    assert "rewritten" in verify(tenant="contoso", expect=[(int(number), digest)])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tenant", "nowhere"],
        ["--expect", "1:" + "0" * 64],
        ["--tenant", "contoso", "--expect", "1"],
    ],
)
def test_the_check_refuses_what_it_cannot_check(contoso: Tenant, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("verify_audit", *arguments)


def test_twenty_who_write_at_once_leave_no_gap(race: Any) -> None:
    """D01: real threads, real commits; each writes in two transactions of two rows."""
    failed: list[BaseException] = []
    barrier = threading.Barrier(20)

    def work() -> None:
        try:
            barrier.wait(20)
            with schema.in_tenant(race.tenant):
                write(2)
                write(2)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _thread in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    with schema.in_tenant(race.tenant):
        numbers = AuditEvent.objects.order_by("number").values_list("number", flat=True)
        assert list(numbers) == list(range(1, 81))
        assert verification.verify().flaw == ""


# --- D03: names beside the chain ---------------------------------------------------------------------


@pytest.mark.parametrize("wholly", [True, False])
def test_an_erased_guest_is_a_pseudonym_and_the_chain_verifies(
    contoso: Tenant, alice: Account, at: At, invite: Invite, wholly: bool
) -> None:
    """D03: name and address are gone from the page; the log still holds."""
    entry = invite(email="needle@northwind.example", display_name="Needle Haystack").entry
    admin = at(alice)
    assert "Needle Haystack" in pages(admin.get("invitations:audit"))
    with schema.in_tenant(contoso):
        row = DirectoryEntry.objects.filter(pk=entry.pk)
        if wholly:
            row.delete()
        else:
            row.update(display_name="", address="")
        assert verification.verify().flaw == ""
        with connection.cursor() as cursor:
            cursor.execute("SELECT string_agg(e::text, '') FROM invitations_auditevent e")
            assert "needle" not in cursor.fetchone()[0].lower()
    page = pages(admin.get("invitations:audit"))
    assert "eedle" not in page
    assert f"Former guest {entry.pk.hex[:4]}" in page


# --- the page ----------------------------------------------------------------------------------------


def give(tenant: Tenant, account: Account, *roles: Role) -> DirectoryEntry:
    """A guest of the tenant with roles."""
    with schema.in_tenant(tenant):
        entry = DirectoryEntry.objects.create(
            address=account.email, account=account, external_user_state="Accepted"
        )
        for role in roles:
            RoleAssignment.objects.create(entry=entry, role=role)
        return entry


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        ([], 403),
        ([Role.GUEST_INVITER], 403),
        ([Role.USER_ADMINISTRATOR], 403),
        ([Role.AUDITOR], 200),
        ([Role.ADMINISTRATOR], 200),
    ],
)
def test_administrators_and_auditors_read_it(
    contoso: Tenant, at: At, gita: Account, roles: list[Role], status: int
) -> None:
    give(contoso, gita, *roles)
    add_second_factor(gita)
    place = at(gita)
    assert place.get("invitations:audit").status_code == status
    assert place.post("invitations:audit_export", {"format": "csv"}).status_code == status
    linked = "Audit log" in pages(place.get("invitations:guests"))
    assert linked == (status == 200)


def test_others_do_not_find_it(contoso: Tenant, at: At, frank: Account) -> None:
    """A neighbour's administrator gets the 404 of a page that is not there; a stranger signs in."""
    assert at(frank).get("invitations:audit").status_code == 404
    assert at(frank).post("invitations:audit_export", {"format": "csv"}).status_code == 404
    assert at().get("invitations:audit").status_code == 302
    assert at(frank, contoso).get("invitations:audit_export").status_code in {404, 405}


def test_the_page_tells_who_did_what_to_whom(
    at: At, alice: Account, fabrikam: Tenant, invite: Invite
) -> None:
    invite(display_name="Gita Nair")
    invite(tenant=fabrikam, email="decoy@tailspin.example")
    page = pages(at(alice).get("invitations:audit"))
    assert "Invited" in page
    assert "Gita Nair" in page
    assert "By e-mail: yes" in page
    assert "decoy" not in page


def test_apps_groups_and_owners_have_their_names_in_the_log(
    at: At, alice: Account, contoso: Tenant, statements: Statements
) -> None:
    """In the statement that finds the people; what is not there any more keeps its id."""
    admin = at(alice)
    with schema.in_tenant(contoso):
        boss = DirectoryEntry.objects.get(account=alice)
        app = sharing.add_app(name="Drawings", by=boss)
        group = groups.add_group(name="Builders", by=boss)
        add_owner(app, owner=boss, by=boss)
        sharing.assign(app, to=group, by=boss, roles=["editor", "reader"])
        gone = str(uuid4())
        write(app=gone, groups=[], owners="nonsense")
    admin.get("invitations:audit")
    with statements() as counted:
        page = " ".join(pages(admin.get("invitations:audit")).split())
    assert len(counted.sql) <= 6
    text = re.sub(r"<[^>]*>", "", page)
    assert "App: Drawings · Group: Builders · Roles: editor, reader" in text
    assert "Owners: Alice" in text
    assert f"App: {gone} · Groups: – · Owners: nonsense" in text


def test_a_dutch_log_says_what_was_chosen_in_dutch(at: At, alice: Account, invite: Invite) -> None:
    admin = at(alice)
    with schema.in_tenant(admin.tenant):
        sharing.add_app(name="Drawings", by=None)
    invite()
    path = admin.path("invitations:audit")
    said = admin.client.get(path, headers={"accept-language": "nl"}).content.decode()
    assert "Soort: Gast" in said
    assert "Wie mag naar binnen: Toegewezen gasten en leden" in said


def test_the_log_does_not_blame_the_operator(contoso: Tenant, invite: Invite) -> None:
    """D02: what time brings, what a stranger asks for and what people do themselves have other
    names beside them."""
    with schema.in_tenant(contoso):
        invitation = invite()
        entry = invitation.entry
        about: dict[str, Any] = {"actor": None, "invitation": invitation}
        with transaction.atomic():
            audit.record(AuditAction.INVITATION_RESENT, **about, asked_by_guest=True)
            audit.record(AuditAction.INVITATION_RESENT, **about)
            audit.record(AuditAction.CORRECTION_ASKED, **about)
            audit.record(AuditAction.INVITATION_REMINDED, **about)
            audit.record(AuditAction.ENTRY_DELETED, actor=None, entry=entry, never_redeemed=True)
            audit.record(AuditAction.ENTRY_DELETED, actor=None, entry=entry)
            erase_entry(entry)
            erase_entry(entry, action=AuditAction.ENTRY_PURGED)
        told = [row.actor for row in audit_page(Filter()).rows][:8]
    assert told[::-1] == [
        "Somebody who signed in",
        "Operator",
        "Holder of the link",
        "Foyer",
        "Foyer",
        "Operator",
        pseudonym(entry.pk),
        "Foyer",
    ]


@pytest.mark.parametrize("kind", ["contact", "page", "secret"])
def test_what_is_gone_already_is_not_removed_again(contoso: Tenant, kind: str) -> None:
    """D02: two who press the button at once are one row."""
    secret_app = make_app(contoso)
    with schema.in_tenant(contoso):
        act: Callable[..., Any]
        thing: Any
        if kind == "contact":
            thing = add_contact(address="box@northwind.example", display_name="", by=None)
            act = remove_contact
        elif kind == "page":
            thing, act = LandingPage.objects.get(), remove_landing_page
        else:
            thing, act = secret_app.client.secrets.get(), remove_secret
        same = type(thing).objects.get(pk=thing.pk)
        act(thing, by=None)
        before = AuditEvent.objects.count()
        act(same, by=None)
        assert AuditEvent.objects.count() == before


def test_pages_lead_on_and_back(at: At, alice: Account, contoso: Tenant) -> None:
    with schema.in_tenant(contoso):
        write(120)
        last = AuditHead.objects.get().number
    admin = at(alice)

    def shown(**place: int) -> list[int]:
        answer = admin.client.get(admin.path("invitations:audit"), place)
        return [row.event.number for row in answer.context["rows"]]

    first = shown()
    assert first == list(range(last, last - 50, -1))
    second = shown(before=first[-1])
    assert second == list(range(last - 50, last - 100, -1))
    assert shown(after=second[0]) == first
    page = pages(admin.get("invitations:audit"))
    assert f"before={first[-1]}" in page
    assert "Newer" not in page


def test_filters_find_actions_people_and_days(
    at: At, alice: Account, contoso: Tenant, invite: Invite
) -> None:
    invite(display_name="Gita Nair")
    with schema.in_tenant(contoso):
        write()
        today = AuditEvent.objects.order_by("-number")[0].at.date().isoformat()
    admin = at(alice)

    def shown(**asked: str) -> set[str]:
        answer = admin.client.get(admin.path("invitations:audit"), asked)
        assert answer.status_code == 200
        return {row.event.action for row in answer.context["rows"]}

    assert shown(action="policy.changed") == {"policy.changed"}
    assert shown(person="gita") == {"guest.invited"}
    assert shown(person="northwind.example", action="guest.invited") == {"guest.invited"}
    assert shown(person="nobody") == set()
    assert "policy.changed" in shown(since=today, until=today)
    assert shown(until="2001-01-01") == set()
    assert shown(since="2999-01-01") == set()


@pytest.mark.parametrize(
    "query",
    [
        "action=nothing",
        "since=yesterday",
        "until=2026-99-99",
        "since=0001-01-01&until=9999-12-31",
        "person=%00",
        "person=" + "x" * 101,
        "person=%25_%27",
        "before=abc",
        "before=-1",
        "before=99999999999999999999999",
        "after=%D9%A3",
        "after=999999999999999999",
    ],
)
def test_bad_filters_are_ignored_or_named(at: At, alice: Account, query: str) -> None:
    admin = at(alice)
    answer = admin.client.get(f"{admin.path('invitations:audit')}?{query}")
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize("rows", [1, 60])
def test_the_page_asks_six_questions_however_many_rows(
    at: At, alice: Account, contoso: Tenant, statements: Statements, rows: int
) -> None:
    with schema.in_tenant(contoso):
        write(rows)
    admin = at(alice)
    admin.get("invitations:audit")
    with statements() as counted:
        assert admin.get("invitations:audit").status_code == 200
    assert len(counted.sql) <= 6, "\n".join(counted.sql)


# --- exports -----------------------------------------------------------------------------------------


def test_an_export_holds_what_was_asked_and_can_be_checked_elsewhere(
    at: At, alice: Account, contoso: Tenant, fabrikam: Tenant, invite: Invite
) -> None:
    """Streamed after the request left the tenant, with a decoy next door; more than one chunk."""
    invite(display_name="=HYPERLINK(1)")
    invite(tenant=fabrikam, email="decoy@tailspin.example")
    with schema.in_tenant(contoso):
        write(CHUNK + 20)
        last = AuditHead.objects.get().number
    answer = at(alice).post("invitations:audit_export", {"format": "json"})
    assert schema.current_schema() == "public"
    schema.enter(fabrikam)
    text = streamed(answer)
    assert schema.current_schema() == "fabrikam"
    schema.leave()
    assert "decoy" not in text
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["number"] for row in rows] == list(range(1, last + 1))
    previous = chain.ROOT
    for row in rows:
        link = chain.Link(
            number=row["number"],
            at=datetime.fromisoformat(row["at"]),
            previous_hash=row["previous_hash"],
            hash=row["hash"],
            body=row["body"],
        )
        assert not chain.flaw_after(link, number=row["number"] - 1, previous_hash=previous)
        previous = row["hash"]
    with schema.in_tenant(contoso):
        noted = AuditEvent.objects.order_by("-number")[0]
    assert (noted.number, noted.action) == (last + 1, AuditAction.AUDIT_EXPORTED)
    assert noted.detail == {"format": "json", "rows_to": last}
    assert get_script_prefix() == "/"


def test_a_csv_export_runs_nothing_in_a_spreadsheet(at: At, alice: Account, invite: Invite) -> None:
    """B06 for names in the audit log."""
    invite(display_name="=HYPERLINK(1)")
    asked = {"format": "csv", "action": "guest.invited", "person": "gita"}
    text = streamed(at(alice).post("invitations:audit_export", asked))
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [(row["about"], unguard(row["about"])) for row in rows] == [
        ("'=HYPERLINK(1)", "=HYPERLINK(1)")
    ]
    assert not any(value[:1] in STARTS - {"'"} for row in rows for value in row.values() if value)


@given(text=st.text(max_size=12) | st.builds("{}{}".format, st.sampled_from(sorted(STARTS)), TEXT))
def test_a_guarded_cell_comes_back_as_it_was(text: str) -> None:
    """B06: no guarded cell starts a formula, and reading it again gives the original."""
    guarded = guard(text)
    assert unguard(guarded) == text
    assert guarded.lstrip(" ")[:1] not in STARTS - {"'"}


@pytest.mark.parametrize("asked", [{}, {"format": "exe"}, {"format": "csv", "since": "soon"}])
def test_an_export_of_nothing_known_is_not_there(
    at: At, alice: Account, contoso: Tenant, asked: dict[str, str]
) -> None:
    assert at(alice).post("invitations:audit_export", asked).status_code == 404
    with schema.in_tenant(contoso):
        assert not AuditEvent.objects.filter(action=AuditAction.AUDIT_EXPORTED).exists()


def test_looking_at_the_export_address_exports_nothing(at: At, alice: Account) -> None:
    """GET changes nothing."""
    assert at(alice).get("invitations:audit_export").status_code == 405
