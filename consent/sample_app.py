"""The demonstration's app, *Project room*: its registration here, and the file it reads."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from consent.clients import (
    Registration,
    add_secret,
    change_registration,
    is_secret_of,
    register_app,
    remove_secret,
)
from consent.models import ClientSecret, OAuthClient
from consent.provider.claims import issuer
from invitations.models import DirectoryEntry, WhoMayEnter
from tenants import schema
from tenants.private_files import write_private

NAME = "Project room"
DESCRIPTION = "The sample app: it shows what an app learns of the people who come in."


@dataclass(frozen=True)
class Room:
    """What the app has to know to sign people in at one tenant."""

    slug: str
    organization: str
    issuer: str
    client_id: str
    client_secret: str


def _home(origin: str) -> str:
    return f"{origin}/{schema.current_tenant().slug}/"


def _registration(origin: str) -> Registration:
    home = _home(origin)
    return Registration(redirect_uris=(f"{home}callback",), sign_out_uris=(f"{home}goodbye",))


def find(known: Iterable[str]) -> OAuthClient | None:
    """The app's client at this tenant, None when it is not shared here.

    `known` are the clients in the app's file: an administrator may have given it another name.
    """
    clients = OAuthClient.objects.select_related("app")
    return clients.filter(pk__in=known).first() or clients.filter(app__name__iexact=NAME).first()


def register(*, origin: str, by: DirectoryEntry | None) -> OAuthClient:
    """Share the app that answers at this origin with the people who are assigned."""
    return register_app(
        registration=_registration(origin),
        by=by,
        name=NAME,
        description=DESCRIPTION,
        home_url=_home(origin),
        who_may_enter=WhoMayEnter.ASSIGNED,
    )


def adjust(client: OAuthClient, *, origin: str, by: DirectoryEntry | None) -> None:
    """Register the app as it runs now: the port may be another, or somebody tried other settings.

    Nothing happens when it is registered so already.
    """
    app, wanted = client.app, _registration(origin)
    now = {name: getattr(client, name) for name in wanted.columns()}
    if now == wanted.columns() and app.home_url == _home(origin):
        return
    change_registration(
        client,
        registration=wanted,
        by=by,
        name=app.name,
        description=app.description,
        home_url=_home(origin),
        who_may_enter=WhoMayEnter(app.who_may_enter),
    )


def describe(client: OAuthClient, *, secrets: Mapping[str, str], by: DirectoryEntry | None) -> Room:
    """What the app is told. A secret nobody kept is of no use: a new one takes its place."""
    rows = ClientSecret.objects.filter(client=client)
    secret = secrets.get(str(client.pk), "")
    if not is_secret_of(rows.values_list("digest", flat=True), secret):
        for row in rows:
            remove_secret(row, by=by)
        secret = add_secret(client, by=by)
    tenant = schema.current_tenant()
    return Room(tenant.slug, tenant.name, issuer(), str(client.pk), secret)


def _file() -> Path:
    return Path(settings.FOYER_DATA) / "project-room.json"


def kept_secrets() -> dict[str, str]:
    """The secrets in the app's file, by client; empty when there is no file."""
    if not _file().exists():
        return {}
    rooms = json.loads(_file().read_text())["rooms"]
    return {room["client_id"]: room["client_secret"] for room in rooms}


def keep(rooms: Iterable[Room], *, origin: str) -> None:
    """Write the app's file, for us alone."""
    told = {"origin": origin, "rooms": [asdict(room) for room in rooms]}
    write_private(_file(), json.dumps(told))
