"""Apps that others wrote sign people in: over HTTP, by the book, without knowing Foyer."""

import html
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from consent.models import AccessTokenFormat, ClientType, SigningAlgorithm
from tests.apps import CALLBACK, GOODBYE, App
from tests.clients.conftest import GUEST, SECONDS, Apache, Live
from tests.npm import NODE

pytestmark = pytest.mark.xdist_group("clients")

SCOPE = "openid profile email offline_access"
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
RS256, ES256 = SigningAlgorithm.RS256, SigningAlgorithm.ES256
OPAQUE, JWT = AccessTokenFormat.OPAQUE, AccessTokenFormat.JWT


def sign_out(browser: requests.Session, url: str) -> str:
    """Answer Foyer's question with yes; where the browser is sent."""
    page = browser.get(url, timeout=SECONDS)
    assert page.status_code == 200, page.text
    fields = {name: html.unescape(value) for name, value in HIDDEN.findall(page.text)}
    foyer = urlsplit(url)
    answer = browser.post(
        url,
        data=fields | {"answer": "yes"},
        headers={"Origin": f"{foyer.scheme}://{foyer.netloc}"},
        allow_redirects=False,
        timeout=SECONDS,
    )
    assert answer.status_code == 302, (answer.status_code, answer.text)
    return answer.headers["Location"]


class Verifier(JWTBearerTokenValidator):
    """An API that takes this provider's JWT access tokens (RFC 9068, 4)."""

    def __init__(self, issuer: str, audience: str, key_set: KeySet) -> None:
        super().__init__(issuer, audience)
        self.key_set = key_set

    def get_jwks(self) -> KeySet:
        return self.key_set


def check_id_token(
    given: dict[str, Any], *, issuer: str, app: App, key_set: KeySet, **more: Any
) -> dict[str, Any]:
    """As OpenID Connect Core, 3.1.3.7 says; its claims."""
    token = jwt.decode(given["id_token"], key_set, algorithms=[app.client.id_token_algorithm])
    options: dict[str, Any] = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": app.client_id},
        "at_hash": {"essential": True},
    }
    params = {"client_id": app.client_id, "access_token": given["access_token"]} | more
    CodeIDToken(token.claims, token.header, options, params).validate(now=int(time.time()))
    return dict(token.claims)


@pytest.mark.parametrize(
    ("method", "algorithm", "format_"),
    [
        ("client_secret_basic", RS256, OPAQUE),
        ("client_secret_post", ES256, JWT),
        ("client_secret_basic", RS256, JWT),
        ("none", ES256, OPAQUE),
    ],
)
def test_authlib(
    live: Live, method: str, algorithm: SigningAlgorithm, format_: AccessTokenFormat
) -> None:
    """Authlib's client: sign in, userinfo, refresh, introspect, revoke, sign out."""
    app = live.app(
        client_type=ClientType.PUBLIC if method == "none" else ClientType.WEB,
        id_token_algorithm=algorithm,
        access_token_format=format_,
    )
    provider = live.discovered()
    assert provider["issuer"] == live.issuer
    key_set = KeySet.import_key_set(requests.get(provider["jwks_uri"], timeout=SECONDS).json())
    checks: dict[str, Any] = {"issuer": live.issuer, "app": app, "key_set": key_set}
    nonce, verifier = generate_token(), generate_token(48)
    with (
        live.browser() as browser,
        OAuth2Session(
            app.client_id,
            app.secret or None,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            scope=SCOPE,
            redirect_uri=CALLBACK,
            code_challenge_method="S256",
            default_timeout=SECONDS,
        ) as session,
    ):

        def sign_in(scope: str = SCOPE) -> dict[str, Any]:
            url, state = session.create_authorization_url(
                provider["authorization_endpoint"],
                code_verifier=verifier,
                nonce=nonce,
                scope=scope,
            )
            answer = browser.get(url, allow_redirects=False, timeout=SECONDS)
            assert answer.status_code == 302, answer.text
            location = answer.headers["Location"]
            assert parse_qs(urlsplit(location).query)["iss"] == [live.issuer]
            return dict(
                session.fetch_token(
                    provider["token_endpoint"],
                    authorization_response=location,
                    state=state,
                    code_verifier=verifier,
                )
            )

        given = sign_in()
        claims = check_id_token(given, nonce=nonce, **checks)
        assert (claims["nonce"], claims["email"], claims["acct"]) == (nonce, GUEST, 1)
        person = session.get(provider["userinfo_endpoint"]).json()
        assert (person["sub"], person["email"]) == (claims["sub"], GUEST)
        if format_ == JWT:
            api = Verifier(live.issuer, app.client_id, key_set)
            token = api.authenticate_token(given["access_token"])
            api.validate_token(token, ["openid profile"], None)
            assert (token["sub"], token["client_id"]) == (claims["sub"], app.client_id)

        refreshed = session.refresh_token(provider["token_endpoint"])
        assert refreshed["refresh_token"] != given["refresh_token"]
        again = check_id_token(refreshed, **checks)
        assert {name: again[name] for name in ("sub", "auth_time", "aud")} == {
            name: claims[name] for name in ("sub", "auth_time", "aud")
        }

        asked = session.introspect_token(
            provider["introspection_endpoint"], token=refreshed["access_token"]
        )
        if method == "none":
            # Who keeps no secret is not told about tokens (RFC 7662, 2.1).
            assert (asked.status_code, asked.json()["error"]) == (401, "invalid_client")
        else:
            assert (asked.json()["active"], asked.json()["sub"]) == (True, claims["sub"])
        revoked = session.revoke_token(
            provider["revocation_endpoint"],
            token=refreshed["refresh_token"],
            token_type_hint="refresh_token",
        )
        assert revoked.status_code == 200
        assert session.get(provider["userinfo_endpoint"]).status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            session.refresh_token(provider["token_endpoint"])

        offline, given = sign_in(), sign_in("openid email")
        goodbye = {
            "id_token_hint": given["id_token"],
            "client_id": app.client_id,
            "post_logout_redirect_uri": GOODBYE,
            "state": "later",
        }
        url = requests.Request("GET", provider["end_session_endpoint"], params=goodbye).prepare()
        assert sign_out(browser, str(url.url)) == f"{GOODBYE}?state=later"
        assert session.get(provider["userinfo_endpoint"]).status_code == 401
        # Who asked to go on without the person does (Back-Channel Logout, 2.7).
        session.token = offline
        assert session.get(provider["userinfo_endpoint"]).status_code == 200
        page = browser.get(str(url.url), allow_redirects=False, timeout=SECONDS)
        assert page.headers["Location"] == f"{GOODBYE}?state=later"


@pytest.mark.parametrize(
    ("auth", "algorithm", "format_"),
    [("ClientSecretPost", RS256, OPAQUE), ("ClientSecretBasic", ES256, JWT)],
)
def test_openid_client(
    live: Live,
    npm_folder: Path,
    auth: str,
    algorithm: SigningAlgorithm,
    format_: AccessTokenFormat,
) -> None:
    """openid-client, certified by the OpenID Foundation, under Node.js: all it can check."""
    app = live.app(id_token_algorithm=algorithm, access_token_format=format_)
    service = live.app(name="Nightly report", client_type=ClientType.SERVICE)
    told = {
        "issuer": live.issuer,
        "client_id": app.client_id,
        "client_secret": app.secret,
        "auth": auth,
        "algorithm": algorithm.value,
        "is_jwt": format_ == JWT,
        "redirect_uri": CALLBACK,
        "cookie": "=".join(live.cookie),
        "service": {"client_id": service.client_id, "client_secret": service.secret},
    }
    done = subprocess.run(  # noqa: S603
        [str(NODE), "journey.mjs"],
        cwd=npm_folder,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    subject = said["claims"]["sub"]
    assert said["claims"]["email"] == said["userinfo"]["email"] == GUEST
    assert said["userinfo"]["sub"] == said["refreshedSubject"] == subject
    if format_ == JWT:
        assert said["accessClaims"]["sub"] == subject
    assert 0 < said["expiresIn"] <= 600
    assert said["isRotated"]
    assert said["activity"] == [True, False]
    assert said["refusals"] == ["invalid_grant", "invalid_grant"]
    assert said["introspected"]["active"]
    assert said["introspected"]["sub"] == service.client_id
    assert said["endSession"].startswith(f"{live.issuer}/oauth2/v2.0/logout?")


def test_apache(live: Live, apache: Apache) -> None:
    """mod_auth_openidc of Debian in front of a folder: in, what it knows, refresh, and out."""
    inside, back = f"{apache.origin}/inside/", f"{apache.origin}/inside/back"
    with live.browser() as browser:
        page = browser.get(inside, timeout=SECONDS)
        assert (page.status_code, page.text, page.url) == (200, "inside/index.html", inside)
        hosts = [urlsplit(each.url).hostname for each in page.history]
        assert hosts == ["localhost", "127.0.0.1", "localhost"]
        assert browser.get(f"{inside}others/", timeout=SECONDS).status_code == 401

        info = browser.get(back, params={"info": "json"}, timeout=SECONDS).json()
        assert info["userinfo"]["email"] == info["id_token"]["email"] == GUEST
        assert info["id_token"]["iss"] == live.issuer
        assert page.headers["X-Seen-Subject"] == info["id_token"]["sub"]

        anew = {"refresh": inside, "access_token": info["access_token"]}
        assert browser.get(back, params=anew, timeout=SECONDS).url == inside
        later = browser.get(back, params={"info": "json"}, timeout=SECONDS).json()
        assert later["refresh_token"] != info["refresh_token"]
        assert later["access_token"] != info["access_token"]

        goodbye = f"{apache.origin}/goodbye.html"
        leaving = browser.get(
            back, params={"logout": goodbye}, allow_redirects=False, timeout=SECONDS
        )
        assert sign_out(browser, leaving.headers["Location"]) == goodbye
        assert browser.get(goodbye, timeout=SECONDS).text == "goodbye.html"
        answer = browser.get(inside, timeout=SECONDS)
        assert urlsplit(answer.url).path == f"/o/{live.race.tenant.slug}/enter/"
