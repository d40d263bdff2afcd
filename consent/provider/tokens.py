"""Giving tokens out, finding them again, and ending whole families of them."""

import secrets
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from authlib.oauth2.rfc6749 import TokenMixin
from django.db.models import F, Q
from django.db.models.functions import Least, Now

from consent.clients import digest
from consent.models import (
    AccessTokenFormat,
    AppVisit,
    Authorization,
    OAuthClient,
    Token,
    TokenKind,
)
from consent.prepared import Prepared
from consent.provider import claims
from consent.standing import alive
from invitations import audit
from invitations.models import AuditAction
from invitations.states import DeletionReason

TOKEN_BYTES = 32
ACCESS_SECONDS = 600
REFRESH_IDLE = timedelta(hours=24)
REFRESH_ABSOLUTE = timedelta(days=30)
CODE_LIFE = timedelta(seconds=60)
REFRESH_COLUMNS = ("id", "client_id", "scope", "used_at", "revoked_at")


def random_token() -> str:
    """256 bits that nobody guesses, as text for an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_access_token(*, authorization: Any, client: OAuthClient, scope: str) -> str:
    """Opaque, or what the app was registered for."""
    if client.access_token_format == AccessTokenFormat.OPAQUE:
        return random_token()
    return claims.access_jwt(
        authorization=authorization,
        client=client,
        scope=scope,
        jti=random_token(),
        seconds=ACCESS_SECONDS,
    )


def keep(
    *, client: OAuthClient, authorization: Authorization | None, scope: str, given: dict[str, Any]
) -> None:
    """Remember what is given out, by its hash, in one statement."""
    rows = [
        Token(
            kind=TokenKind.ACCESS,
            client=client,
            authorization=authorization,
            digest=digest(given["access_token"]),
            scope=scope,
            expires_at=Now() + timedelta(seconds=ACCESS_SECONDS),
        )
    ]
    if "refresh_token" in given and authorization:
        end = authorization.created_at + REFRESH_ABSOLUTE
        rows.append(
            Token(
                kind=TokenKind.REFRESH,
                client=client,
                authorization=authorization,
                digest=digest(given["refresh_token"]),
                scope=authorization.scope,
                expires_at=Least(Now() + REFRESH_IDLE, end),
            )
        )
    Token.objects.bulk_create(rows)


def note_visit(authorization: Authorization, client: OAuthClient) -> None:
    """Who used the app last."""
    visit = AppVisit(app_id=client.app_id, entry_id=authorization.entry_id)
    AppVisit.objects.bulk_create(
        [visit],
        update_conflicts=True,
        unique_fields=["app", "entry"],
        update_fields=["last_at"],
    )


def end_family(authorization: Authorization, *, reason: str) -> None:
    """A code or refresh token came twice: nobody knows who the thief is, so all of it ends (O03,
    O06)."""
    authorization.ended_at = Now()
    authorization.save(update_fields=["ended_at"])
    audit.record(
        AuditAction.APP_TOKENS_ENDED,
        actor=None,
        entry=authorization.entry,
        app=str(authorization.client.app_id),
        reason=reason,
    )


def _by_code(code: str) -> Any:
    return (
        alive(Authorization.objects.select_for_update(of=("self",)))
        .annotate(is_fresh=Q(created_at__gt=Now() - CODE_LIFE))
        .filter(code_digest=code)
    )


def _alive(authorization: UUID) -> Any:
    return alive(Authorization.objects.filter(pk=authorization))


def _by_token(token: str) -> Any:
    return Token.objects.filter(digest=token).annotate(is_fresh=Q(expires_at__gt=Now()))


def _family(token: str) -> Any:
    of_it = Token.objects.filter(digest=token, kind=TokenKind.REFRESH).values("authorization")
    return Authorization.objects.filter(pk__in=of_it).select_for_update()


def _by_refresh(token: str) -> Any:
    """The family with its one token that was shown, in one statement."""
    named = {f"token_{name}": F(f"tokens__{name}") for name in REFRESH_COLUMNS}
    shown = Authorization.objects.filter(tokens__digest=token, tokens__kind=TokenKind.REFRESH)
    return alive(shown).annotate(is_fresh=Q(tokens__expires_at__gt=Now()), **named)


BY_CODE = Prepared(_by_code, code=digest("code"))
ALIVE = Prepared(_alive, authorization=UUID(int=1))
BY_TOKEN = Prepared(_by_token, token=digest("token"))
FAMILY = Prepared(_family, token=digest("token"))
BY_REFRESH = Prepared(_by_refresh, token=digest("token"))


def take_code(code: str, client: OAuthClient) -> Any:
    """The authorization of a code, used up by this; None when the code is no good.

    Whatever else is wrong with the call, a code is good for one: it is spent where it is seen.
    """
    found = BY_CODE.first(code=digest(code))
    if found is None:
        return None
    if found.redeemed_at or found.client_id != client.pk:
        if not found.ended_at:
            end_family(found, reason="code")
        return None
    Authorization.objects.filter(pk=found.pk).update(redeemed_at=Now())
    return found if found.is_alive and found.is_fresh else None


class Held(TokenMixin):
    """A token somebody showed, and the authorization it came of, as they are now."""

    def __init__(self, row: Any, authorization: Any) -> None:
        self.row, self.authorization = row, authorization

    @property
    def is_good(self) -> bool:
        row = self.row
        usable = row.is_fresh and not row.used_at and not row.revoked_at
        return bool(usable and (self.authorization is None or self.authorization.is_alive))

    def check_client(self, client: Any) -> bool:
        return bool(self.row.client_id == client.row.pk)

    def get_scope(self) -> str:
        return str(self.row.scope)

    def is_expired(self) -> bool:
        return not self.is_good

    def is_revoked(self) -> bool:
        return not self.is_good


Kind = Literal["access", "refresh"]


def find(token: str, *, kind: Kind | None = None) -> Held | None:
    """What this tenant gave out as this token; None for everything it did not."""
    row = BY_TOKEN.first(token=digest(token))
    if row is None or (kind and row.kind != kind):
        return None
    of_it = row.authorization_id
    return Held(row, ALIVE.first(authorization=of_it) if of_it else None)


def take_refresh(token: str) -> Held | None:
    """A refresh token whose family is locked: two who show the same one take turns, and the
    second sees what the first did."""
    shown = digest(token)
    if FAMILY.first(token=shown) is None:
        return None
    found = BY_REFRESH.first(token=shown)
    if found is None:
        return None
    row: Any = Token(**{name: getattr(found, f"token_{name}") for name in REFRESH_COLUMNS})
    row.is_fresh = found.is_fresh
    return Held(row, found)


def spend_refresh(held: Held) -> None:
    """A refresh token is good once."""
    Token.objects.filter(pk=held.row.pk).update(used_at=Now())


def revoke(held: Held) -> None:
    """End an access token; with a refresh token its whole family (RFC 7009, 2.1)."""
    if held.row.kind == TokenKind.REFRESH and held.authorization:
        Authorization.objects.filter(pk=held.authorization.pk).update(ended_at=Now())
    else:
        Token.objects.filter(pk=held.row.pk).update(revoked_at=Now())


def forget_old() -> int:
    """Rows that no call can need any more, for upkeep; how many authorizations, each counted with
    the tokens that went with it."""
    Token.objects.filter(expires_at__lt=Now() - timedelta(days=1)).delete()
    AppVisit.objects.filter(entry__deletion_reason=DeletionReason.ERASED).delete()
    old = Authorization.objects.filter(created_at__lt=Now() - REFRESH_ABSOLUTE)
    return old.delete()[0]
