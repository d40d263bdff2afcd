"""Signing out at an app's wish, and what else ends the tokens of somebody who stays in."""

import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail, signing
from django.db.models import F

from consent import keys
from consent.models import AccessTokenFormat, SigningKey
from consent.views.sign_out import SALT
from invitations.models import Invitation
from tenants import schema
from tenants.accounts import disable_account
from tenants.models import Account, Tenant
from tests.apps import CALLBACK, GOODBYE, App, make_app
from tests.browserless import accept, code_in, prove_again, to_review
from tests.conftest import Invite, Place

At = Callable[..., Place]


def sign_out(app: App, person: Place, **asked: str) -> Any:
    return person.client.get(app.path("sign_out"), asked)


def asked_in(page: Any) -> str:
    return str(page.context["asked"])


def test_signing_out_asks_first_and_comes_back(rooms: App, at: At, alice: Account) -> None:
    """O09: RP-Initiated Logout: a question, then the exact registered address with its state."""
    person = at(alice)
    given = rooms.tokens(person)
    page = sign_out(
        rooms,
        person,
        id_token_hint=given["id_token"],
        post_logout_redirect_uri=GOODBYE,
        state="s2",
    )
    assert page.status_code == 200
    assert rooms.userinfo(given["access_token"]).status_code == 200
    answer = person.client.post(rooms.path("sign_out"), {"asked": asked_in(page), "answer": "yes"})
    assert answer["Location"] == f"{GOODBYE}?state=s2"
    assert "_auth_user_id" not in person.client.session


def test_an_app_may_ask_to_sign_out_by_post(rooms: App, at: At, alice: Account) -> None:
    """RP-Initiated Logout, 2: asked once more by GET, where the cookie comes along; the answer
    itself needs its token (C02)."""
    person = at(alice)
    person.client.handler.enforce_csrf_checks = True
    told = {"client_id": rooms.client_id, "post_logout_redirect_uri": GOODBYE, "state": "s3"}
    asked = person.client.post(
        rooms.path("sign_out"), told, headers={"Origin": "https://x.example"}
    )
    assert asked.status_code == 303
    page = person.client.get(asked["Location"])
    answer = {"asked": asked_in(page), "answer": "yes"}
    assert person.client.post(rooms.path("sign_out"), answer).status_code == 403
    person.client.handler.enforce_csrf_checks = False
    done = person.client.post(rooms.path("sign_out"), answer)
    assert done["Location"] == f"{GOODBYE}?state=s3"


@pytest.mark.parametrize("signed", [False, True], ids=["forged", "of an earlier version"])
def test_a_wish_that_cannot_be_read_leads_nowhere(
    rooms: App, at: At, alice: Account, signed: bool
) -> None:
    """O09: forged, or signed by an earlier version."""
    told = signing.dumps("https://x.example", salt=SALT) if signed else "nonsense"
    page = at(alice).client.post(rooms.path("sign_out"), {"asked": told, "answer": "yes"})
    assert (page.status_code, "Location" in page) == (200, False)


def by_code(person: Place, account: Account) -> Place:
    """Sign in as people do, so that the list of sessions knows the browser."""
    person.client.post("/accounts/login/code/", {"email": account.email})
    code = code_in(mail.outbox[-1])
    answer = person.client.post("/accounts/login/code/confirm/", {"code": code})
    assert answer["Location"] == "/"
    return person


def join(person: Place, invitation: Invitation) -> None:
    assert accept(person, to_review(person, invitation)).status_code == 303


def at_rp(rooms: App, person: Place) -> None:
    page = sign_out(rooms, person)
    person.client.post(rooms.path("sign_out"), {"asked": asked_in(page), "answer": "yes"})


def at_foyer(rooms: App, person: Place) -> None:
    person.client.post("/accounts/logout/")


@pytest.mark.parametrize("leave", [at_rp, at_foyer])
def test_signing_out_ends_what_the_browser_was_given_everywhere(
    rooms: App,
    at: At,
    gita: Account,
    invite: Invite,
    fabrikam: Tenant,
    leave: Callable[[App, Place], None],
) -> None:
    """O09: at every organization, also where the session's key changed in between; not in another
    browser, and not for who asked to go on without the person (Back-Channel Logout, 2.7)."""
    elsewhere, online = make_app(fabrikam), {"scope": "openid email"}
    person, other = by_code(at(), gita), by_code(at(), gita)
    join(person, invite())
    join(Place(fabrikam, person.client), invite(tenant=fabrikam))
    given = [app.tokens(person, **online) for app in (rooms, elsewhere)]
    before = person.client.session.session_key
    person.client.post("/accounts/reauthenticate/code/", {"action": "send"})
    person.client.post("/accounts/reauthenticate/code/", {"code": code_in(mail.outbox[-1])})
    assert person.client.session.session_key != before
    there, offline = rooms.tokens(other, **online), rooms.tokens(person)
    for app, token in zip((rooms, elsewhere), given, strict=True):
        assert app.userinfo(token["access_token"]).status_code == 200
    leave(rooms, person)
    for app, token in zip((rooms, elsewhere), given, strict=True):
        assert app.userinfo(token["access_token"]).status_code == 401
    assert rooms.userinfo(there["access_token"]).status_code == 200
    assert rooms.is_alive(offline) == [True] * 4


def disable(person: Place, account: Account) -> None:
    disable_account(account)


def set_password(person: Place, account: Account) -> None:
    password = "wandering tulips at noon"
    prove_again(person)
    data = {"password1": password, "password2": password}
    assert person.client.post("/accounts/password/set/", data).status_code == 302


def sign_out_elsewhere(person: Place, account: Account) -> None:
    person.client.post("/accounts/sessions/")


@pytest.mark.parametrize("change", [set_password, sign_out_elsewhere, disable])
def test_a_change_to_the_account_ends_what_apps_were_given(
    rooms: App,
    at: At,
    gita: Account,
    alice: Account,
    invite: Invite,
    change: Callable[[Place, Account], None],
) -> None:
    """A11: all tokens, offline too, from the next request on; nobody else's."""
    person = by_code(at(), gita)
    join(person, invite())
    given, bystander = rooms.tokens(person), rooms.tokens(at(alice))
    change(person, gita)
    assert rooms.is_alive(given) == [False] * 4
    assert rooms.is_alive(bystander) == [True] * 4
    if change is not disable:
        assert rooms.is_alive(rooms.tokens(person)) == [True] * 4


def test_staying_signed_in(rooms: App, at: At, alice: Account) -> None:
    """O09: no means no."""
    person = at(alice)
    given = rooms.tokens(person)
    page = sign_out(rooms, person, client_id=rooms.client_id, post_logout_redirect_uri=GOODBYE)
    stays = person.client.post(rooms.path("sign_out"), {"asked": asked_in(page), "answer": "no"})
    assert stays["Location"] == "https://rooms.contoso.example/"
    assert "_auth_user_id" in person.client.session
    assert all(rooms.is_alive(given))


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        f"{GOODBYE}/",
        f"{GOODBYE}?x=1",
        f"{GOODBYE}#x",
        GOODBYE.upper(),
        CALLBACK,
        "https://rooms.contoso.example/",
        "javascript:alert(1)",
        "//evil.example/",
        "",
    ],
)
def test_sign_out_returns_to_registered_addresses_only(
    rooms: App, at: At, alice: Account, uri: str
) -> None:
    """O09: whoever was signed in or not."""
    for person in (at(), at(alice)):
        page = sign_out(rooms, person, client_id=rooms.client_id, post_logout_redirect_uri=uri)
        assert page.status_code == 200
        if "asked" in (page.context or {}):
            page = person.client.post(
                rooms.path("sign_out"), {"asked": asked_in(page), "answer": "yes"}
            )
        assert "Location" not in page
    assert "_auth_user_id" not in person.client.session


def test_a_hint_is_good_long_after_it_is_over(
    rooms: App, at: At, alice: Account, contoso: Tenant
) -> None:
    """RP-Initiated Logout, 2: an app whose people stay for weeks names itself by its ID token only;
    unless the key leaked."""
    hint = rooms.tokens(at(alice))["id_token"]
    told = {"id_token_hint": hint, "post_logout_redirect_uri": GOODBYE}
    with schema.in_tenant(contoso):
        keys.rotate_keys(by=None)
        retired = SigningKey.objects.filter(retired_at__isnull=False)
        retired.update(retired_at=F("retired_at") - timedelta(days=30))
        keys.keep_keys()
        kid = json.loads(urlsafe_b64decode(hint.partition(".")[0] + "=="))["kid"]
        assert kid not in {key["kid"] for key in keys.published()}
    assert sign_out(rooms, at(), **told)["Location"] == GOODBYE
    with schema.in_tenant(contoso):
        keys.rotate_keys(by=None, at_once=True)
    assert "Location" not in sign_out(rooms, at(), **told)


def test_an_access_token_is_no_hint(contoso: Tenant, at: At, alice: Account) -> None:
    """RFC 8725, 3.11: of two tokens by the same key, each is taken for what it is."""
    app = make_app(contoso, access_token_format=AccessTokenFormat.JWT)
    given = app.tokens(at(alice))
    for name, leads_back in (("access_token", False), ("id_token", True)):
        told = {"id_token_hint": given[name], "post_logout_redirect_uri": GOODBYE}
        assert ("Location" in sign_out(app, at(), **told)) == leads_back


def test_an_app_can_wish_the_language_of_the_question(rooms: App, at: At, alice: Account) -> None:
    """RP-Initiated Logout, 2: `ui_locales`."""
    page = sign_out(rooms, at(alice), client_id=rooms.client_id, ui_locales="fr nl")
    assert 'lang="nl"' in page.content.decode()
    assert 'lang="nl"' in sign_out(rooms, at(), ui_locales="nl-BE").content.decode()


def test_a_foreign_hint_is_worth_nothing(
    rooms: App, at: At, alice: Account, contoso: Tenant, fabrikam: Tenant, frank: Account
) -> None:
    """O05, O09: another organization's ID token, another app's, a forged one, nonsense."""
    elsewhere = make_app(fabrikam).tokens(at(frank, fabrikam))["id_token"]
    head, _, tail = elsewhere.partition(".")
    crit = b64encode(b'{"alg":"RS256","crit":1}').decode().rstrip("=")
    odd = (f"{crit}.{tail}", "nonsense", "a.b.c", "ey.ey.ey", "\0")
    for hint in (elsewhere, f"{head}.e30.{tail}", *odd):
        page = sign_out(rooms, at(), id_token_hint=hint, post_logout_redirect_uri=GOODBYE)
        assert (page.status_code, "Location" in page) == (200, False)
    twin = make_app(contoso, name="Twin")
    hint = twin.tokens(at(alice))["id_token"]
    page = sign_out(
        rooms,
        at(),
        id_token_hint=hint,
        client_id=rooms.client_id,
        post_logout_redirect_uri=GOODBYE,
    )
    assert "Location" not in page
