"""Outside sign-ins, against a real OpenID provider over HTTP on loopback."""

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core import mail, signing
from django.core.exceptions import ImproperlyConfigured
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import set_script_prefix
from joserfc.jwk import RSAKey

from config.settings.outside import outside_apps
from tenants import outside
from tenants.models import Account
from tests.openid_provider import NEW, OpenIDProvider, configure
from tests.outside import come_back, go, leave

GITA = "gita@northwind.example"
NEXT = "/about/"
KEY = "_auth_user_id"


@pytest.fixture
def browser(db: None) -> Client:
    return Client()


def invited(address: str = NEW) -> dict[str, str]:
    return {"invited": outside.invited_token(address, NEXT)}


def signed_in_as(browser: Client) -> str | None:
    """The address of who is signed in."""
    account = str(browser.session.get(KEY, ""))
    return Account.objects.get(pk=account).email if account else None


def connected(account: Account, provider: OpenIDProvider, browser: Client) -> Client:
    """A browser signed in by other means that has connected the provider."""
    browser.force_login(account, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = go(browser, provider, process="connect", next="/accounts/3rdparty/")
    assert response.url == "/accounts/3rdparty/"
    return browser


# --- Whom it lets in -----------------------------------------------------------------------------
def test_an_invited_person_gets_an_account_and_lands_where_the_invitation_goes_on(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    """A05, A06: verified at the provider, and exactly the invited address."""
    before = browser.session.session_key
    response = go(browser, woodgrove, **invited())
    assert (response.status_code, response.url) == (302, NEXT)
    assert signed_in_as(browser) == NEW
    assert browser.session.session_key != before
    proved = EmailAddress.objects.get(email=NEW)
    assert proved.verified
    assert proved.primary
    assert not Account.objects.get(email=NEW).has_usable_password()
    assert "/userinfo" not in woodgrove.asked


def test_the_same_person_comes_back_without_an_invitation(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    go(browser, woodgrove, **invited())
    other = Client()
    assert go(other, woodgrove, next="/organizations/").url == "/organizations/"
    assert signed_in_as(other) == NEW


def test_the_address_may_come_from_the_user_information(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    woodgrove.claims = {"sub": "w-1"}
    woodgrove.userinfo = {"email": NEW, "email_verified": True}
    go(browser, woodgrove, **invited())
    assert signed_in_as(browser) == NEW


def test_user_information_about_somebody_else_is_refused(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    woodgrove.claims = {"sub": "w-1"}
    woodgrove.userinfo = {"sub": "w-2", "email": NEW, "email_verified": True}
    assert go(browser, woodgrove, **invited()).status_code == 401
    assert signed_in_as(browser) is None


@pytest.mark.parametrize("said", [False, "true", "True", 1, None, "absent"])
def test_an_address_the_provider_did_not_verify_makes_no_account(
    woodgrove: OpenIDProvider, browser: Client, said: object
) -> None:
    """A05, A06: only a JSON true is true."""
    woodgrove.claims["email_verified"] = said
    if said == "absent":
        del woodgrove.claims["email_verified"]
    response = go(browser, woodgrove, **invited())
    assert response.status_code == 403
    assert "did not confirm your address" in response.content.decode()
    assert signed_in_as(browser) is None
    assert not Account.objects.filter(email=NEW).exists()
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("address", [None, "", "not an address", f"{NEW}, x@y.example"])
def test_without_one_plain_address_there_is_no_account(
    woodgrove: OpenIDProvider, browser: Client, address: str | None
) -> None:
    """A06: no address at all, or something that is none."""
    woodgrove.claims["email"] = address
    if address is None:
        del woodgrove.claims["email"]
    assert go(browser, woodgrove, **invited()).status_code == 403
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"invited": "nonsense"},
        {"invited": signing.dumps({"who": "x", "next": "/"}, salt="another")},
    ],
)
def test_a_stranger_reads_that_accounts_are_made_by_invitation(
    woodgrove: OpenIDProvider, browser: Client, asked: dict[str, str]
) -> None:
    response = go(browser, woodgrove, **asked)
    assert response.status_code == 403
    assert "made by invitation" in response.content.decode()
    assert not Account.objects.filter(email=NEW).exists()


def test_an_invitation_for_another_address_makes_no_account(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    """A05: the token says for whom, and does not tell anybody who holds it."""
    token = outside.invited_token("somebody@woodgrove.example", NEXT)
    assert "somebody" not in str(signing.loads(token, salt=outside.SALT))
    assert go(browser, woodgrove, invited=token).status_code == 403
    assert not Account.objects.filter(email__endswith="@woodgrove.example").exists()


def test_an_old_invitation_token_is_none(woodgrove: OpenIDProvider, browser: Client) -> None:
    with time_machine.travel(time.time() - outside.INVITED_SECONDS - 60):
        asked = invited()
    assert go(browser, woodgrove, **asked).status_code == 403


# --- Existing accounts ---------------------------------------------------------------------------
def test_an_existing_account_is_never_linked_without_a_sign_in_to_it(
    woodgrove: OpenIDProvider, browser: Client, gita: Account
) -> None:
    """A06: even verified and invited, the address alone opens nothing; `next` is kept."""
    woodgrove.claims["email"] = "Gita@Northwind.example"
    response = go(browser, woodgrove, **invited(GITA))
    assert response.status_code == 403
    text = response.content.decode()
    assert "You already have an account" in text
    assert f"next={NEXT}" in text
    assert signed_in_as(browser) is None
    assert not SocialAccount.objects.exists()


def test_a_connected_sign_in_is_known_by_issuer_and_subject(
    woodgrove: OpenIDProvider, browser: Client, gita: Account
) -> None:
    """A06: the address changes, gets lost or becomes another's: still the same person."""
    connected(gita, woodgrove, browser)
    for address in ("gita.married@northwind.example", "sam@tailspin.example", ""):
        woodgrove.claims |= {"email": address, "email_verified": False}
        other = Client()
        assert go(other, woodgrove).status_code == 302
        assert signed_in_as(other) == GITA
    gita.refresh_from_db()
    assert gita.email == GITA
    assert list(EmailAddress.objects.filter(user=gita).values_list("email", flat=True)) == [GITA]


def test_the_same_address_under_another_subject_is_another_person(
    woodgrove: OpenIDProvider, browser: Client, gita: Account
) -> None:
    """A06."""
    woodgrove.claims["email"] = GITA
    connected(gita, woodgrove, browser)
    woodgrove.claims["sub"] = "w-2"
    other = Client()
    assert "You already have an account" in go(other, woodgrove).content.decode()
    assert signed_in_as(other) is None


def test_the_same_subject_at_another_issuer_is_another_person(
    woodgrove: OpenIDProvider, browser: Client, gita: Account, settings: Any
) -> None:
    """A06: also when the other one sits behind the same configured id."""
    connected(gita, woodgrove, browser)
    with OpenIDProvider(claims=dict(woodgrove.claims)) as usurper:
        configure(settings, usurper)
        other = Client()
        assert go(other, usurper).status_code == 403
        assert signed_in_as(other) is None


def test_what_was_planted_in_an_unproved_account_does_not_survive_its_owner(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    """A05: an attacker made the account, its address never proved; the provider's proof cleans."""
    planted = Account.objects.create_user(NEW, "a long planted password")
    EmailAddress.objects.create(user=planted, email=NEW, verified=False, primary=True)
    EmailAddress.objects.create(user=planted, email="evil@tailspin.example", verified=False)
    Authenticator.objects.create(user=planted, type=Authenticator.Type.TOTP, data={})
    SocialAccount.objects.create(user=planted, provider="woodgrove", uid="evil")
    attacker = Client()
    attacker.force_login(planted, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert attacker.get("/organizations/").status_code == 200

    assert go(browser, woodgrove, **invited()).url == NEXT
    assert signed_in_as(browser) == NEW
    planted.refresh_from_db()
    assert not planted.has_usable_password()
    assert attacker.get("/organizations/").status_code == 302
    assert not Authenticator.objects.filter(user=planted).exists()
    assert not SocialAccount.objects.filter(uid="evil").exists()
    assert EmailAddress.objects.get(user=planted).verified


def test_an_address_that_somebody_only_added_stays_its_owners(
    woodgrove: OpenIDProvider, browser: Client, sam: Account
) -> None:
    """A05: the attacker adds the address to a real account and never verifies it."""
    EmailAddress.objects.create(user=sam, email=NEW, verified=False)
    assert go(browser, woodgrove, **invited()).url == NEXT
    assert signed_in_as(browser) == NEW
    assert Account.objects.get(email=NEW) != sam


def test_a_disabled_account_is_not_let_in(
    woodgrove: OpenIDProvider, browser: Client, gita: Account
) -> None:
    connected(gita, woodgrove, browser)
    Account.objects.filter(pk=gita.pk).update(is_active=False)
    other = Client()
    go(other, woodgrove)
    assert signed_in_as(other) is None


# --- Connecting ----------------------------------------------------------------------------------
def test_connecting_and_disconnecting_are_told_by_mail(
    woodgrove: OpenIDProvider, browser: Client, gita: Account
) -> None:
    page = connected(gita, woodgrove, browser).get("/accounts/3rdparty/")
    assert "Disconnect Woodgrove" in page.content.decode()
    row = SocialAccount.objects.get(user=gita)
    assert row.extra_data == {"iss": woodgrove.issuer, "sub": "w-1", "email": NEW}
    browser.post("/accounts/3rdparty/", {"account": row.pk})
    assert not SocialAccount.objects.exists()
    assert [each.subject for each in mail.outbox] == [
        "Woodgrove now signs in to your account",
        "Woodgrove no longer signs in to your account",
    ]
    assert "Connect Woodgrove" in browser.get("/accounts/3rdparty/").content.decode()


@pytest.mark.parametrize("asked", ["connect", "disconnect"])
def test_connections_change_only_after_a_recent_sign_in(
    woodgrove: OpenIDProvider, browser: Client, gita: Account, asked: str
) -> None:
    row = SocialAccount.objects.create(user=gita, provider="woodgrove", uid="x")
    gita.set_password("a long password of mine")
    gita.save()
    browser.force_login(gita, backend="allauth.account.auth_backends.AuthenticationBackend")
    if asked == "connect":
        response: Any = browser.post("/accounts/outside/woodgrove/", {"process": "connect"})
    else:
        response = browser.post("/accounts/3rdparty/", {"account": row.pk})
    assert response.status_code == 302
    assert "reauthenticate" in response.url
    assert SocialAccount.objects.filter(pk=row.pk).exists()


def test_connecting_goes_on_after_the_password_was_asked(
    woodgrove: OpenIDProvider, browser: Client, gita: Account
) -> None:
    gita.set_password("a long password of mine")
    gita.save()
    browser.force_login(gita, backend="allauth.account.auth_backends.AuthenticationBackend")
    asked: Any = browser.post("/accounts/outside/woodgrove/", {"process": "connect"})
    response = browser.post(asked.url, {"password": "a long password of mine"})
    url = str(response.headers["Refresh"]).removeprefix("0; url=")
    assert come_back(browser, woodgrove.approve(url)).url == "/accounts/3rdparty/"
    assert SocialAccount.objects.get().user == gita


def test_a_second_factor_is_asked_after_an_outside_sign_in_too(
    woodgrove: OpenIDProvider, browser: Client, gita: Account
) -> None:
    connected(gita, woodgrove, browser)
    Authenticator.objects.create(user=gita, type=Authenticator.Type.TOTP, data={"secret": "x"})
    other = Client()
    assert go(other, woodgrove).url.startswith("/accounts/2fa/authenticate/")
    assert signed_in_as(other) is None


def test_nobody_disconnects_what_is_not_theirs(
    woodgrove: OpenIDProvider, browser: Client, gita: Account, sam: Account
) -> None:
    row = SocialAccount.objects.create(user=sam, provider="woodgrove", uid="x")
    browser.force_login(gita, backend="allauth.account.auth_backends.AuthenticationBackend")
    for asked in (row.pk, 0, "x", ""):
        assert browser.post("/accounts/3rdparty/", {"account": asked}).status_code == 404
    assert SocialAccount.objects.filter(pk=row.pk).exists()


def test_a_sign_in_that_is_another_accounts_is_not_taken_over(
    woodgrove: OpenIDProvider, browser: Client, gita: Account, sam: Account
) -> None:
    connected(gita, woodgrove, browser)
    connected(sam, woodgrove, Client())
    assert SocialAccount.objects.get().user == gita


def test_a_provider_that_is_no_longer_configured_can_be_disconnected(
    woodgrove: OpenIDProvider, browser: Client, gita: Account, settings: Any
) -> None:
    connected(gita, woodgrove, browser)
    configure(settings)
    assert "Disconnect woodgrove" in browser.get("/accounts/3rdparty/").content.decode()
    row = SocialAccount.objects.get(user=gita)
    browser.post("/accounts/3rdparty/", {"account": row.pk})
    assert not SocialAccount.objects.exists()


# --- The protocol --------------------------------------------------------------------------------
def test_every_attempt_has_its_own_state_nonce_and_challenge(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    """O04."""
    first, second = (parse_qs(urlsplit(leave(browser, woodgrove)).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == ["https://testserver/accounts/outside/woodgrove/callback/"]


def changed(url: str, **parts: str) -> str:
    """The same address with parameters put in place of its own; empty ones are left out."""
    address, _, query = url.partition("?")
    asked = {name: values[0] for name, values in parse_qs(query).items()} | parts
    return f"{address}?{urlencode({name: value for name, value in asked.items() if value})}"


@pytest.mark.parametrize(
    "parts",
    [{"state": ""}, {"state": "x" * 16}, {"iss": "https://other.example"}, {"code": "unknown"}],
    ids=str,
)
def test_an_answer_that_was_not_asked_for_signs_nobody_in(
    woodgrove: OpenIDProvider, browser: Client, parts: dict[str, str]
) -> None:
    """O04: state missing or invented, another issuer, a code of nobody."""
    back = woodgrove.approve(leave(browser, woodgrove, **invited()))
    response = come_back(browser, changed(back, **parts))
    assert response.status_code == 401
    assert "The sign-in did not work" in response.content.decode()
    assert signed_in_as(browser) is None
    assert not SocialAccount.objects.exists()


def test_an_issuer_that_was_promised_must_be_named(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    """O04: RFC 9207."""
    woodgrove.promises_issuer = True
    back = woodgrove.approve(leave(browser, woodgrove, **invited()))
    assert come_back(browser, changed(back, iss="")).status_code == 401
    assert go(browser, woodgrove, **invited()).url == NEXT


def test_a_state_is_of_one_browser_one_use_and_ten_minutes(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    """O04."""
    back = woodgrove.approve(leave(browser, woodgrove, **invited()))
    assert come_back(Client(), back).status_code == 401
    with time_machine.travel(time.time() + 601):
        assert come_back(browser, back).status_code == 401
    back = woodgrove.approve(leave(browser, woodgrove, **invited()))
    assert come_back(browser, back).url == NEXT
    browser.logout()
    assert come_back(browser, back).status_code == 401
    assert signed_in_as(browser) is None


def test_an_answer_of_one_provider_is_nothing_at_another(
    woodgrove: OpenIDProvider, browser: Client, settings: Any
) -> None:
    """O04: the mix-up, both ways round."""
    with OpenIDProvider(provider_id="lucerne", claims=woodgrove.claims) as lucerne:
        configure(settings, woodgrove, lucerne)
        for one, other in ((woodgrove, lucerne), (lucerne, woodgrove)):
            back = one.approve(leave(browser, one, **invited()))
            crossed = back.replace(f"/{one.provider_id}/", f"/{other.provider_id}/")
            assert come_back(browser, crossed).status_code == 401
            assert signed_in_as(browser) is None
    assert not SocialAccount.objects.exists()


FORGED: list[dict[str, Any]] = [
    {"nonce": "another"},
    {"nonce": None},
    {"iss": "https://other.example"},
    {"aud": "another-application"},
    {"aud": ["foyer", "other"], "azp": "other"},
    {"exp": 1},
    {"sub": ""},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_an_id_token_that_does_not_fit_signs_nobody_in(
    woodgrove: OpenIDProvider, browser: Client, forged: dict[str, Any]
) -> None:
    """O04: nonce, issuer, audience, age, subject."""
    woodgrove.forged = forged
    assert go(browser, woodgrove, **invited()).status_code == 401
    assert signed_in_as(browser) is None


def test_an_id_token_signed_by_somebody_else_signs_nobody_in(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    """O04."""
    woodgrove.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert go(browser, woodgrove, **invited()).status_code == 401
    assert signed_in_as(browser) is None


def test_stopping_at_the_provider_is_no_error(woodgrove: OpenIDProvider, browser: Client) -> None:
    url = parse_qs(urlsplit(leave(browser, woodgrove, next=NEXT)).query)
    query = urlencode({"error": "access_denied", "state": url["state"][0]})
    response = come_back(browser, f"{url['redirect_uri'][0]}?{query}")
    assert response.status_code == 200
    assert "You stopped the sign-in" in response.content.decode()


# --- Away ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["/.well-known", "/token", "/jwks"])
def test_a_provider_that_hangs_is_answered_within_ten_seconds(
    woodgrove: OpenIDProvider,
    browser: Client,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F14: a page that says so, and the way by code stays open."""
    if where != "/token":
        # The one in the middle waits as long as people do.
        monkeypatch.setattr(outside, "PATIENCE_SECONDS", 1)
    back = woodgrove.approve(leave(browser, woodgrove, **invited()))
    woodgrove.hangs_at = where
    began = time.monotonic()
    response = come_back(browser, back)
    assert time.monotonic() - began < 10
    assert response.status_code == 503
    assert "Woodgrove does not answer" in response.content.decode()
    assert f"next={NEXT}" in response.content.decode()
    assert signed_in_as(browser) is None
    assert browser.get("/accounts/login/code/").status_code == 200


def test_a_provider_that_drips_is_not_waited_for(
    woodgrove: OpenIDProvider, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F14: never silent for long, and never done."""
    monkeypatch.setattr(outside, "PATIENCE_SECONDS", 1)
    woodgrove.drips = True
    began = time.monotonic()
    assert browser.post("/accounts/outside/woodgrove/").status_code == 503
    assert time.monotonic() - began < 5


def test_a_provider_that_is_away_holds_up_only_the_first(
    woodgrove: OpenIDProvider, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F14: no worker waits for a silence that is known."""
    monkeypatch.setattr(outside, "PATIENCE_SECONDS", 1)
    woodgrove.hangs_at = "/"
    for _ in range(3):
        response = browser.post("/accounts/outside/woodgrove/", {"next": NEXT})
        assert response.status_code == 503
        assert response.headers["Retry-After"]
    assert woodgrove.asked == ["/.well-known/openid-configuration"]


def test_nobody_listens_at_the_providers_address(settings: Any, browser: Client) -> None:
    """F14: refused at once."""
    with OpenIDProvider() as gone:
        configure(settings, gone)
    assert browser.post("/accounts/outside/woodgrove/").status_code == 503


# --- Paths and settings --------------------------------------------------------------------------
def test_only_configured_providers_have_paths(woodgrove: OpenIDProvider, browser: Client) -> None:
    for path in ("google/login/", "oidc/woodgrove/login/", "outside/google/"):
        assert browser.get(f"/accounts/{path}").status_code == 404
        assert browser.post(f"/accounts/{path}").status_code == 404
    assert browser.get("/accounts/outside/google/callback/").status_code == 404
    assert browser.get("/accounts/outside/woodgrove/").status_code == 405
    assert browser.get("/accounts/3rdparty/").status_code == 302


def test_a_foreign_site_cannot_begin(woodgrove: OpenIDProvider) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/accounts/outside/woodgrove/").status_code == 403


def test_the_way_on_stays_here(woodgrove: OpenIDProvider, browser: Client, gita: Account) -> None:
    connected(gita, woodgrove, browser)
    other = Client()
    assert go(other, woodgrove, next="https://evil.example/").url == "/"


def test_the_sign_in_page_offers_what_is_configured(
    woodgrove: OpenIDProvider, browser: Client
) -> None:
    page = browser.get("/accounts/login/code/?next=/about/").content.decode()
    assert 'action="/accounts/outside/woodgrove/"' in page
    assert '<input type="hidden" name="next" value="/about/">' in page


def test_on_an_organizations_page_the_buttons_lead_out_of_it(woodgrove: OpenIDProvider) -> None:
    set_script_prefix("/o/contoso/")
    try:
        page = render_to_string(
            "includes/outside_logins.html", invited(), request=RequestFactory().get("/")
        )
    finally:
        set_script_prefix("/")
    assert 'action="/accounts/outside/woodgrove/"' in page
    assert 'name="invited"' in page
    assert 'name="csrfmiddlewaretoken"' in page


def app(**environ: str) -> dict[str, Any]:
    (found,) = outside_apps(environ)
    return found


def test_google_and_microsoft_are_two_variables_each() -> None:
    google = app(FOYER_GOOGLE_CLIENT_ID="g", FOYER_GOOGLE_CLIENT_SECRET="s")
    assert google["settings"]["server_url"] == "https://accounts.google.com"
    assert google["settings"]["verified_claim"] == "email_verified"
    microsoft = app(FOYER_MICROSOFT_CLIENT_ID="m", FOYER_MICROSOFT_CLIENT_SECRET="s")
    assert microsoft["settings"]["server_url"] == "https://login.microsoftonline.com/common/v2.0"
    assert microsoft["settings"]["verified_claim"] == "xms_edov"
    assert not microsoft["settings"]["address_trusted"]


@pytest.fixture
def microsoft(woodgrove: OpenIDProvider, settings: Any) -> dict[str, Any]:
    """The provider plays Microsoft: its issuer names whichever directory the person is from."""
    played = app(FOYER_MICROSOFT_CLIENT_ID="foyer", FOYER_MICROSOFT_CLIENT_SECRET=woodgrove.secret)
    played["provider_id"] = "woodgrove"
    played["settings"]["server_url"] = woodgrove.issuer
    settings.SOCIALACCOUNT_PROVIDERS = {"outside": {"APPS": [played]}}
    woodgrove.calls_itself = f"{woodgrove.issuer}/{{tenantid}}/v2.0"
    woodgrove.claims |= {"tid": "t-1", "iss": f"{woodgrove.issuer}/t-1/v2.0"}
    return played


@pytest.mark.parametrize("directory", ["t-2", "", None, "{tenantid}"])
def test_an_issuer_of_another_directory_than_the_token_says_is_refused(
    woodgrove: OpenIDProvider, browser: Client, microsoft: dict[str, Any], directory: str | None
) -> None:
    """O04."""
    woodgrove.claims |= {"tid": directory, "xms_edov": True}
    assert go(browser, woodgrove, **invited()).status_code == 401
    assert signed_in_as(browser) is None


def test_the_same_subject_in_another_directory_is_another_person(
    woodgrove: OpenIDProvider, browser: Client, microsoft: dict[str, Any], gita: Account
) -> None:
    """A06."""
    connected(gita, woodgrove, browser)
    woodgrove.claims |= {"tid": "t-2", "iss": f"{woodgrove.issuer}/t-2/v2.0"}
    other = Client()
    assert go(other, woodgrove).status_code == 403
    assert signed_in_as(other) is None


def test_the_addresses_of_one_pinned_directory_may_be_trusted(
    woodgrove: OpenIDProvider, browser: Client, microsoft: dict[str, Any]
) -> None:
    pinned = app(
        FOYER_MICROSOFT_CLIENT_ID="foyer",
        FOYER_MICROSOFT_CLIENT_SECRET="s",
        FOYER_MICROSOFT_TENANT="t-1",
        FOYER_MICROSOFT_TRUST_ADDRESSES="true",
    )
    assert pinned["settings"]["server_url"] == "https://login.microsoftonline.com/t-1/v2.0"
    microsoft["settings"]["address_trusted"] = pinned["settings"]["address_trusted"]
    assert go(browser, woodgrove, **invited()).url == NEXT


def test_microsofts_word_for_verified_is_another(
    woodgrove: OpenIDProvider, browser: Client, microsoft: dict[str, Any]
) -> None:
    """A06: `email_verified` is not what counts there, nor is an address without `xms_edov`."""
    assert go(browser, woodgrove, **invited()).status_code == 403
    woodgrove.claims["xms_edov"] = True
    assert go(browser, woodgrove, **invited()).url == NEXT


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"FOYER_OPENID_PROVIDERS": "{"}, "JSON list"),
        ({"FOYER_OPENID_PROVIDERS": '[{"id": "x"}]'}, "JSON list"),
        ({"FOYER_OPENID_PROVIDERS": '["x"]'}, "JSON list"),
        (
            {"FOYER_MICROSOFT_CLIENT_ID": "m", "FOYER_MICROSOFT_TRUST_ADDRESSES": "true"},
            "one directory's id",
        ),
        ({"FOYER_GOOGLE_CLIENT_ID": "g"}, "client secret"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=says):
        outside_apps(environ)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"server_url": "http://id.example"}, "https://"),
        ({"id": "Not an id"}, "may hold"),
        ({"id": "google"}, "same id"),
    ],
)
def test_a_provider_that_could_not_hold_is_refused_at_the_start(
    part: dict[str, str], says: str
) -> None:
    given = {
        "id": "x",
        "name": "X",
        "server_url": "https://id.example",
        "client_id": "c",
        "secret": "s",
    }
    environ = {"FOYER_OPENID_PROVIDERS": json.dumps([given | part]), "FOYER_GOOGLE_CLIENT_ID": "g"}
    environ["FOYER_GOOGLE_CLIENT_SECRET"] = "s"
    with pytest.raises(ImproperlyConfigured, match=says):
        outside_apps(environ)
