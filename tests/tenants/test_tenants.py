"""Tenants: made whole or not at all, each in its own schema whatever happens next door."""

import io
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis
from celery import Celery
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction

from invitations.models import DirectoryEntry, Invitation, TenantPolicy
from invitations.services.invite import invite_guest
from invitations.tasks import deliver_due_mail
from tenants import schema
from tenants.migration import lagging
from tenants.models import Domain, MailState, OutgoingMail, Tenant
from tenants.services import TenantExistsError, provision_tenant, suspend_tenant
from tenants.slugs import SlugError
from tests.conftest import Invite, Race


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace")
        return {row[0] for row in cursor.fetchall()}


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


CREATE = ("--name", "Tailspin", "--domain", "tailspin.example", "--admin", "tim@tailspin.example")


def test_create_tenant_makes_everything_and_prints_the_administrators_link(db: None) -> None:
    link = run("create_tenant", "tailspin", *CREATE)
    assert link.startswith("https://testserver/o/tailspin/redeem/")
    tenant = Tenant.objects.get(slug="tailspin")
    with schema.in_tenant(tenant):
        assert TenantPolicy.objects.get().validity.days == 7
        entry = DirectoryEntry.objects.get()
        assert (entry.user_type, entry.role_assignments.get().role) == ("Member", "administrator")
    assert OutgoingMail.objects.filter(tenant=tenant).count() == 1
    assert lagging(["public", "contoso", "tailspin"]) == []


@pytest.mark.parametrize("slug", ["public", "pg_x", "x" * 64, 'a"b', "кон", "Tailspin", "a b", ""])
def test_an_odd_slug_is_refused_before_any_ddl(db: None, slug: str) -> None:
    """N09."""
    before = schemas()
    with patch("tenants.services._make_schema") as ddl:
        with pytest.raises(CommandError):
            run("create_tenant", slug, *CREATE)
        with pytest.raises(SlugError):
            provision_tenant(slug=slug, name="X")
    assert not ddl.called
    assert schemas() == before


def test_a_tenant_is_made_whole_or_not_at_all(db: None) -> None:
    before = schemas()
    bad_admin = [*CREATE[:-1], "not an address"]
    with pytest.raises(CommandError):
        run("create_tenant", "tailspin", *bad_admin)
    assert schemas() == before
    assert not Tenant.objects.filter(slug="tailspin").exists()
    for name, domain in (
        ("", "tailspin.example"),
        ("Tailspin", "no domain"),
        ("www.x.example", ""),
    ):
        bad = ["--name", name, "--domain", domain, "--admin", "tim@tailspin.example"]
        with pytest.raises(CommandError):
            run("create_tenant", "tailspin", *bad)
    with pytest.raises(CommandError, match="already"):
        run("create_tenant", "contoso", *CREATE)
    with pytest.raises(TenantExistsError):
        provision_tenant(slug="contoso", name="Another")


def test_there_is_never_a_tenant_for_public(db: None) -> None:
    """N09, whoever writes the row."""
    for values in ({"slug": "public", "schema_name": "public"}, {"slug": "a", "schema_name": "b"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Tenant.objects.bulk_create([Tenant(name="x", **values)])


def test_a_domain_is_verified_for_one_tenant(contoso: Tenant, fabrikam: Tenant) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Domain.objects.create(
            tenant=fabrikam,
            domain="contoso.example",
            is_primary=False,
            verified_at="2026-01-01T00:00:00Z",
        )


def test_the_invite_command_prints_a_link_and_says_what_is_wrong(contoso: Tenant) -> None:
    link = run("invite", "--tenant", "contoso", "--email", "x@tailspin.example", "--no-mail")
    assert link.startswith("https://testserver/o/contoso/redeem/")
    assert not OutgoingMail.objects.exists()
    for arguments in (
        ("--tenant", "nobody", "--email", "x@tailspin.example"),
        ("--tenant", "contoso", "--email", "x"),
        ("--tenant", "contoso", "--email", "x@tailspin.example"),
        ("--tenant", "contoso", "--email", "alice@contoso.example"),
        ("--tenant", "contoso", "--email", "y@tailspin.example", "--message", "www.evil.example"),
        ("--tenant", "contoso", "--email", "y@tailspin.example", "--redirect-url", "http://x"),
    ):
        with pytest.raises(CommandError):
            run("invite", *arguments)


def test_the_demonstration_has_guests_in_every_state(
    db: None, settings: Any, tmp_path: Path
) -> None:
    settings.FOYER_DATA = tmp_path
    for slug in ("contoso", "fabrikam"):
        tenant = Tenant.objects.get(slug=slug)
        tenant.delete(force_drop=True)  # type: ignore[no-untyped-call]
    text = run("demo")
    assert text.count("/sign-in/") == 3
    with schema.in_tenant(Tenant.objects.get(slug="contoso")):
        statuses = set(Invitation.objects.values_list("status", flat=True))
    assert statuses == {"pending_acceptance", "completed", "declined", "revoked"}
    assert run("demo").count("/sign-in/") == 3


# --- isolation ---------------------------------------------------------------------------------------------


def test_a_forged_task_runs_nowhere(contoso: Tenant) -> None:
    """N05: a message with a schema of its own choosing fails; it never runs in public."""
    for forged in ({"tenant": "public"}, {"tenant": "nobody"}, {"schema_name": "fabrikam"}):
        outcome = deliver_due_mail.apply(kwargs=forged)
        assert outcome.failed()
    with pytest.raises(schema.NoTenantError):
        schema.current_tenant()


def test_what_belongs_to_a_tenant_fails_in_public(db: None) -> None:
    """N05, N06: loudly, because the tables are not there."""
    with pytest.raises(ProgrammingError), transaction.atomic():
        invite_guest(email="x@tailspin.example", invited_by=None)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
            " AND (table_name LIKE 'invitations%' OR table_name LIKE 'consent%')"
        )
        assert cursor.fetchone() == (0,)


def test_a_missing_table_in_one_tenant_is_503_there_and_nothing_elsewhere(
    client: Any, contoso: Tenant, fabrikam: Tenant
) -> None:
    """N06: until repaired; others run."""
    with schema.in_tenant(contoso), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contoso.consent_privacystatement RENAME TO gone")
    client.raise_request_exception = False
    with transaction.atomic():
        answer = client.get("/o/contoso/privacy/")
        transaction.set_rollback(True)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert client.get("/o/fabrikam/privacy/").status_code == 200


def test_requests_and_tasks_of_many_tenants_never_meet(race: Race) -> None:
    """N04: 1,200 rounds in 6 threads over two schemas and public, a tenth of them failing."""
    mistakes: list[str] = []
    here = race.tenant
    contoso = Tenant.objects.get(slug="contoso")
    with schema.in_tenant(here):
        invite_guest(email="marker@race.example", invited_by=None, send_mail=False)

    def addresses() -> set[str]:
        return set(DirectoryEntry.objects.values_list("address", flat=True))

    def once(dice: random.Random) -> None:
        tenant = dice.choice((here, contoso))
        try:
            with schema.in_tenant(tenant), transaction.atomic():
                found = addresses()
                if ("marker@race.example" in found) != (tenant == here):
                    mistakes.append(f"{tenant.slug} saw {found}")
                if dice.random() < 0.1:
                    with connection.cursor() as cursor:
                        cursor.execute("SELECT 1/0")
        except DatabaseError:
            if schema.current_schema() != "public":
                mistakes.append("left behind in a schema")
        if dice.random() < 0.2 and not Tenant.objects.filter(slug="contoso").exists():
            mistakes.append("public was not public")

    def work(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        try:
            for _ in range(200):
                once(dice)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not mistakes, mistakes[:5]


def test_mail_of_a_suspended_tenant_does_not_leave(
    invite: Invite, smtp: Any, contoso: Tenant, fabrikam: Tenant
) -> None:
    """N10 in small: next door's does."""
    invite()
    invite(tenant=fabrikam)
    suspend_tenant(contoso)
    assert deliver_due_mail() == 1
    held = OutgoingMail.objects.get(tenant=contoso)
    assert held.state == MailState.HELD


# --- Redis ----------------------------------------------------------------------------------------------------


def test_redis_holds_nothing_of_an_invitation(
    invite: Invite, contoso: Tenant, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """T03: every key and value after 50 invitations is searched."""
    store = redis.Redis.from_url(django_settings.REDIS_URL, decode_responses=True)
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(50):
            invite(email=f"needle{number}@northwind.example", message="A secret message.")
    found = []
    for key in store.scan_iter():
        kind = store.type(key)
        found.append(key)
        if kind == "string":
            found.append(str(store.get(key)))
        elif kind == "list":
            found += store.lrange(key, 0, -1)
        elif kind == "hash":
            found.append(str(store.hgetall(key)))
        else:
            found.append(str(store.zrange(key, 0, -1) if kind == "zset" else store.smembers(key)))
    store.close()
    text = "\n".join(found)
    assert "foyer.deliver_due_mail" in text
    for needle in ("needle", "secret message", "northwind", "redeem"):
        assert needle not in text


def test_a_broker_that_is_away_is_given_up_quickly(
    invite: Invite,
    contoso: Tenant,
    smtp: Any,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    """F01: for real, with nobody listening: inviting answers within two seconds, mail leaves later."""
    away = Celery("away", broker="redis://127.0.0.1:1/0", set_as_current=False)
    away.conf.broker_transport_options = django_settings.CELERY_BROKER_TRANSPORT_OPTIONS
    began = time.monotonic()
    with (
        patch("tenants.mail.outbox.current_app", away),
        django_capture_on_commit_callbacks(execute=True),
    ):
        invite()
    assert time.monotonic() - began < 2
    assert deliver_due_mail() == 1
