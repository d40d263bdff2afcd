"""What administrators register: how an app signs people in, and its secrets."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from consent.errors import SecretNotNeededError, TooManySecretsError
from consent.keys import ensure_keys
from consent.models import (
    AccessTokenFormat,
    Authorization,
    ClientSecret,
    ClientType,
    OAuthClient,
    SigningAlgorithm,
)
from consent.uris import check_uri
from invitations import audit
from invitations.models import AuditAction, DirectoryEntry, SharedApp
from invitations.services.apps import add_app, change_app, remove_app
from tenants.repeating import repeated

SECRET_BYTES = 32


def digest(secret: str) -> str:
    """How a random secret, code or token is kept: SHA-256 in hex (architecture 10)."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class Registration:
    """How an app signs people in; raises `UriError` for an address it cannot come back to."""

    client_type: ClientType = ClientType.WEB
    redirect_uris: tuple[str, ...] = ()
    sign_out_uris: tuple[str, ...] = ()
    id_token_algorithm: SigningAlgorithm = SigningAlgorithm.RS256
    access_token_format: AccessTokenFormat = AccessTokenFormat.OPAQUE

    def __post_init__(self) -> None:
        for uri in (*self.redirect_uris, *self.sign_out_uris):
            check_uri(uri)

    def columns(self) -> dict[str, Any]:
        return {
            "client_type": str(self.client_type),
            "redirect_uris": list(self.redirect_uris),
            "sign_out_uris": list(self.sign_out_uris),
            "id_token_algorithm": str(self.id_token_algorithm),
            "access_token_format": str(self.access_token_format),
        }


@transaction.atomic
def register_app(
    *, registration: Registration, by: DirectoryEntry | None, **about: Any
) -> OAuthClient:
    """Share an app and register its client. `about` is what `add_app` takes; raises what it does."""
    ensure_keys()
    columns = registration.columns()
    app = add_app(by=by, sign_in=columns, **about)
    return OAuthClient.objects.create(app=app, **columns)


@transaction.atomic
def share_app(
    *, registration: Registration, by: DirectoryEntry | None, **about: Any
) -> tuple[OAuthClient, str]:
    """Register an app with its first secret, for its reader now; empty for one that keeps none.

    Raises what `register_app` raises.
    """
    client = register_app(registration=registration, by=by, **about)
    keeps_secrets = registration.client_type != ClientType.PUBLIC
    return client, add_secret(client, by=by) if keeps_secrets else ""


@transaction.atomic
def change_registration(
    client: OAuthClient, *, registration: Registration, by: DirectoryEntry | None, **about: Any
) -> None:
    """Change app and client together. Secrets of an app that keeps none from now on are gone."""
    columns = registration.columns()
    # The client before the audit log, as everywhere, so that nobody waits in a circle.
    OAuthClient.objects.filter(pk=client.pk).update(**columns)
    if registration.client_type == ClientType.PUBLIC:
        ClientSecret.objects.filter(client=client).delete()
    change_app(client.app, by=by, sign_in=columns, **about)


@repeated
@transaction.atomic
def stop_sharing(client: OAuthClient, *, by: DirectoryEntry | None) -> None:
    """Take the app away with its client, secrets and tokens. Who signs in at it in this moment
    waits, and then finds no app."""
    # What is signed in first: a token call holds that, and needs the client when it commits.
    held = Authorization.objects.select_for_update().filter(client=client)
    list(held.order_by("pk").values_list("pk"))
    OAuthClient.objects.select_for_update().filter(pk=client.pk).first()
    remove_app(client.app, by=by)


@transaction.atomic
def add_secret(client: OAuthClient, *, by: DirectoryEntry | None) -> str:
    """A new secret, shown to its reader now and never again; the other one stays valid.

    Raises `TooManySecretsError` when there are two, `SecretNotNeededError` for a public client.
    """
    locked = (
        OAuthClient.objects.select_related("app").select_for_update(of=("self",)).get(pk=client.pk)
    )
    if locked.client_type == ClientType.PUBLIC:
        raise SecretNotNeededError
    if ClientSecret.objects.filter(client=locked).count() >= ClientSecret.MOST:
        raise TooManySecretsError
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = ClientSecret.objects.create(client=locked, digest=digest(secret), hint=secret[:4])
    _record_secret(AuditAction.APP_SECRET_ADDED, locked.app, secret=str(row.pk), by=by)
    return secret


@transaction.atomic
def remove_secret(row: ClientSecret, *, by: DirectoryEntry | None) -> None:
    """From the next request on it opens nothing."""
    if ClientSecret.objects.filter(pk=row.pk).delete()[0]:
        app, secret = row.client.app, str(row.pk)
        _record_secret(AuditAction.APP_SECRET_REMOVED, app, secret=secret, by=by)


def _record_secret(
    action: AuditAction, app: SharedApp, *, secret: str, by: DirectoryEntry | None
) -> None:
    audit.record(action, actor=by, app=str(app.pk), name=app.name, secret=secret)


def is_secret_of(digests: Iterable[str], secret: str) -> bool:
    """Whether it is one of the secrets, in the same time whichever."""
    asked = digest(secret)
    return True in [secrets.compare_digest(asked, known) for known in digests]
