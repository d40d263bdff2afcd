"""Codes and tokens: given to whom, good for how long, and when they end."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from consent.clients import add_secret, remove_secret
from consent.models import AccessTokenFormat, ClientType
from invitations.models import AuditEvent, DirectoryEntry
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import CALLBACK, ISSUER, App, age, make_app, payload_of, refused
from tests.browserless import accept, to_review
from tests.conftest import Invite, Place
from tests.rows import checksum, dump

At = Callable[..., Place]


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
