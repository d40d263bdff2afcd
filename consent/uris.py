"""Addresses that an app registers to come back to: compared exactly, so written exactly. Pure."""

from collections.abc import Mapping
from urllib.parse import urlencode

from consent.errors import UriError
from invitations.errors import RedirectUrlError
from invitations.redirects import app_origin_of

MOST_URIS = 20


def check_uri(uri: str) -> str:
    """The URI itself when an app may come back to it; raises `UriError` with the URI otherwise.

    https, or plain http on the person's own machine (RFC 8252, 7.3). No fragment (RFC 6749,
    3.1.2), no wildcard (RFC 9700, 4.1), and a path, so that there is one way to write it.
    """
    try:
        origin = app_origin_of(uri)
    except RedirectUrlError as error:
        raise UriError(uri) from error
    if "#" in uri or "*" in uri or not uri.removeprefix(origin).startswith("/"):
        raise UriError(uri)
    return uri


def with_params(uri: str, params: Mapping[str, str], *, in_fragment: bool = False) -> str:
    """A registered URI and more in its query, or in the fragment it never has; its own query stays
    as it is written (RFC 6749, 3.1.2)."""
    if in_fragment:
        return f"{uri}#{urlencode(params)}"
    path, _, query = uri.partition("?")
    return f"{path}?{query}{'&' if query else ''}{urlencode(params)}"


def parse_uris(text: str) -> list[str]:
    """One on each line; raises `UriError` naming every one that cannot be used."""
    uris = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if len(uris) > MOST_URIS:
        raise UriError(uris[MOST_URIS])
    if unfit := [uri for uri in uris if not _is_fit(uri)]:
        raise UriError(*unfit)
    return uris


def _is_fit(uri: str) -> bool:
    try:
        check_uri(uri)
    except UriError:
        return False
    return True
