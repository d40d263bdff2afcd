"""A tenant's signing keys: sealed, published early, rotated, forgotten."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db.models import F
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from consent import keys
from consent.models import SigningAlgorithm, SigningKey
from consent.tasks import provider_upkeep, provider_upkeep_of_tenant
from invitations.models import AuditAction, AuditEvent
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import make_app
from tests.conftest import Place, Race
from tests.portal import insider
from tests.races import together
from tests.rows import checksum, dump

At = Callable[..., Place]
ALGORITHMS = list(SigningAlgorithm)


@pytest.fixture
def here(contoso: Tenant, fabrikam: Tenant) -> Iterator[Tenant]:
    """Contoso's schema with keys; Fabrikam has its own, which stay as they are."""
    with schema.in_tenant(fabrikam):
        keys.ensure_keys()
    before = checksum(fabrikam)
    with schema.in_tenant(contoso):
        keys.ensure_keys()
        yield contoso
    assert checksum(fabrikam) == before


def kids(**states: Any) -> set[str]:
    return {str(row.public_jwk["kid"]) for row in SigningKey.objects.filter(**states)}


def active() -> set[str]:
    return kids(active_from__isnull=False, retired_at__isnull=True)


def coming() -> set[str]:
    return kids(active_from__isnull=True)


def published() -> set[str]:
    return {jwk["kid"] for jwk in keys.published()}


def sign(algorithm: str) -> str:
    signer = keys.signer(algorithm)
    header = {"alg": algorithm, "kid": signer.kid}
    return jwt.encode(header, {"sub": "x"}, signer.key, [algorithm])


def checks(token: str, algorithm: str) -> bool:
    """Whether an app that reads the published keys takes it."""
    try:
        jwt.decode(token, KeySet.import_key_set({"keys": keys.published()}), [algorithm])
    except (JoseError, ValueError):
        return False
    return True


def age(days: float, **states: Any) -> None:
    """Let time pass over keys in a state."""
    for column in ("active_from", "retired_at"):
        found = SigningKey.objects.filter(**states).exclude(**{column: None})
        found.update(**{column: F(column) - timedelta(days=days)})


def test_one_signs_and_one_comes_of_each_algorithm(here: Tenant) -> None:
    """S04: the next key is published before it signs anything."""
    assert len(active()) == len(coming()) == 2
    assert published() == active() | coming()
    keys.ensure_keys()
    assert SigningKey.objects.count() == 4
    for jwk in keys.published():
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(jwk)
        assert (jwk["use"], jwk["alg"] in ALGORITHMS) == ("sig", True)
    for algorithm in ALGORITHMS:
        assert checks(sign(algorithm), algorithm)


def test_private_keys_are_sealed(here: Tenant, fabrikam: Tenant) -> None:
    """S04, O10: nothing in the database signs; tenants share no key."""
    said = dump()
    for row in SigningKey.objects.all():
        private = keys._parse(row).as_dict(private=True)
        assert str(private["d"]) not in said
    mine = published()
    with schema.in_tenant(fabrikam):
        theirs = published()
    assert mine.isdisjoint(theirs)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_signed_before_a_rotation_is_good_for_a_day(here: Tenant, algorithm: str) -> None:
    """S04: the previous key is honoured until it is retired for good."""
    before, next_ones, token = active(), coming(), sign(algorithm)
    keys.rotate_keys(by=None)
    assert active() == next_ones
    assert not coming() & (before | next_ones)
    assert published() == before | next_ones | coming()
    assert checks(token, algorithm)
    assert keys.signer(algorithm).kid in next_ones
    assert checks(sign(algorithm), algorithm)
    age(0.9, retired_at__isnull=False)
    assert checks(token, algorithm)
    age(0.2, retired_at__isnull=False)
    assert not checks(token, algorithm)
    assert SigningKey.objects.count() == 6
    # Its public half stays for ID tokens that come back as hints, the private one does not.
    assert keys.keep_keys() == 0
    assert SigningKey.objects.count() == 6
    assert {bytes(row.sealed) for row in SigningKey.objects.exclude(retired_at=None)} == {b""}
    age(90, retired_at__isnull=False)
    assert keys.keep_keys() == 0
    assert SigningKey.objects.count() == 4
    event = AuditEvent.objects.get(action=AuditAction.SIGNING_KEYS_ROTATED)
    assert event.detail == {"at_once": False}


def test_a_leaked_key_is_withdrawn_at_once(here: Tenant) -> None:
    """S04."""
    token, before = sign("RS256"), active()
    keys.rotate_keys(by=None, at_once=True)
    assert not before & published()
    assert not checks(token, "RS256")
    assert checks(sign("RS256"), "RS256")


def test_time_rotates_keys_once_in_ninety_days(here: Tenant) -> None:
    """S04: by age, in the hourly task, in each active tenant."""
    first = active()
    age(89.9)
    assert provider_upkeep_of_tenant(here.schema_name)["rotated"] == 0
    with schema.in_tenant(here):
        age(0.2, retired_at__isnull=True)
        assert provider_upkeep_of_tenant(here.schema_name)["rotated"] == 1
    with schema.in_tenant(here):
        assert not first & active()
        assert provider_upkeep_of_tenant(here.schema_name)["rotated"] == 0


def test_every_active_tenant_is_kept(here: Tenant) -> None:
    with patch.object(provider_upkeep_of_tenant, "delay") as asked:
        provider_upkeep()
    assert {call.args[0] for call in asked.call_args_list} >= {"contoso", "fabrikam"}


def test_the_command_rotates_those_that_are_named(
    here: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    """S04."""
    first = active()
    call_command("rotate_signing_keys", "contoso")
    assert "contoso: the signing keys are rotated" in capsys.readouterr().out
    with schema.in_tenant(here):
        second = active()
        assert not first & second
    with pytest.raises(CommandError, match="There is no tenant nobody"):
        call_command("rotate_signing_keys", "contoso", "nobody")
    with schema.in_tenant(here):
        assert active() == second
        call_command("rotate_signing_keys", "contoso", "--at-once")
    with schema.in_tenant(here):
        assert not second & published()


def test_an_older_sealing_key_still_opens(here: Tenant, settings: Any) -> None:
    """S04: the ticket key that seals them is changed with its fallback."""
    token = sign("ES256")
    old = django_settings.FOYER_TICKET_KEY
    settings.FOYER_TICKET_KEY, settings.FOYER_TICKET_KEY_FALLBACKS = "n" * 64, [old]

    forget_parsed()
    assert checks(sign("ES256"), "ES256")
    keys.rotate_keys(by=None)
    keys.keep_keys()
    settings.FOYER_TICKET_KEY_FALLBACKS = []
    forget_parsed()
    assert checks(sign("RS256"), "RS256")
    assert checks(token, "ES256")


def forget_parsed() -> None:
    keys._parsed.clear()
    keys._active.clear()


def test_upkeep_seals_anew_so_that_a_fallback_may_go(here: Tenant, settings: Any) -> None:
    """S04: an hour after the ticket key was changed nothing needs the old one."""
    signing, old = active(), django_settings.FOYER_TICKET_KEY
    settings.FOYER_TICKET_KEY, settings.FOYER_TICKET_KEY_FALLBACKS = "n" * 64, [old]
    assert keys.keep_keys() == 0
    settings.FOYER_TICKET_KEY_FALLBACKS = []
    forget_parsed()
    assert checks(sign("RS256"), "RS256")
    assert active() == signing


@pytest.mark.parametrize("mend", [keys.keep_keys, lambda: keys.rotate_keys(by=None, at_once=True)])
def test_a_lost_ticket_key_costs_a_rotation_and_no_more(
    here: Tenant, settings: Any, at: At, alice: Account, mend: Callable[[], Any]
) -> None:
    """S04: apps are told to come again, nothing is spent, and new keys take over."""
    before = active()
    app = make_app(here)
    code = app.code(at(alice))
    settings.FOYER_TICKET_KEY = "n" * 64
    forget_parsed()
    answer = app.redeem(code)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer["Retry-After"]
    with schema.in_tenant(here):
        mend()
        assert not active() & before
        assert (len(active()), len(coming())) == (2, 2)
    assert app.redeem(code).status_code == 200
    with schema.in_tenant(here):
        assert keys.keep_keys() == 0


def test_a_key_is_parsed_once_a_process(
    at: At, contoso: Tenant, gita: Account, statements: Any
) -> None:
    """The hot path: no statement and no parsing for a key that is known."""
    keys._parsed.clear()
    app = make_app(contoso)
    insider(contoso, gita)
    person = at(gita)
    with patch.object(RSAKey, "import_key", wraps=RSAKey.import_key) as parse:
        app.tokens(person)
        app.tokens(person)
        with statements() as counted:
            app.tokens(person)
    private = [call for call in parse.call_args_list if "d" in call.args[0]]
    assert len(private) == 1
    assert not any("consent_signingkey" in sql for sql in counted.sql)


def test_a_process_notices_a_rotation_elsewhere(here: Tenant, monkeypatch: Any) -> None:
    """S04: it looks again after thirty seconds; what it signed meanwhile is good."""
    old = keys.signer("RS256").kid
    known = dict(keys._active)
    keys.rotate_keys(by=None)
    keys._active.update(known)
    assert keys.signer("RS256").kid == old
    assert checks(sign("RS256"), "RS256")
    monkeypatch.setattr(keys, "REMEMBERED_SECONDS", 0.0)
    assert keys.signer("RS256").kid != old


def test_two_who_share_the_first_app_make_one_set_of_keys(race: Race) -> None:
    """S04: also with eight at once there is one active and one next key of each algorithm."""

    def make() -> None:
        with schema.in_tenant(race.tenant):
            keys.ensure_keys()

    together([make] * 8)
    with schema.in_tenant(race.tenant):
        assert (len(active()), len(coming())) == (2, 2)
        assert SigningKey.objects.count() == 4

    def rotate() -> None:
        with schema.in_tenant(race.tenant):
            keys.rotate_keys(by=None)

    together([rotate] * 4)
    with schema.in_tenant(race.tenant):
        assert (len(active()), len(coming())) == (2, 2)
        assert SigningKey.objects.count() == 12
        age(91, retired_at__isnull=True)
        age(-91, retired_at__isnull=False)
    rotated: list[int] = []

    def keep() -> None:
        with schema.in_tenant(race.tenant):
            rotated.append(keys.keep_keys())

    together([keep] * 4)
    assert sorted(rotated) == [0, 0, 0, 1]
