"""An app as Authlib sees it, with where the person stands who is at the door."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from authlib.oauth2.rfc6749 import ClientMixin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, JSONField, OuterRef, Value

from consent.clients import is_secret_of
from consent.models import OFFLINE, ClientSecret, ClientType, OAuthClient
from consent.prepared import Prepared
from consent.standing import standing_of
from invitations.models import WhoMayEnter

SCOPES = ("openid", "profile", "email", OFFLINE)
GRANTS: Mapping[str, frozenset[str]] = {
    ClientType.WEB: frozenset({"authorization_code", "refresh_token"}),
    ClientType.PUBLIC: frozenset({"authorization_code", "refresh_token"}),
    ClientType.SERVICE: frozenset({"client_credentials"}),
}


class Client(ClientMixin):
    """One registered app."""

    def __init__(self, found: Any) -> None:
        self.row: OAuthClient = found
        self.digests: Iterable[str] = found.digests
        self.who_may_enter = WhoMayEnter(found.who_may_enter)
        # The entry of who is signed in; None for strangers and when nobody was asked.
        self.standing: Mapping[str, Any] | None = json.loads(found.standing or "null")
        self.client_id = str(found.pk)

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """None: an app always says where the answer goes (OpenID Connect Core, 3.1.2.1)."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What we know of it, in our order; unknown words are ignored (Core, 3.1.2.1). All we know
        is about people, so a service gets none of it."""
        asked = (scope or "").split() if self.check_grant_type("authorization_code") else ()
        return " ".join(known for known in SCOPES if known in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.row.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return is_secret_of(self.digests, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  # Authlib names it
        return (method == "none") == (self.row.client_type == ClientType.PUBLIC)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANTS[self.row.client_type]


def _look_up(client: UUID, account: UUID | None = None) -> Any:
    secrets = ClientSecret.objects.filter(client=OuterRef("pk")).values("digest")
    answers: dict[str, Any] = {
        "who_may_enter": F("app__who_may_enter"),
        "digests": ArraySubquery(secrets),
        "standing": standing_of(account) if account else Value(None, JSONField()),
    }
    return OAuthClient.objects.filter(pk=client).annotate(**answers)


ALONE = Prepared(_look_up, client=UUID(int=1))
WITH_STANDING = Prepared(_look_up, client=UUID(int=1), account=UUID(int=2))


def find_client(client_id: str, *, account_id: UUID | None = None) -> Client | None:
    """The app with this public name, in one statement; None for everything else."""
    try:
        pk = UUID(client_id)
    except ValueError:
        return None
    if str(pk) != client_id:
        return None
    if account_id:
        row = WITH_STANDING.first(client=pk, account=account_id)
    else:
        row = ALONE.first(client=pk)
    return Client(row) if row else None
