"""From an answer to the app, with what is still outstanding in between."""

import hashlib
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from consent.gate import outstanding
from invitations.models import DirectoryEntry, SharedApp
from tenants import schema
from tenants.csp import add_sources

SALT = "foyer.destination"
LIFETIME_SECONDS = 3600
# What was done about a request to sign in at an app, written into its own address.
MARK = "foyer_done"
DONE = "foyer.prompt-done"
DONE_SECONDS = 600


@dataclass(frozen=True)
class Destination:
    """Where somebody was going before we asked them something."""

    path: str
    # The origin at which the way ends, when that is not ours.
    origin: str = ""
    # The app wants Review permissions shown again, whether it is outstanding or not.
    asks_again: bool = False
    # The app whose direct link this is: the addresses on the way, which strangers can read, say
    # nothing of where it is or whether it is (N01).
    opens: str = ""
    is_known: bool = True

    @classmethod
    def at(cls, url: str) -> "Destination":
        """A page of ours, or an address outside that is its own origin."""
        parts = urlsplit(url)
        return cls(url, f"{parts.scheme}://{parts.netloc}" if parts.netloc else "")

    @property
    def outside(self) -> str:
        """The origin at which the way ends, empty when that is ours."""
        if not self.opens:
            return self.origin
        app = SharedApp.objects.filter(pk=self.opens)
        return app.values_list("home_origin", flat=True).first() or ""

    @property
    def query(self) -> str:
        """`to=…` for the pages on the way; sealed for this tenant. Empty without destination."""
        if not self.is_known:
            return ""
        said = [schema.current_schema(), self.path, self.origin, self.asks_again, self.opens]
        return urlencode({"to": signing.dumps(said, salt=SALT, compress=True)})

    def by_way_of(self, name: str) -> str:
        """The path of a page of this tenant that leads on to here."""
        path = schema.tenant_path(schema.current_tenant(), name)
        return f"{path}?{self.query}" if self.query else path

    @property
    def is_sign_in(self) -> bool:
        """Whether an app asked for it."""
        path = schema.tenant_path(schema.current_tenant(), "consent:authorize")
        return urlsplit(self.path).path == path

    @property
    def refusal(self) -> str:
        """The path that tells an app that its person said no; empty when nobody asked for it."""
        return with_mark(self, {"declined": True}).path if self.is_sign_in else ""

    @property
    def app_name(self) -> str:
        """What the app is called that asked to sign in; empty when none did."""
        if not self.is_sign_in:
            return ""
        client = dict(parse_qsl(urlsplit(self.path).query))["client_id"]
        app = SharedApp.objects.filter(client__pk=client)
        return app.values_list("name", flat=True).first() or ""


def asked_of(data: Any) -> str:
    """A request to sign in without our mark, in one form."""
    return urlencode([(name, value) for name, value in data if name != MARK])


def _digest(asked: str) -> str:
    return hashlib.sha256(asked.encode()).hexdigest()


def with_mark(destination: Destination, done: dict[str, Any]) -> Destination:
    """The same request to sign in, with what was done about it, for this very request only."""
    asked = urlsplit(destination.path)
    query = asked_of(parse_qsl(asked.query, keep_blank_values=True))
    mark = signing.dumps(done | {"asked": _digest(query)}, salt=DONE, compress=True)
    return replace(destination, path=f"{asked.path}?{query}&{urlencode({MARK: mark})}")


def done_about(asked: str, mark: str) -> dict[str, Any]:
    """What the mark says was done about this request; nothing when it was made for another."""
    try:
        said: dict[str, Any] = signing.loads(mark, salt=DONE, max_age=DONE_SECONDS)
    except signing.BadSignature:
        return {}
    return said if said.pop("asked", None) == _digest(asked) else {}


def destination_from(request: HttpRequest) -> Destination:
    """Where the person was going; the directory's entrance when nobody says.

    Only what we sealed for this tenant is believed (C07).
    """
    fallback = Destination(
        schema.tenant_path(schema.current_tenant(), "consent:enter"), is_known=False
    )
    try:
        schema_name, path, origin, asks, opens = signing.loads(
            request.GET.get("to", ""), salt=SALT, max_age=LIFETIME_SECONDS
        )
    except (signing.BadSignature, ValueError):
        return fallback
    known = Destination(str(path), str(origin), bool(asks), str(opens))
    return known if schema_name == schema.current_schema() else fallback


def go_on(entry: DirectoryEntry, destination: Destination) -> HttpResponse:
    """To the destination, or first to what this person has to answer."""
    left = outstanding(entry)
    path = destination.path
    if left:
        page = "consent:again" if left.statement else "consent:accept_terms"
        path = destination.by_way_of(page)
    return HttpResponseRedirect(path, status=HTTPStatus.SEE_OTHER)


def ends_at(response: HttpResponse, destination: Destination) -> HttpResponse:
    """Let this page's answer be followed to the app it ends at (C09)."""
    if origin := destination.outside:
        add_sources(response, {"form-action": [origin]})
    return response
