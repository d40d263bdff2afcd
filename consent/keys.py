"""A tenant's signing keys: sealed at rest, published early, rotated (S04).

Of each algorithm there is one active key, one next key that is published but does not sign yet,
and those that retired a short while ago, so that what they signed can still be checked.
"""

import base64
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from joserfc.jwk import ECKey, KeySet, RSAKey

from consent.errors import KeyLostError
from consent.models import SigningAlgorithm, SigningKey
from invitations import audit
from invitations.models import AuditAction, DirectoryEntry
from tenants import schema

PURPOSE = b"foyer signing keys"
# What is signed lives an hour at most; a verifier may keep an old key set for a day.
PUBLISHED_AFTER_RETIREMENT = timedelta(days=1)
# Apps show ID tokens again that are long over, when their people sign out (RP-Initiated Logout, 2).
REMEMBERED_AFTER_RETIREMENT = timedelta(days=90)
ROTATED_AFTER = timedelta(days=90)
# How long a process uses a key without looking whether it is still the active one.
REMEMBERED_SECONDS = 30.0
RSA_BITS = 2048
LIVING = Q(retired_at__isnull=True)

Key = RSAKey | ECKey


def sealer(purpose: bytes) -> MultiFernet:
    """Seals with the ticket key, for this purpose only; opens with the older ones too."""
    keys = [settings.FOYER_TICKET_KEY, *settings.FOYER_TICKET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key, purpose)) for key in keys])


def _fernet() -> MultiFernet:
    return sealer(PURPOSE)


def _derived(key: str, purpose: bytes) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key.encode())
    return base64.urlsafe_b64encode(derived)


def _generate(algorithm: str) -> Key:
    if algorithm == SigningAlgorithm.ES256:
        return ECKey.generate_key("P-256", auto_kid=True)
    return RSAKey.generate_key(RSA_BITS, auto_kid=True)


def _make(algorithm: str, *, active: bool) -> None:
    key = _generate(algorithm)
    public = key.as_dict(private=False) | {"use": "sig", "alg": algorithm}
    sealed = _fernet().encrypt(json.dumps(key.as_dict(private=True)).encode())
    SigningKey.objects.create(
        algorithm=algorithm,
        public_jwk=public,
        sealed=sealed,
        active_from=Now() if active else None,
    )


def _take_turns() -> None:
    """Two processes that would make the same key do it one after the other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s))", [f"keys:{schema.current_schema()}"]
        )


@transaction.atomic
def ensure_keys() -> None:
    """Make what is missing: an active and a next key of each algorithm."""
    _take_turns()
    living = SigningKey.objects.filter(LIVING)
    there = {(row.algorithm, row.active_from is not None) for row in living}
    for algorithm in SigningAlgorithm.values:
        for active in (True, False):
            if (algorithm, active) not in there:
                _make(algorithm, active=active)


def _can_open(row: SigningKey) -> bool:
    try:
        _fernet().decrypt(bytes(row.sealed))
    except InvalidToken:
        return False
    return True


def _give_up_lost() -> bool:
    """Keys that no ticket key of ours opens sign nothing any more; whether there were any."""
    lost = [row.pk for row in SigningKey.objects.filter(LIVING) if not _can_open(row)]
    SigningKey.objects.filter(pk__in=lost, active_from__isnull=True).delete()
    SigningKey.objects.filter(pk__in=lost).update(retired_at=Now())
    return bool(lost)


def _seal_anew() -> None:
    """With the ticket key of today, so that an older one may go."""
    for row in SigningKey.objects.filter(LIVING):
        row.sealed = _fernet().rotate(bytes(row.sealed))
        row.save(update_fields=["sealed"])


@transaction.atomic
def rotate_keys(*, by: DirectoryEntry | None, at_once: bool = False) -> None:
    """The next key signs from now on, and a new next one is published.

    `at_once` is for a key that leaked: the old one is withdrawn from the published set, and so is
    what it signed. Keys whose ticket key is lost are replaced.
    """
    _take_turns()
    _rotate(by, at_once=at_once)


def _rotate(by: DirectoryEntry | None, *, at_once: bool = False) -> None:
    _give_up_lost()
    SigningKey.objects.filter(LIVING, active_from__isnull=False).update(retired_at=Now())
    if at_once:
        SigningKey.objects.filter(retired_at__isnull=False).delete()
    SigningKey.objects.filter(active_from__isnull=True).update(active_from=Now())
    ensure_keys()
    audit.record(AuditAction.SIGNING_KEYS_ROTATED, actor=by, at_once=at_once)
    # For what follows in this transaction, and again for threads that looked before its end.
    _active.clear()
    transaction.on_commit(_active.clear)


@transaction.atomic
def keep_keys() -> int:
    """What time brings: rotate what is old or lost, seal anew with the ticket key of today, forget
    what nobody needs; 1 when keys were rotated."""
    _take_turns()
    retired = SigningKey.objects.filter(retired_at__isnull=False)
    # Of a key that signs no more nothing private is needed.
    retired.exclude(sealed=b"").update(sealed=b"")
    retired.filter(retired_at__lt=Now() - REMEMBERED_AFTER_RETIREMENT).delete()
    old = SigningKey.objects.filter(LIVING, active_from__lt=Now() - ROTATED_AFTER).exists()
    lost = _give_up_lost()
    if old or lost:
        _rotate(None)
    _seal_anew()
    return int(old or lost)


def published() -> list[dict[str, Any]]:
    """The public keys an app checks signatures with (RFC 7517)."""
    alive = Q(retired_at__isnull=True) | Q(retired_at__gt=Now() - PUBLISHED_AFTER_RETIREMENT)
    found = SigningKey.objects.filter(alive).order_by("created_at")
    return list(found.values_list("public_jwk", flat=True))


def remembered_set() -> KeySet:
    """These and older ones, to know again what we signed long ago."""
    found = SigningKey.objects.order_by("created_at")
    return KeySet.import_key_set({"keys": list(found.values_list("public_jwk", flat=True))})


@dataclass(frozen=True)
class Signer:
    """A parsed private key, and the `kid` its signatures name."""

    kid: str
    algorithm: str
    key: Key


_parsed: dict[str, Key] = {}
_active: dict[tuple[str, str], tuple[float, Signer]] = {}


def _parse(row: SigningKey) -> Key:
    kid = str(row.public_jwk["kid"])
    if kid not in _parsed:
        try:
            jwk = json.loads(_fernet().decrypt(bytes(row.sealed)))
        except InvalidToken as error:
            raise KeyLostError from error
        known: type[Any] = ECKey if row.algorithm == SigningAlgorithm.ES256 else RSAKey
        _parsed[kid] = known.import_key(jwk)
    return _parsed[kid]


def signer(algorithm: str) -> Signer:
    """The active key, parsed once a process; `SigningKey.DoesNotExist` without an app,
    `KeyLostError` when no ticket key of ours opens it."""
    place = (schema.current_schema(), algorithm)
    read_at, known = _active.get(place, (0.0, None))
    if known and time.monotonic() - read_at < REMEMBERED_SECONDS:
        return known
    row = SigningKey.objects.get(
        algorithm=algorithm, active_from__isnull=False, retired_at__isnull=True
    )
    found = Signer(str(row.public_jwk["kid"]), algorithm, _parse(row))
    _active[place] = (time.monotonic(), found)
    return found
