"""The OpenID Connect provider by its front door: the whole way, its keys, and what it costs."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from joserfc import jwt
from joserfc.jwk import KeySet

from consent import keys
from consent.models import (
    AccessTokenFormat,
    AppVisit,
    Authorization,
    ClientType,
    OAuthClient,
    SigningAlgorithm,
    Token,
)
from consent.provider import tokens
from invitations.models import DirectoryEntry, WhoMayEnter
from invitations.services import apps, groups
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import (
    GOODBYE,
    ISSUER,
    App,
    age,
    answer_of,
    challenge_of,
    make_app,
    payload_of,
    refused,
)
from tests.browserless import accept, to_review
from tests.conftest import Invite, Place

At = Callable[..., Place]


def entry_of(account: Account, tenant: Tenant) -> DirectoryEntry:
    with schema.in_tenant(tenant):
        return DirectoryEntry.objects.present().get(account=account)


# --- The whole way -------------------------------------------------------------------------------


def test_somebody_signs_in_at_an_app(rooms: App, at: At, alice: Account, contoso: Tenant) -> None:
    """Core 3.1: code, tokens, userinfo; state and nonce come back as they were sent (O02)."""
    told = answer_of(rooms.authorize(at(alice)))
    assert (told["state"], told["iss"]) == ("st4te", ISSUER)
    answer = rooms.redeem(told["code"])
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    given = answer.json()
    assert given["token_type"] == "Bearer"
    assert 0 < given["expires_in"] <= 600
    claims = payload_of(given["id_token"])
    entry = entry_of(alice, contoso)
    expected = {
        "iss": ISSUER,
        "sub": str(entry.pk),
        "oid": str(entry.pk),
        "tid": str(contoso.pk),
        "aud": rooms.client_id,
        "nonce": "n0nce",
        "name": "Alice",
        "email": "alice@contoso.example",
        "email_verified": True,
        "preferred_username": "alice@contoso.example",
        "locale": "en",
        "acct": 0,
    }
    assert {name: claims[name] for name in expected} == expected
    assert claims["exp"] > time.time() >= claims["iat"]
    about = rooms.userinfo(given["access_token"])
    assert about.status_code == 200
    assert {name: value for name, value in about.json().items() if name in expected} == {
        name: value for name, value in expected.items() if name not in ("iss", "aud", "nonce")
    }
    with schema.in_tenant(contoso):
        assert AppVisit.objects.get(entry=entry).app_id == rooms.client.app_id


@pytest.mark.parametrize("algorithm", SigningAlgorithm.values)
@pytest.mark.parametrize("form", AccessTokenFormat.values)
def test_signatures_are_of_the_published_keys(
    contoso: Tenant, at: At, alice: Account, algorithm: str, form: str
) -> None:
    """RFC 7517, RFC 9068: whoever fetches the key set can check both tokens."""
    app = make_app(
        contoso, id_token_algorithm=algorithm, access_token_format=AccessTokenFormat(form)
    )
    given = app.tokens(at(alice))
    published = KeySet.import_key_set(app.browser.get(app.path("jwks")).json())
    token = jwt.decode(given["id_token"], published, algorithms=[algorithm])
    assert token.header["alg"] == algorithm
    assert token.claims["aud"] == app.client_id
    if form == AccessTokenFormat.JWT:
        access = jwt.decode(given["access_token"], published, algorithms=[algorithm])
        assert access.header["typ"] == "at+jwt"
        assert access.claims["client_id"] == app.client_id
        assert access.claims["exp"] - access.claims["iat"] <= 600
    else:
        assert "." not in given["access_token"]
    assert app.userinfo(given["access_token"]).status_code == 200


def test_nothing_private_is_published(rooms: App) -> None:
    """S04: the key set holds public parts only."""
    for key in rooms.browser.get(rooms.path("jwks")).json()["keys"]:
        assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "k"}
        assert key["use"] == "sig"


DISCOVERY = [
    "/o/contoso/.well-known/openid-configuration",
    "/o/contoso/v2.0/.well-known/openid-configuration",
    "/.well-known/openid-configuration/o/contoso",
    "/.well-known/oauth-authorization-server/o/contoso",
]


@pytest.mark.parametrize("path", DISCOVERY)
def test_discovery_says_what_is_true(contoso: Tenant, path: str) -> None:
    """OpenID Connect Discovery and RFC 8414: the issuer's own document, in every usual place."""
    answer = Client().get(path)
    said = answer.json()
    assert said["issuer"] == ISSUER
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert said["response_types_supported"] == ["code"]
    assert said["response_modes_supported"] == ["query", "fragment"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True
    assert "registration_endpoint" not in said
    assert "implicit" not in said["grant_types_supported"]
    for name, url in said.items():
        if name.endswith(("_endpoint", "_uri")):
            assert url.startswith(f"{ISSUER}/"), name
            assert Client().get(urlsplit(url).path).status_code != 404, name


@pytest.mark.parametrize("path", DISCOVERY)
def test_there_is_no_provider_of_nobody(db: None, path: str) -> None:
    """N01: an organization that does not exist has no documents."""
    assert Client().get(path.replace("contoso", "nobody")).status_code == 404


# --- Browsers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["discovery", "jwks", "token", "userinfo", "revoke"])
def test_apps_in_the_browser_may_ask(rooms: App, name: str) -> None:
    """Public clients call these by script; no cookie takes part."""
    answer = rooms.browser.options(rooms.path(name))
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
    # Without it a script cannot read why it was refused.
    assert "www-authenticate" in answer["Access-Control-Expose-Headers"]


def test_a_public_client_has_no_secret(contoso: Tenant, at: At, alice: Account) -> None:
    """O02: PKCE alone; a secret it never had does not help, and introspection is not for it."""
    app = make_app(contoso, client_type=ClientType.PUBLIC)
    given = app.tokens(at(alice))
    assert app.userinfo(given["access_token"]).status_code == 200
    assert app.post("introspect", token=given["access_token"]).status_code == 401
    assert app.refresh(given["refresh_token"]).status_code == 200


def test_a_client_with_a_secret_cannot_do_without(rooms: App, at: At, alice: Account) -> None:
    """O02."""
    code = rooms.code(at(alice))
    answer = rooms.redeem(code, client_secret=None)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


# --- Keys ----------------------------------------------------------------------------------------


def test_a_key_rotates_in_the_middle_of_a_journey(
    rooms: App, at: At, alice: Account, contoso: Tenant
) -> None:
    """S04: the code of before, the ID token of before as a hint, and the key set with both."""
    person = at(alice)
    before = rooms.tokens(person)
    code = rooms.code(person)
    published = [key["kid"] for key in rooms.browser.get(rooms.path("jwks")).json()["keys"]]
    with schema.in_tenant(contoso):
        keys.rotate_keys(by=None)
    given = rooms.redeem(code).json()
    now_published = rooms.browser.get(rooms.path("jwks")).json()
    key_set = KeySet.import_key_set(now_published)
    kid = jwt.decode(given["id_token"], key_set, algorithms=["RS256"]).header["kid"]
    old = jwt.decode(before["id_token"], key_set, algorithms=["RS256"]).header["kid"]
    assert kid != old
    # An app that fetched the key set before the rotation knows the new key already.
    assert kid in published
    asked = urlencode({"id_token_hint": before["id_token"], "post_logout_redirect_uri": GOODBYE})
    page = at().client.get(f"{rooms.path('sign_out')}?{asked}")
    assert page["Location"] == GOODBYE


# --- What it costs -------------------------------------------------------------------------------


def spent(counted: Any) -> list[str]:
    """What a request asked of the database, without choosing the tenant's schema."""
    return [sql for sql in counted.sql if not sql.startswith("SET search_path")]


@pytest.mark.parametrize("format_", list(AccessTokenFormat))
def test_the_hot_path_is_cheap(
    contoso: Tenant,
    at: At,
    gita: Account,
    invite: Invite,
    statements: Any,
    format_: AccessTokenFormat,
) -> None:
    """Consent exists, of a guest who is let in by a group: authorize takes 4 statements, one of
    which writes, the token call 6 for a code and for a refresh token; no key is read or parsed."""
    rooms = make_app(contoso, who_may_enter=WhoMayEnter.ASSIGNED, access_token_format=format_)
    person, invitation = at(gita), invite()
    assert accept(person, to_review(person, invitation)).status_code == 303
    with schema.in_tenant(contoso):
        group = groups.add_group(name="Builders", by=None)
        groups.add_to_group(group, entry=invitation.entry, by=None)
        apps.assign(rooms.client.app, to=group, by=None, roles=["reader"])
    rooms.tokens(person)
    with statements() as counted:
        told = answer_of(rooms.authorize(person))
    assert len(spent(counted)) <= 4, "\n".join(spent(counted))
    writes = [sql for sql in spent(counted) if sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) == 1, writes
    with statements() as counted:
        given = rooms.redeem(told["code"]).json()
    assert len(spent(counted)) <= 6, "\n".join(spent(counted))
    assert not any("consent_signingkey" in sql for sql in counted.sql)
    with statements() as counted:
        again = rooms.refresh(given["refresh_token"]).json()
    assert len(spent(counted)) <= 6, "\n".join(spent(counted))
    with statements() as counted:
        assert rooms.userinfo(again["access_token"]).json()["roles"] == ["reader"]
    assert len(spent(counted)) <= 2
    if format_ == AccessTokenFormat.JWT:
        assert payload_of(given["access_token"])["roles"] == ["reader"]


def test_old_rows_are_forgotten(rooms: App, at: At, alice: Account, contoso: Tenant) -> None:
    """Upkeep keeps what a call may still need, and nothing else."""
    given = rooms.tokens(at(alice))
    with schema.in_tenant(contoso):
        tokens.forget_old()
        assert Token.objects.count() == 2
    age(contoso, timedelta(days=31))
    with schema.in_tenant(contoso):
        assert tokens.forget_old() > 0
        assert not Token.objects.exists()
        assert not Authorization.objects.exists()
        assert OAuthClient.objects.count() == 1
    refused(rooms.refresh(given["refresh_token"]))


def test_the_names_of_methods_are_those_of_the_standard(rooms: App, at: At, alice: Account) -> None:
    """RFC 8176 for `amr`; `acr` only when there was a second factor."""
    person = at(alice)
    session = person.client.session
    now = time.time()
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session["account_authentication_methods"] = [{"method": "password", "at": now}]
    session.save()
    claims = payload_of(rooms.tokens(person)["id_token"])
    assert (claims["amr"], "acr" in claims) == (["pwd"], False)
    session["account_authentication_methods"] = [
        {"method": "password", "at": now},
        {"method": "mfa", "type": "totp", "at": now},
    ]
    session.save()
    claims = payload_of(rooms.tokens(person)["id_token"])
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert claims["acr"].endswith("/multi-factor")
    assert challenge_of("x") != challenge_of("y")
