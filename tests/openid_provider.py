"""An OpenID provider on loopback, for the tests: the real protocol, its claims and moods scripted."""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from config.settings.outside import outside_apps

# Whose address the provider of the tests proves.
NEW = "newcomer@woodgrove.example"
PAGE = """<!doctype html><html lang="en"><title>Woodgrove ID</title><main>
<h1>Woodgrove ID</h1><form method="post">{fields}<button>Sign in as {who}</button></form></main>"""


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class _Stay(HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def http_error_302(self, req: Any, fp: Any, *args: Any) -> Any:
        return fp


@dataclass
class OpenIDProvider:
    """`claims` go into ID tokens, `userinfo` (when set) is answered there, `forged` overrides."""

    provider_id: str = "woodgrove"
    client_id: str = "foyer"
    secret: str = "only-for-tests"
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    forged: dict[str, Any] = field(default_factory=dict)
    hangs_at: str = ""
    drips: bool = False
    promises_issuer: bool = False
    calls_itself: str = ""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signs_with: RSAKey | None = None

    def __enter__(self) -> Self:
        self.closed = threading.Event()
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"openid": self})
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def configuration(self) -> dict[str, str]:
        """One object of FOYER_OPENID_PROVIDERS."""
        return {
            "id": self.provider_id,
            "name": "Woodgrove",
            "server_url": self.issuer,
            "client_id": self.client_id,
            "secret": self.secret,
        }

    def approve(self, url: str) -> str:
        """What a person does at the provider: open its page, press the button. The way back."""
        opener = build_opener(_Stay)
        with opener.open(url, timeout=5) as page:
            assert b"Sign in as" in page.read()
        press = Request(url, data=urlsplit(url).query.encode())  # noqa: S310
        with opener.open(press, timeout=5) as moved:
            return str(moved.headers["Location"])

    # --- What the handler asks -------------------------------------------------------------
    def wait_if_told(self, path: str) -> None:
        if self.hangs_at and path.startswith(self.hangs_at):
            self.closed.wait(60)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.calls_itself or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "authorization_response_iss_parameter_supported": self.promises_issuer,
        }

    def jwks(self) -> dict[str, Any]:
        return dict(KeySet([self.key]).as_dict(private=False))

    def code_for(self, asked: dict[str, str]) -> str:
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return code

    def tokens(self, form: dict[str, str]) -> dict[str, Any] | None:
        """For a code, once, with its PKCE verifier and our secret; None refuses."""
        asked = self.codes.pop(form.get("code", ""), None)
        if (
            asked is None
            or form.get("client_id") != self.client_id
            or form.get("client_secret") != self.secret
            or form.get("redirect_uri") != asked["redirect_uri"]
            or _challenge(form.get("code_verifier", "")) != asked["code_challenge"]
        ):
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
            **self.forged,
        }
        header = {"alg": "RS256", "kid": "one"}
        return {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": jwt.encode(header, claims, self.signs_with or self.key),
        }


class _Handler(BaseHTTPRequestHandler):
    openid: OpenIDProvider

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def _answer(self, status: int, body: str, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has given up
            while self.openid.drips and not self.openid.closed.wait(0.2):
                self.wfile.write(b" ")
            self.wfile.write(body.encode())

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.openid.asked.append(url.path)
        self.openid.wait_if_told(url.path)
        if url.path == "/.well-known/openid-configuration":
            self._answer(200, json.dumps(self.openid.discovery()))
        elif url.path == "/jwks":
            self._answer(200, json.dumps(self.openid.jwks()))
        elif url.path == "/userinfo":
            found = {"sub": self.openid.claims["sub"], **self.openid.userinfo}
            self._answer(200, json.dumps(found))
        elif url.path == "/authorize":
            self._page(parse_qsl(url.query))
        else:
            self._answer(404, "{}")

    def _page(self, asked: list[tuple[str, str]]) -> None:
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in asked
        )
        who = html.escape(str(self.openid.claims.get("name", "somebody")))
        self._answer(200, PAGE.format(fields=fields, who=who), "text/html")

    def _by_header(self) -> dict[str, str]:
        """`client_secret_basic`, as some clients like it."""
        kind, _, shown = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return {}
        client_id, _, secret = base64.b64decode(shown).decode().partition(":")
        return {"client_id": unquote(client_id), "client_secret": unquote(secret)}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()} | self._by_header()
        path = urlsplit(self.path).path
        self.openid.asked.append(path)
        self.openid.wait_if_told(path)
        if path == "/token":
            tokens = self.openid.tokens(form)
            self._answer(200 if tokens else 400, json.dumps(tokens or {"error": "invalid_grant"}))
            return
        assert form["code_challenge_method"] == "S256"
        back = {
            "code": self.openid.code_for(form),
            "state": form["state"],
            "iss": self.openid.issuer,
        }
        self.send_response(302)
        self.send_header("Location", f"{form['redirect_uri']}?{urlencode(back)}")
        self.send_header("Content-Length", "0")
        self.end_headers()


def configure(settings: Any, *providers: OpenIDProvider) -> None:
    """Let people sign in at these and at no other."""
    environ = {"FOYER_OPENID_PROVIDERS": json.dumps([each.configuration for each in providers])}
    settings.SOCIALACCOUNT_PROVIDERS = {"outside": {"APPS": outside_apps(environ)}}
