"""A relying party for the tests: what an app sends, by Django's client."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.db import connection
from django.test import Client

from consent.clients import Registration, add_secret, register_app
from consent.models import ClientType, OAuthClient
from invitations.models import DirectoryEntry, WhoMayEnter
from tenants import schema
from tenants.models import Tenant
from tests.conftest import Place

CALLBACK = "https://rooms.contoso.example/callback"
GOODBYE = "https://rooms.contoso.example/goodbye"
ISSUER = "https://testserver/o/contoso"


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def payload_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, without checking anything."""
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


@dataclass
class App:
    """One app that signs people in at a tenant."""

    tenant: Tenant
    client: OAuthClient
    secret: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    browser: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    @property
    def client_id(self) -> str:
        return str(self.client.pk)

    def path(self, name: str) -> str:
        return schema.tenant_path(self.tenant, f"consent:{name}")

    def request(self, **changed: str | None) -> dict[str, str]:
        """The parameters of a good request to sign in; None leaves one out."""
        asked: dict[str, str | None] = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email offline_access",
            "state": "st4te",
            "nonce": "n0nce",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (asked | changed).items() if value is not None}

    def authorize(self, person: Place, **changed: str | None) -> Any:
        """Send the person's browser to the provider."""
        query = urlencode(self.request(**changed))
        return person.client.get(f"{self.path('authorize')}?{query}")

    def code(self, person: Place, **changed: str | None) -> str:
        """Sign in where nothing is asked any more; the code."""
        return str(answer_of(self.authorize(person, **changed))["code"])

    def post(self, endpoint: str, **fields: str | None) -> Any:
        """Call an endpoint as this app, with its secret in the body."""
        said: dict[str, str | None] = {"client_id": self.client_id}
        if self.secret:
            said["client_secret"] = self.secret
        said |= fields
        data = {name: value for name, value in said.items() if value is not None}
        return self.browser.post(self.path(endpoint), data)

    def redeem(self, code: str, **changed: str | None) -> Any:
        said: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }
        return self.post("token", **(said | changed))

    def tokens(self, person: Place, **changed: str | None) -> dict[str, Any]:
        """Sign in and redeem the code."""
        answer = self.redeem(self.code(person, **changed))
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def refresh(self, token: str) -> Any:
        return self.post("token", grant_type="refresh_token", refresh_token=token)

    def userinfo(self, token: str) -> Any:
        return self.browser.get(self.path("userinfo"), headers={"Authorization": f"Bearer {token}"})

    def is_alive(self, given: dict[str, Any]) -> list[bool]:
        """What each of the four places says about the tokens (O07)."""
        return [
            self.userinfo(given["access_token"]).status_code == 200,
            self.post("introspect", token=given["access_token"]).json()["active"],
            self.post("introspect", token=given["refresh_token"]).json()["active"],
            self.refresh(given["refresh_token"]).status_code == 200,
        ]


def answer_of(response: Any) -> dict[str, str]:
    """What the provider told the app by way of the browser."""
    assert response.status_code == 302, (response.status_code, response.content[:300])
    url = urlsplit(response["Location"])
    assert url._replace(query="").geturl() == CALLBACK, response["Location"]
    return {name: values[0] for name, values in parse_qs(url.query).items()}


def make_app(
    tenant: Tenant,
    *,
    name: str = "Project room",
    client_type: ClientType = ClientType.WEB,
    who_may_enter: WhoMayEnter = WhoMayEnter.EVERYBODY,
    callback: str = CALLBACK,
    goodbye: str = GOODBYE,
    **registered: Any,
) -> App:
    """A shared app of a tenant with one secret, if it keeps any."""
    with schema.in_tenant(tenant):
        admin = DirectoryEntry.objects.filter(role_assignments__role="administrator").first()
        client = register_app(
            registration=Registration(
                client_type=client_type,
                redirect_uris=(callback,),
                sign_out_uris=(goodbye,),
                **registered,
            ),
            by=admin,
            name=name,
            home_url=f"https://rooms.{tenant.slug}.example/",
            who_may_enter=who_may_enter,
        )
        secret = "" if client_type == ClientType.PUBLIC else add_secret(client, by=admin)
    return App(tenant, client, secret)


def onward(person: Place, answer: Any) -> Any:
    """Follow our own pages, also the one that sends on to another origin (C09), up to the app or
    a page that asks something."""
    while True:
        if answer.status_code in (302, 303) and answer["Location"].startswith("/"):
            answer = person.client.get(answer["Location"])
        elif answer.status_code == 200 and "Refresh" in answer:
            answer = person.client.get(answer["Refresh"].removeprefix("0; url="))
        else:
            return answer


def said_by(app: App, token: str) -> bool:
    """What introspection says; an app that is not shared any more may not even ask."""
    return bool(app.post("introspect", token=token).json().get("active"))


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


def refused(answer: Any, error: str = "invalid_grant") -> None:
    status = 401 if error == "invalid_client" else 400
    assert (answer.status_code, answer.json()["error"]) == (status, error)
