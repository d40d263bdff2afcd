"""The demonstration's app is registered once, follows the port, and gets a secret it can keep."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from consent import sample_app
from consent.clients import Registration, change_registration, is_secret_of
from consent.models import ClientSecret, ClientType, OAuthClient
from invitations.models import AppAssignment, AppOwner, AuditEvent, Invitation, WhoMayEnter
from invitations.services.apps import remove_app
from tenants import schema
from tenants.models import Tenant

HERE, THERE = "http://localhost:8001", "http://localhost:9101"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.FOYER_DATA = tmp_path
    return tmp_path


def demo(room: str) -> dict[str, Any]:
    """Run the command; what the app is told, by tenant."""
    out = io.StringIO()
    call_command("demo", room=room, stdout=out)
    assert f"{room}/contoso/" in out.getvalue()
    told = json.loads(sample_app._file().read_text())
    assert told["origin"] == room
    return {each["slug"]: each for each in told["rooms"]}


def people() -> set[str]:
    """Whom the app is given to in the tenant we are in."""
    rows = AppAssignment.objects.filter(entry__account__isnull=False)
    return set(rows.values_list("entry__address", flat=True))


def check_shared(slug: str) -> None:
    """Mara owns it; she, the administrator and Gita may enter."""
    with schema.in_tenant(Tenant.objects.get(slug=slug)):
        client = OAuthClient.objects.get()
        assert client.app.who_may_enter == WhoMayEnter.ASSIGNED
        assert AppOwner.objects.get(app=client.app).entry.address == f"mara@{slug}.example"
        expected = {f"alice@{slug}.example", f"mara@{slug}.example", "gita@northwind.example"}
        assert people() == expected


def test_the_demonstration_shares_the_app_once_and_follows_the_port(db: None) -> None:
    """Made anew; run again; made before there was such an app, and run at another port."""
    for slug in ("contoso", "fabrikam"):
        tenant = Tenant.objects.get(slug=slug)
        tenant.delete(force_drop=True)  # type: ignore[no-untyped-call]
    first = demo(HERE)
    contoso, fabrikam = (Tenant.objects.get(slug=slug) for slug in ("contoso", "fabrikam"))
    check_shared("contoso")
    with schema.in_tenant(contoso):
        waiting = Invitation.objects.open().filter(address="catering@tailspin.example").get()
        assert waiting.redirect_url == f"{HERE}/contoso/"
        assert waiting.apps_given.get().app.name == sample_app.NAME
    assert demo(HERE) == first

    with schema.in_tenant(fabrikam):
        remove_app(OAuthClient.objects.get().app, by=None)
    then = demo(THERE)
    check_shared("fabrikam")
    with schema.in_tenant(fabrikam):
        assert AppAssignment.objects.filter(entry__address="catering@tailspin.example").exists()
    assert then["contoso"] == first["contoso"]
    assert then["fabrikam"]["client_id"] != first["fabrikam"]["client_id"]
    for tenant in (contoso, fabrikam):
        with schema.in_tenant(tenant):
            client = OAuthClient.objects.select_related("app").get()
        assert client.redirect_uris == [f"{THERE}/{tenant.slug}/callback"]
        assert client.sign_out_uris == [f"{THERE}/{tenant.slug}/goodbye"]
        assert client.app.home_url == f"{THERE}/{tenant.slug}/"


def test_only_what_differs_is_changed(contoso: Tenant) -> None:
    """Also when an administrator renamed the app and took its secrets away by its kind."""
    with schema.in_tenant(contoso):
        client = sample_app.register(origin=HERE, by=None)
        before = AuditEvent.objects.count()
        sample_app.adjust(client, origin=HERE, by=None)
        assert AuditEvent.objects.count() == before

        public = Registration(client_type=ClientType.PUBLIC, redirect_uris=(f"{HERE}/x",))
        change_registration(client, registration=public, by=None, name="Room", home_url=HERE)
        found = sample_app.find([str(client.pk)])
        assert found == client
        sample_app.adjust(found, origin=HERE, by=None)
        found.refresh_from_db()
        assert (found.client_type, found.app.name) == (ClientType.WEB, "Room")
        assert found.redirect_uris == [f"{HERE}/contoso/callback"]


def test_a_secret_nobody_kept_is_replaced(contoso: Tenant, folder: Path) -> None:
    """O10: kept in a file for us alone; when that is lost, the old secret is dead."""
    with schema.in_tenant(contoso):
        client = sample_app.register(origin=HERE, by=None)
        room = sample_app.describe(client, secrets=sample_app.kept_secrets(), by=None)
        sample_app.keep([room], origin=HERE)
        path = folder / "project-room.json"
        assert path.stat().st_mode & 0o777 == 0o600
        kept = sample_app.kept_secrets()
        assert sample_app.describe(client, secrets=kept, by=None) == room
        path.unlink()
        other = sample_app.describe(client, secrets=sample_app.kept_secrets(), by=None)
        digest = ClientSecret.objects.get(client=client).digest
        assert is_secret_of([digest], other.client_secret)
        assert not is_secret_of([digest], room.client_secret)
