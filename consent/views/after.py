"""From an answer to the app, with what is still outstanding in between."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from consent.gate import outstanding
from invitations.models import DirectoryEntry
from tenants import schema
from tenants.csp import add_sources

SALT = "foyer.destination"
LIFETIME_SECONDS = 3600


@dataclass(frozen=True)
class Destination:
    """Where somebody was going before we asked them something."""

    path: str
    # The origin at which the way ends, when that is not ours.
    origin: str = ""
    # The app wants Review permissions shown again, whether it is outstanding or not.
    asks_again: bool = False
    is_known: bool = True

    @classmethod
    def at(cls, url: str) -> "Destination":
        """A page of ours, or an address outside that is its own origin."""
        parts = urlsplit(url)
        return cls(url, f"{parts.scheme}://{parts.netloc}" if parts.netloc else "")

    @property
    def query(self) -> str:
        """`to=…` for the pages on the way; sealed for this tenant. Empty without destination."""
        if not self.is_known:
            return ""
        said = [schema.current_schema(), self.path, self.origin, self.asks_again]
        return urlencode({"to": signing.dumps(said, salt=SALT)})

    def by_way_of(self, name: str) -> str:
        """The path of a page of this tenant that leads on to here."""
        path = schema.tenant_path(schema.current_tenant(), name)
        return f"{path}?{self.query}" if self.query else path


def destination_from(request: HttpRequest) -> Destination:
    """Where the person was going; the directory's entrance when nobody says.

    Only what we sealed for this tenant is believed (C07).
    """
    fallback = Destination(
        schema.tenant_path(schema.current_tenant(), "consent:enter"), is_known=False
    )
    try:
        schema_name, path, origin, asks = signing.loads(
            request.GET.get("to", ""), salt=SALT, max_age=LIFETIME_SECONDS
        )
    except (signing.BadSignature, ValueError):
        return fallback
    known = Destination(str(path), str(origin), bool(asks))
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
    if destination.origin:
        add_sources(response, {"form-action": [destination.origin]})
    return response
