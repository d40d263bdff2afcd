"""What apps ask when they send somebody to sign in, and where the answer goes."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import time_machine

from consent.models import ClientType
from tenants.models import Account, Tenant
from tests.apps import CALLBACK, ISSUER, App, answer_of, make_app, onward, payload_of
from tests.browserless import accept, prove_again, to_review
from tests.conftest import Invite, Place

At = Callable[..., Place]


def later(**delta: float) -> Any:
    """The same moment for Python; rows are aged by `age`."""
    return time_machine.travel(time.time() + timedelta(**delta).total_seconds(), tick=True)


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
