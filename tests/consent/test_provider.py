"""The OpenID Connect provider by its front door: what apps ask, and what they are told."""

import time
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client
from joserfc import jwt
from joserfc.jwk import KeySet

from consent import keys
from consent.clients import add_secret, remove_secret
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
from invitations.models import AuditEvent, DirectoryEntry, WhoMayEnter
from invitations.services import apps
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import CALLBACK, GOODBYE, App, answer_of, challenge_of, make_app, onward, payload_of
from tests.browserless import accept, prove_again, to_review
from tests.conftest import Invite, Place
from tests.rows import checksum, dump

At = Callable[..., Place]
ISSUER = "https://testserver/o/contoso"


@pytest.fixture
def rooms(contoso: Tenant) -> App:
    """An app of Contoso's that everybody in the directory may enter."""
    return make_app(contoso)


def entry_of(account: Account, tenant: Tenant) -> DirectoryEntry:
    with schema.in_tenant(tenant):
        return DirectoryEntry.objects.present().get(account=account)


def later(**delta: float) -> Any:
    """The same moment for Python; rows are aged by `age`."""
    return time_machine.travel(time.time() + timedelta(**delta).total_seconds(), tick=True)


def age(tenant: Tenant, by: timedelta) -> None:
    """As if everything the provider gave out had been given that much earlier: the database's
    clock cannot be moved, its rows can."""
    earlier = "- make_interval(secs => %(by)s)"
    with schema.in_tenant(tenant), connection.cursor() as cursor:
        for table, column in (
            ("consent_authorization", "created_at"),
            ("consent_token", "created_at"),
            ("consent_token", "expires_at"),
            ("invitations_directoryentry", "sign_in_valid_from"),
            ("invitations_sharedapp", "who_may_enter_since"),
            ("tenants_account", "sign_in_valid_from"),
        ):
            cursor.execute(
                f"UPDATE {table} SET {column} = {column} {earlier}",  # noqa: S608
                {"by": by.total_seconds()},
            )


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


# --- O01: where answers go -----------------------------------------------------------------------

WRONG_URIS = [
    "https://rooms.contoso.example/Callback",
    "https://ROOMS.contoso.example/callback",
    "HTTPS://rooms.contoso.example/callback",
    "http://rooms.contoso.example/callback",
    "https://rooms.contoso.example/callback/",
    "https://rooms.contoso.example/callback/more",
    "https://rooms.contoso.example/callback/../callback",
    "https://rooms.contoso.example//callback",
    "https://rooms.contoso.example:443/callback",
    "https://rooms.contoso.example:8443/callback",
    "https://rooms.contoso.example/callback?",
    "https://rooms.contoso.example/callback?more=1",
    "https://rooms.contoso.example/callback#",
    "https://rooms.contoso.example/callback#more",
    "https://rooms.contoso.example/callback;more",
    "https://rooms.contoso.example/%63allback",
    "https://rooms.contoso.example.evil.example/callback",
    "https://rooms.contoso.example@evil.example/callback",
    "https://evil.example/callback",
    "https://*.contoso.example/callback",
    "https://rooms.contoso.example/*",
    " https://rooms.contoso.example/callback",
    "https://rooms.contoso.example/callback ",
    "https://rooms.contoso.example\\callback",
    "//rooms.contoso.example/callback",
    "/callback",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("uri", WRONG_URIS)
@pytest.mark.parametrize("asked", [{}, {"response_type": "token"}, {"scope": "nothing"}])
def test_an_answer_goes_to_the_exact_address_or_nowhere(
    rooms: App, at: At, alice: Account, uri: str, asked: dict[str, str]
) -> None:
    """O01: every other way to write it gets our own 400 page, whatever else is wrong."""
    answer = rooms.authorize(at(alice), redirect_uri=uri, **asked)
    assert answer.status_code == 400
    assert "Location" not in answer
    assert "contoso.example/callback" not in answer.content.decode()


@pytest.mark.parametrize("left_out", ["redirect_uri", "client_id"])
def test_without_app_or_address_there_is_no_answer(
    rooms: App, at: At, alice: Account, left_out: str
) -> None:
    """O01."""
    answer = rooms.authorize(at(alice), **{left_out: None})
    assert (answer.status_code, "Location" in answer) == (400, False)


@pytest.mark.parametrize("client_id", ["x", "", "0" * 36, "6f2f9b1e-0000-4000-8000-000000000000"])
def test_an_unknown_app_gets_a_page_of_ours(
    rooms: App, at: At, alice: Account, client_id: str
) -> None:
    """O01, N01: and so does the app's id written in another way."""
    person = at(alice)
    for each in (client_id, rooms.client_id.upper(), f"{{{rooms.client_id}}}"):
        assert rooms.authorize(person, client_id=each).status_code == 400


def test_a_parameter_twice_is_refused(rooms: App, at: At, alice: Account) -> None:
    """RFC 6749, 3.1: nobody guesses which one is meant."""
    person, path = at(alice), rooms.path("authorize")
    query = "&".join(f"{name}={quote(value)}" for name, value in rooms.request().items())
    for twice in ("redirect_uri", "client_id"):
        again = quote(rooms.request()[twice])
        assert person.client.get(f"{path}?{query}&{twice}={again}").status_code == 400
    for twice in ("state", "nonce", "scope", "prompt", "code_challenge"):
        told = answer_of(person.client.get(f"{path}?{query}&{twice}=x&{twice}=y"))
        assert (told["error"], told["iss"]) == ("invalid_request", ISSUER), twice


AFTER_THE_ADDRESS = [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "id_token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": "none"}, "unsupported_response_type"),
    ({"response_type": None}, "invalid_request"),
    ({"response_type": 'c\\o"dé'}, "unsupported_response_type"),
    ({"scope": "profile"}, "invalid_scope"),
    ({"scope": None}, "invalid_scope"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"code_challenge": f"{'a' * 43}\n"}, "invalid_request"),
    ({"code_challenge": "a" * 129}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"response_mode": "web_message"}, "invalid_request"),
    ({"response_mode": "FRAGMENT"}, "invalid_request"),
    ({"response_mode": "form_post"}, "invalid_request"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
    ({"registration": "{}"}, "registration_not_supported"),
    ({"max_age": "soon"}, "invalid_request"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"prompt": "dance"}, "invalid_request"),
    ({"nonce": "n" * 501}, "invalid_request"),
]


@pytest.mark.parametrize("client_type", [ClientType.WEB, ClientType.PUBLIC])
@pytest.mark.parametrize(("asked", "error"), AFTER_THE_ADDRESS)
def test_downgrades_are_refused_at_the_app(
    contoso: Tenant,
    at: At,
    alice: Account,
    client_type: ClientType,
    asked: dict[str, str | None],
    error: str,
) -> None:
    """O02: code flow with PKCE S256 only, for every client; told to the app with state and iss."""
    app = make_app(contoso, client_type=client_type)
    told = answer_of(app.authorize(at(alice), **asked))
    assert told["error"] == error
    assert (told["state"], told["iss"]) == ("st4te", ISSUER)
    assert "code" not in told


@pytest.mark.parametrize(
    "name",
    [
        *("request", "request_uri", "registration", "response_mode", "nonce", "max_age", "prompt"),
        *("state", "id_token_hint", "login_hint", "ui_locales", "acr_values", "claims", "display"),
    ],
)
def test_without_a_value_is_left_out(rooms: App, at: At, alice: Account, name: str) -> None:
    """RFC 6749, 3.1."""
    assert "code" in answer_of(rooms.authorize(at(alice), **{name: ""}))


@pytest.mark.parametrize("uri", [CALLBACK, f"{CALLBACK}?a=b"])
def test_an_app_in_the_browser_reads_its_answer_in_the_fragment(
    contoso: Tenant, at: At, alice: Account, uri: str
) -> None:
    """Multiple Response Types, 2.1: what Microsoft's library for browsers asks for, unless told
    otherwise; errors come the same way."""
    app = make_app(contoso, client_type=ClientType.PUBLIC, callback=uri)
    asked = {"redirect_uri": uri, "response_mode": "fragment"}
    for person, more, told in (
        (at(alice), {}, "code"),
        (at(alice), {"scope": "nothing"}, "error"),
        (at(alice), {"response_type": "token"}, "error"),
        (at(), {"prompt": "none"}, "error"),
    ):
        place, _, fragment = app.authorize(person, **asked, **more)["Location"].partition("#")
        answer = {name: values[0] for name, values in parse_qs(fragment).items()}
        assert place == uri
        assert told in answer
        assert (answer["state"], answer["iss"]) == ("st4te", ISSUER)


@pytest.mark.parametrize("query", ["?a=b/c&d=%20e", "?flag", "?a=%FF", "?a=b&a=c", ";v=1?x=y"])
def test_the_query_an_app_registered_stays_as_it_is(
    contoso: Tenant, at: At, alice: Account, query: str
) -> None:
    """RFC 6749, 3.1.2: an app compares addresses too."""
    uri = f"{CALLBACK}{query}"
    app = make_app(contoso, callback=uri, goodbye=uri)
    for asked in ({}, {"scope": "nothing"}, {"prompt": "none", "max_age": "0"}):
        with later(minutes=5):
            answer = app.authorize(at(alice), redirect_uri=uri, **asked)
        assert answer["Location"].startswith((f"{uri}&code=", f"{uri}&error="))
    told = {"client_id": app.client_id, "post_logout_redirect_uri": uri, "state": "s1"}
    assert at().client.get(app.path("sign_out"), told)["Location"] == f"{uri}&state=s1"


def test_a_service_signs_nobody_in(contoso: Tenant, at: At, alice: Account) -> None:
    """O02: client credentials and nothing else; no ID token, no refresh token."""
    service = make_app(contoso, client_type=ClientType.SERVICE)
    assert answer_of(service.authorize(at(alice)))["error"] == "unauthorized_client"
    given = service.post("token", grant_type="client_credentials").json()
    assert set(given) == {"token_type", "access_token", "expires_in", "scope"}
    assert service.post("introspect", token=given["access_token"]).json()["active"] is True
    assert service.userinfo(given["access_token"]).status_code == 401
    for grant in (
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        'é"',
        "",
        None,
    ):
        answer = service.post("token", grant_type=grant, username="x", password="y")
        assert answer.status_code == 400
        wanted = "unsupported_grant_type" if grant else "invalid_request"
        assert answer.json()["error"] == wanted
    web = make_app(contoso, name="Web")
    answer = web.post("token", grant_type="client_credentials")
    assert answer.json()["error"] == "unauthorized_client"


def test_what_was_posted_is_asked_by_get(rooms: App, at: At, alice: Account) -> None:
    """Core, 3.1.2.1: a post from another site comes without our cookie; asked anew, with it."""
    person = at(alice)
    answer = person.client.post(rooms.path("authorize"), rooms.request())
    assert answer.status_code == 303
    assert urlsplit(answer["Location"]).path == rooms.path("authorize")
    assert "code" in answer_of(person.client.get(answer["Location"]))


# --- The token endpoint --------------------------------------------------------------------------


def basic(app: App, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{app.client_id}:{secret}".encode()).decode()}


def test_an_app_shows_its_secret_in_header_or_body(rooms: App, at: At, alice: Account) -> None:
    """RFC 6749, 2.3.1; a wrong one is 401 and names no reason."""
    code = rooms.code(at(alice))
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": rooms.verifier,
    }
    path = rooms.path("token")
    wrong = rooms.browser.post(path, fields, headers=basic(rooms, "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert rooms.post("token", **fields, client_secret="wrong").status_code == 401
    assert rooms.post("token", **fields, client_secret=None).status_code == 401
    in_address = rooms.browser.post(
        f"{path}?client_id={rooms.client_id}&client_secret={rooms.secret}", fields
    )
    assert in_address.status_code == 400
    good = rooms.browser.post(path, fields, headers=basic(rooms, rooms.secret))
    assert good.status_code == 200


def test_what_is_not_ours_in_the_address_is_ignored(rooms: App, at: At, alice: Account) -> None:
    """RFC 6749, 3.2: Microsoft's libraries number every call there; and the body alone counts."""
    fields = {
        "grant_type": "authorization_code",
        "code": rooms.code(at(alice)),
        "redirect_uri": CALLBACK,
        "code_verifier": rooms.verifier,
        "client_id": rooms.client_id,
        "client_secret": rooms.secret,
    }
    path = rooms.path("token")
    refused(rooms.browser.post(f"{path}?code_verifier=x", fields), "invalid_request")
    assert rooms.browser.post(f"{path}?client-request-id=7", fields).status_code == 200
    for endpoint in ("revoke", "introspect"):
        path = rooms.path(endpoint)
        twice = {"client_id": rooms.client_id, "token": ["x", "y"]}
        refused(rooms.browser.post(path, twice), "invalid_request")
        refused(rooms.browser.post(f"{path}?token=x", fields), "invalid_request")


@pytest.mark.parametrize("endpoint", ["token", "revoke", "introspect", "userinfo"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "multipart/form-data"),
        (b"token=x", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"token=" + b"x" * 300_000, "application/x-www-form-urlencoded"),
        (
            b"&".join(b"%d=x" % number for number in range(1500)),
            "application/x-www-form-urlencoded",
        ),
    ],
    ids=["no form", "no utf-8", "large", "many"],
)
def test_what_cannot_be_read_is_told_in_json(
    rooms: App, endpoint: str, body: bytes, content_type: str
) -> None:
    """RFC 6749, 5.2."""
    answer = rooms.browser.post(rooms.path(endpoint), body, content_type=content_type)
    refused(answer, "invalid_request")
    assert answer.has_header("Access-Control-Allow-Origin") == (endpoint != "introspect")


def test_an_app_authenticates_in_one_way(
    rooms: App, at: At, alice: Account, contoso: Tenant
) -> None:
    """RFC 6749, 2.3 and 5.2: a wrong header is not made good by the body, not by a client without
    a secret either; and nobody shows two secrets, or is two apps."""
    public = make_app(contoso, name="Public", client_type=ClientType.PUBLIC)
    twin = make_app(contoso, name="Twin")
    path, wrong, right = rooms.path("token"), basic(rooms, "wrong"), basic(rooms, rooms.secret)

    def answer(app: App, header: dict[str, str], **more: str) -> Any:
        fields = {
            "grant_type": "authorization_code",
            "code": app.code(at(alice)),
            "redirect_uri": CALLBACK,
            "code_verifier": app.verifier,
        }
        return app.browser.post(path, fields | more, headers=header)

    refused(answer(public, wrong, client_id=public.client_id), "invalid_client")
    both = {"client_id": rooms.client_id, "client_secret": rooms.secret}
    refused(answer(rooms, wrong, **both), "invalid_request")
    refused(answer(rooms, right, **both), "invalid_request")
    refused(answer(rooms, right, client_id=twin.client_id), "invalid_request")
    assert answer(rooms, right, client_id=rooms.client_id).status_code == 200


@pytest.mark.parametrize("endpoint", ["token", "revoke", "introspect"])
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic \xa0",
        "Basic é",
        "Basic !!!",
        "Basic " + b64encode(b"\xff\xfe:x").decode(),
        "Basic " + b64encode(b"\0:\0").decode(),
        "Basic " + b64encode(b"no colon").decode(),
        "Bearer ",
    ],
)
def test_a_header_that_cannot_be_read_is_no_client(rooms: App, endpoint: str, header: str) -> None:
    """RFC 6749, 5.2: 401 with a challenge, and nothing about why."""
    answer = rooms.browser.post(
        rooms.path(endpoint),
        {"grant_type": "client_credentials", "token": "x"},
        headers={"Authorization": header},
    )
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert answer["WWW-Authenticate"] == f'Basic realm="{ISSUER}"'


def test_a_parameter_twice_is_refused_by_the_token_endpoint(
    rooms: App, at: At, alice: Account
) -> None:
    """RFC 6749, 3.2; the code is not spent by it."""
    code = rooms.code(at(alice))
    answer = rooms.browser.post(
        rooms.path("token"), {"grant_type": ["authorization_code"] * 2, "code": code}
    )
    refused(answer, "invalid_request")
    assert rooms.redeem(code).status_code == 200


def test_userinfo_is_for_who_asked_for_openid(rooms: App, at: At, alice: Account) -> None:
    """RFC 6750, 3.1: a token that was narrowed to less says nothing of the person."""
    given = rooms.tokens(at(alice))
    narrow = rooms.post(
        "token",
        grant_type="refresh_token",
        refresh_token=given["refresh_token"],
        scope="email",
    ).json()
    answer = rooms.userinfo(narrow["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert 'scope="openid"' in answer["WWW-Authenticate"]


def test_a_challenge_says_whose_it_is(rooms: App, at: At, alice: Account) -> None:
    """RFC 6750, 2 and 3: always with a realm, with an error only for a token; one token, one way."""
    path, given = rooms.path("userinfo"), rooms.tokens(at(alice))["access_token"]
    answer = rooms.browser.get(path)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, f'Bearer realm="{ISSUER}"')
    answer = rooms.userinfo("nonsense")
    told = f'Bearer realm="{ISSUER}", error="invalid_token"'
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, told)
    header = {"Authorization": f"Bearer {given}"}
    refused(rooms.browser.post(path, {"access_token": given}, headers=header), "invalid_request")
    refused(rooms.browser.post(path, {"access_token": [given, given]}), "invalid_request")
    assert rooms.browser.post(path, {"access_token": given}).json()["email"]


def test_asking_without_wanting_makes_no_code(rooms: App, at: At, alice: Account) -> None:
    """A link checker's HEAD is not a sign-in."""
    query = urlencode(rooms.request())
    assert at(alice).client.head(f"{rooms.path('authorize')}?{query}").status_code == 405


def test_two_secrets_are_good_during_rotation(rooms: App, contoso: Tenant) -> None:
    """O10: the old one until it is removed, and none after that."""
    with schema.in_tenant(contoso):
        second = add_secret(rooms.client, by=None)
    first = App(contoso, rooms.client, rooms.secret)
    new = App(contoso, rooms.client, second)
    for app in (first, new):
        assert app.post("introspect", token="x").status_code == 200
    with schema.in_tenant(contoso):
        remove_secret(rooms.client.secrets.get(hint=rooms.secret[:4]), by=None)
    assert first.post("introspect", token="x").status_code == 401
    assert new.post("introspect", token="x").status_code == 200


def test_no_secret_is_in_the_database(rooms: App, at: At, alice: Account) -> None:
    """O10: not the secret, no token, no code, no private key."""
    code = rooms.code(at(alice))
    given = rooms.redeem(code).json()
    everything = dump()
    for secret in (rooms.secret, code, given["access_token"], given["refresh_token"]):
        assert secret not in everything
    assert '"d":' not in everything


def test_nobody_registers_an_app_from_outside(rooms: App) -> None:
    """O10: there is no registration endpoint, and no client that is an address."""
    for path in ("register", "oauth2/v2.0/register", "connect/register", "oidc/register"):
        assert rooms.browser.post(f"/o/contoso/{path}", {}).status_code == 404
    answer = rooms.post(
        "token", client_id="https://evil.example/client", grant_type="refresh_token"
    )
    assert answer.json()["error"] == "invalid_client"


def refused(answer: Any, error: str = "invalid_grant") -> None:
    status = 401 if error == "invalid_client" else 400
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_code_is_good_once(rooms: App, at: At, alice: Account, contoso: Tenant) -> None:
    """O03: its second coming gets nothing and ends what the first one got."""
    code = rooms.code(at(alice))
    given = rooms.redeem(code).json()
    assert rooms.userinfo(given["access_token"]).status_code == 200
    refused(rooms.redeem(code))
    assert rooms.is_alive(given) == [False] * 4
    with schema.in_tenant(contoso):
        assert AuditEvent.objects.filter(action="app.tokens_ended").count() == 1
    refused(rooms.redeem(code))
    with schema.in_tenant(contoso):
        assert AuditEvent.objects.filter(action="app.tokens_ended").count() == 1


def test_a_code_is_good_for_a_minute(rooms: App, at: At, alice: Account, contoso: Tenant) -> None:
    """O03."""
    code = rooms.code(at(alice))
    age(contoso, timedelta(seconds=61))
    refused(rooms.redeem(code))
    code = rooms.code(at(alice))
    age(contoso, timedelta(seconds=50))
    assert rooms.redeem(code).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "v" * 43},
        {"redirect_uri": "https://rooms.contoso.example/other"},
        {"redirect_uri": None},
    ],
)
def test_a_code_is_bound_to_how_it_was_asked_for(
    rooms: App, at: At, alice: Account, wrong: dict[str, str | None]
) -> None:
    """O03: and the misuse spends it."""
    code = rooms.code(at(alice))
    refused(rooms.redeem(code, **wrong))
    refused(rooms.redeem(code))


def test_a_code_without_its_verifier_is_refused(rooms: App, at: At, alice: Account) -> None:
    """O02, O03: PKCE cannot be left out at the end either."""
    code = rooms.code(at(alice))
    refused(rooms.redeem(code, code_verifier=None), "invalid_request")
    refused(rooms.redeem(code))


def test_a_code_is_of_one_app(rooms: App, at: At, alice: Account, contoso: Tenant) -> None:
    """O03: another app of the same organization gets nothing, and neither does the first then."""
    other = make_app(contoso, name="Other")
    other.verifier = rooms.verifier
    code = rooms.code(at(alice))
    refused(other.redeem(code))
    refused(rooms.redeem(code))


def test_a_stolen_refresh_token_ends_the_family(
    rooms: App, at: At, alice: Account, contoso: Tenant
) -> None:
    """O06: each is good once; an old one that comes back ends the new ones too."""
    given = rooms.tokens(at(alice))
    first = given["refresh_token"]
    answer = rooms.refresh(first)
    assert answer.status_code == 200
    second = answer.json()
    assert second["refresh_token"] != first
    claims = payload_of(second["id_token"])
    assert claims["sub"] == payload_of(given["id_token"])["sub"]
    assert "nonce" not in claims
    refused(rooms.refresh(first))
    assert rooms.is_alive(second) == [False] * 4
    assert rooms.userinfo(given["access_token"]).status_code == 401
    with schema.in_tenant(contoso):
        assert AuditEvent.objects.filter(action="app.tokens_ended").count() == 1


def test_a_refresh_token_idles_a_day_and_lives_a_month(
    rooms: App, at: At, alice: Account, contoso: Tenant
) -> None:
    """O06."""
    given = rooms.tokens(at(alice))
    age(contoso, timedelta(hours=24, seconds=1))
    refused(rooms.refresh(given["refresh_token"]))
    given = rooms.tokens(at(alice))
    for _ in range(31):
        age(contoso, timedelta(hours=23))
        answer = rooms.refresh(given["refresh_token"])
        assert answer.status_code == 200
        given = answer.json()
    age(contoso, timedelta(hours=23))  # 32 times 23 hours are more than 30 days
    refused(rooms.refresh(given["refresh_token"]))


def test_an_access_token_is_good_for_ten_minutes(
    rooms: App, at: At, alice: Account, contoso: Tenant
) -> None:
    """The longest an access token lives."""
    given = rooms.tokens(at(alice))
    age(contoso, timedelta(seconds=601))
    assert rooms.userinfo(given["access_token"]).status_code == 401
    assert rooms.post("introspect", token=given["access_token"]).json() == {"active": False}


def test_a_refresh_token_only_for_who_asks(rooms: App, at: At, alice: Account) -> None:
    """Core, 11: `offline_access` asks for one; a narrower scope stays narrow."""
    given = rooms.tokens(at(alice), scope="openid")
    assert "refresh_token" not in given
    claims = payload_of(given["id_token"])
    assert not {"email", "name", "preferred_username"} & set(claims)
    about = rooms.userinfo(given["access_token"]).json()
    assert not {"email", "name"} & set(about)


def test_a_refresh_narrows_and_never_widens(rooms: App, at: At, alice: Account) -> None:
    """RFC 6749, 6."""
    given = rooms.tokens(at(alice), scope="openid email offline_access")
    answer = rooms.post(
        "token",
        grant_type="refresh_token",
        refresh_token=given["refresh_token"],
        scope="openid profile email",
    )
    refused(answer, "invalid_scope")


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("openid openid", "openid"),
        ("openid " * 60, "openid"),
        ("email  openid", "openid email"),
        ("openid\u2003email", "openid email"),
    ],
)
def test_a_refresh_grants_each_scope_once(
    rooms: App, at: At, alice: Account, asked: str, granted: str
) -> None:
    """RFC 6749, 3.3: in whatever way the app writes it down."""
    token = rooms.tokens(at(alice))["refresh_token"]
    answer = rooms.post("token", grant_type="refresh_token", refresh_token=token, scope=asked)
    assert (answer.status_code, answer.json()["scope"]) == (200, granted)


@pytest.mark.parametrize(
    "asked", ["admin", "openid", "https://foyer.example/.default", "x " * 150, "a\0b", 'é"']
)
def test_a_service_is_not_signed_what_it_asks_for(contoso: Tenant, asked: str) -> None:
    """RFC 6749, 3.3: scopes nobody gave it are ignored, and the answer says so; a JWT must not
    vouch for words of the app's own."""
    service = make_app(
        contoso, client_type=ClientType.SERVICE, access_token_format=AccessTokenFormat.JWT
    )
    answer = service.post("token", grant_type="client_credentials", scope=asked)
    assert (answer.status_code, answer.json()["scope"]) == (200, "")
    token = answer.json()["access_token"]
    assert payload_of(token)["scope"] == ""
    assert service.post("introspect", token=token).json()["scope"] == ""


def test_revoking(rooms: App, at: At, alice: Account) -> None:
    """RFC 7009: an access token alone; a refresh token with its family; nonsense is 200 too."""
    given = rooms.tokens(at(alice))
    assert rooms.post("revoke", token=given["access_token"]).status_code == 200
    assert rooms.userinfo(given["access_token"]).status_code == 401
    answer = rooms.refresh(given["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()
    assert rooms.post("revoke", token=second["refresh_token"]).status_code == 200
    assert rooms.is_alive(second) == [False] * 4
    assert rooms.post("revoke", token="nonsense").status_code == 200
    refused(rooms.post("revoke"), "invalid_request")


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "id_token", "nonsense"])
def test_a_wrong_hint_about_a_token_makes_no_difference(
    rooms: App, at: At, alice: Account, hint: str
) -> None:
    """RFC 7009, 2.2; RFC 7662, 2.1."""
    given = rooms.tokens(at(alice))["access_token"]
    asked = {"token": given, "token_type_hint": hint}
    assert rooms.post("introspect", **asked).json()["active"] is True
    assert rooms.post("revoke", **asked).status_code == 200
    assert rooms.userinfo(given).status_code == 401
    for endpoint in ("introspect", "revoke"):
        refused(rooms.post(endpoint, token=""), "invalid_request")


# --- O05: one organization's, one app's ----------------------------------------------------------


def test_nothing_of_one_app_or_organization_is_good_at_another(
    rooms: App, at: At, alice: Account, contoso: Tenant, fabrikam: Tenant, frank: Account
) -> None:
    """O05: code, access, refresh and ID token, tried at the neighbour's and at another app; the
    neighbour's rows do not change by it."""
    elsewhere = make_app(fabrikam)
    twin = make_app(contoso, name="Twin")
    for app in (elsewhere, twin):
        app.verifier = rooms.verifier
    before = checksum(fabrikam)
    code = rooms.code(at(alice))
    refused(elsewhere.redeem(code))
    given = rooms.redeem(code).json()
    assert elsewhere.userinfo(given["access_token"]).status_code == 401
    for app in (elsewhere, twin):
        for name in ("access_token", "refresh_token", "id_token"):
            assert app.post("introspect", token=given[name]).json() == {"active": False}
            assert app.post("revoke", token=given[name]).status_code == 200
    refused(elsewhere.refresh(given["refresh_token"]))
    # The app of Contoso asks at Fabrikam, with its own id and secret.
    stranger = App(fabrikam, rooms.client, rooms.secret, rooms.verifier)
    assert stranger.authorize(at(frank, fabrikam)).status_code == 400
    refused(stranger.refresh(given["refresh_token"]), "invalid_client")
    assert checksum(fabrikam) == before
    assert rooms.userinfo(given["access_token"]).status_code == 200
    assert rooms.userinfo(given["id_token"]).status_code == 401
    assert rooms.userinfo(given["refresh_token"]).status_code == 401


def test_a_refresh_token_of_another_app_is_refused(
    rooms: App, at: At, alice: Account, contoso: Tenant
) -> None:
    """O05: and the app it belongs to goes on."""
    twin = make_app(contoso, name="Twin")
    given = rooms.tokens(at(alice))
    refused(twin.refresh(given["refresh_token"]))
    assert rooms.refresh(given["refresh_token"]).status_code == 200


def test_somebody_has_another_sub_in_every_organization(
    contoso: Tenant, fabrikam: Tenant, at: At, gita: Account, invite: Invite
) -> None:
    """O05: pairwise by organization; no claim is the same but what the person is called."""
    claims = []
    for tenant in (contoso, fabrikam):
        become_guest(invite(tenant=tenant), at(gita, tenant))
        app = make_app(tenant)
        claims.append(payload_of(app.tokens(at(gita, tenant))["id_token"]))
    for name in ("iss", "sub", "oid", "tid", "aud"):
        assert claims[0][name] != claims[1][name]
    assert [each["acct"] for each in claims] == [1, 1]


def become_guest(invitation: Any, guest: Place) -> DirectoryEntry:
    """Accept, as the person signed in there."""
    assert accept(guest, to_review(guest, invitation)).status_code in (302, 303)
    with schema.in_tenant(guest.tenant):
        return DirectoryEntry.objects.get(pk=invitation.entry_id)


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


# --- Fresh sign-ins ------------------------------------------------------------------------------


def test_an_app_can_ask_for_a_fresh_proof(rooms: App, at: At, alice: Account) -> None:
    """Core, 3.1.2.1: `prompt=login` and `max_age`; once done, it is not asked again."""
    for asked in ({"prompt": "login"}, {"max_age": "0"}):
        person = at(alice)
        with later(minutes=5):
            answer = rooms.authorize(person, **asked)
            assert answer.status_code == 302
            assert urlsplit(answer["Location"]).path == "/accounts/reauthenticate/"
            onwards = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
            prove_again(person)
            told = answer_of(onward(person, person.client.get(onwards)))
            assert "code" in told
            claims = payload_of(rooms.redeem(told["code"]).json()["id_token"])
            assert claims["auth_time"] >= int(time.time()) - 60


def signed_in(person: Place, account: Account) -> None:
    """As after the sign-in page."""
    person.client.force_login(account, "allauth.account.auth_backends.AuthenticationBackend")
    prove_again(person)


def test_an_app_can_name_whom_it_expects(
    rooms: App, at: At, alice: Account, gita: Account, invite: Invite
) -> None:
    """Core, 3.1.2.1 and 3.1.2.2: `id_token_hint`; another person may sign in as who is expected,
    and is never answered about: `login_required`."""
    person, guest = at(alice), at(gita)
    accept(guest, to_review(guest, invite()))
    hint = rooms.tokens(person)["id_token"]
    assert "code" in answer_of(rooms.authorize(person, id_token_hint=hint, prompt="none"))
    told = answer_of(rooms.authorize(guest, id_token_hint=hint, prompt="none"))
    assert told["error"] == "login_required"
    page = rooms.authorize(guest, id_token_hint=hint, prompt="login")
    assert "Choose an account" in page.content.decode()
    # Who is here is named, and is no way on.
    assert "btn-big" not in page.content.decode()
    told = answer_of(guest.client.get(page.context["onward"]))
    assert (told["error"], told["state"], told["iss"]) == ("login_required", "st4te", ISSUER)
    guest.client.post("/accounts/logout/", {"next": page.context["other"]})
    signed_in(guest, alice)
    told = answer_of(onward(guest, guest.client.get(page.context["other"])))
    assert (
        payload_of(rooms.redeem(told["code"]).json()["id_token"])["sub"] == payload_of(hint)["sub"]
    )
    signed_in(guest, gita)
    for nonsense in ("a.b.c", hint[:-4] + "AAAA", "\0"):
        told = answer_of(rooms.authorize(guest, id_token_hint=nonsense, prompt="none"))
        assert "code" in told


@pytest.mark.parametrize(
    "odd",
    [
        {"nonce": "a\0b"},
        {"max_age": "9" * 5000},
        {"max_age": "²"},
        {"max_age": "-1"},
    ],
)
def test_odd_values_are_refused_at_the_app(
    rooms: App, at: At, alice: Account, odd: dict[str, str]
) -> None:
    """Nothing an app sends is a 500."""
    assert answer_of(rooms.authorize(at(alice), **odd))["error"] == "invalid_request"


def test_a_mark_of_one_request_is_not_good_for_another(rooms: App, at: At, alice: Account) -> None:
    """The note that a prompt was answered is bound to the request it was written for."""
    person = at(alice)
    with later(minutes=5):
        answer = rooms.authorize(person, prompt="login")
        onwards = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
        prove_again(person)
        page = person.client.get(onwards)
        path = page["Refresh"].removeprefix("0; url=")
        mark = parse_qs(urlsplit(path).query)["foyer_done"][0]
    with later(minutes=30):
        other = rooms.authorize(person, prompt="login", nonce="other", foyer_done=mark)
        assert urlsplit(other["Location"]).path == "/accounts/reauthenticate/"


def test_an_app_can_wish_a_language(rooms: App, at: At, alice: Account) -> None:
    """Core, 3.1.2.1: `ui_locales`, in the app's order, until the person chooses one."""
    stranger = at()
    page = onward(stranger, rooms.authorize(stranger, ui_locales="fr-CA nl-NL en"))
    assert "Aanmelden bij" in page.content.decode()
    assert "Project room" in page.content.decode()
    page = onward(stranger, rooms.authorize(stranger, ui_locales="en"))
    assert "Aanmelden bij" in page.content.decode()
    person = at(alice)
    page = rooms.authorize(person, ui_locales="nl", prompt="select_account")
    assert 'lang="nl"' in page.content.decode()
    assert 'lang="en"' in onward(at(), rooms.authorize(at(), ui_locales="fr")).content.decode()


def test_a_choice_of_accounts(rooms: App, at: At, alice: Account) -> None:
    """Core, 3.1.2.1: `prompt=select_account` shows who is signed in, and another way."""
    person = at(alice)
    page = rooms.authorize(person, prompt="select_account")
    assert page.status_code == 200
    assert "alice@" in page.content.decode()
    told = answer_of(onward(person, person.client.get(page.context["onward"])))
    assert "code" in told


@pytest.mark.parametrize("prompt", ["select_account", "login select_account"])
def test_who_signs_in_on_the_way_has_chosen(
    rooms: App, at: At, alice: Account, gita: Account, invite: Invite, prompt: str
) -> None:
    """Core, 3.1.2.1: no second question, whether nobody was there or another account was."""
    stranger = at()
    page = onward(stranger, rooms.authorize(stranger, prompt=prompt))
    assert page.status_code == 200
    back = f"{page.request['PATH_INFO']}?{page.request['QUERY_STRING']}"
    signed_in(stranger, alice)
    assert "code" in answer_of(onward(stranger, stranger.client.get(back)))
    guest = at(gita)
    accept(guest, to_review(guest, invite()))
    with later(minutes=5):
        page = rooms.authorize(guest, prompt=prompt)
        assert "Choose an account" in page.content.decode()
        signed_in(guest, alice)
        assert "code" in answer_of(onward(guest, guest.client.get(page.context["other"])))


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
        group = apps.add_group(name="Builders", by=None)
        apps.add_to_group(group, entry=invitation.entry, by=None)
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
