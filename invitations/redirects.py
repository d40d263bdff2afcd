"""Where a guest may be sent: plain https at a registered origin, compared exactly (C07). Pure."""

import re
from urllib.parse import urlsplit

from invitations.errors import RedirectUrlError

LONGEST = 2000
# RFC 3986's characters without the ones that browsers read differently from servers.
PLAIN = re.compile(
    r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?"
)
HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))+")
# A person's own machine, where a developer tries an app (RFC 8252, 7.3): never anybody else's.
LOOPBACK = re.compile(
    r"http://(?:localhost|127\.0\.0\.1):[0-9]{1,5}(?:[/?][A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*)?"
)
LOOPBACK_PLACE = re.compile(r"http://[a-z0-9.]+:(?P<port>[0-9]{1,5})")
LOOPBACKS = ("http://localhost:", "http://127.0.0.1:")
HIGHEST_PORT = 65535
HTTPS_PORT = 443


def origin_of(url: str) -> str:
    """`https://host[:port]` of a plain https URL; raises `RedirectUrlError` for anything else.

    Refused: other schemes, user-info, backslashes, control characters, blanks, scheme-relative
    forms, upper-case or international host names not in `xn--` form, IP literals, bad ports.
    """
    if len(url) > LONGEST or not PLAIN.fullmatch(url):
        raise RedirectUrlError(url[:80])
    parts = urlsplit(url)
    host, _, port = parts.netloc.partition(":")
    if not HOST.fullmatch(host) or host.rpartition(".")[2].isdigit() or port.startswith("0"):
        raise RedirectUrlError(url[:80])
    if port and int(port) > HIGHEST_PORT:
        raise RedirectUrlError(url[:80])
    return f"https://{host}" if not port or int(port) == HTTPS_PORT else f"https://{host}:{port}"


def app_origin_of(url: str) -> str:
    """Like `origin_of`, for the address of an app: also plain http on the person's own machine."""
    if not url.startswith(LOOPBACKS):
        return origin_of(url)
    if len(url) > LONGEST or not LOOPBACK.fullmatch(url):
        raise RedirectUrlError(url[:80])
    place = LOOPBACK_PLACE.match(url)
    if place is None or not 0 < int(place["port"]) <= HIGHEST_PORT:
        raise RedirectUrlError(url[:80])
    return place[0]


def check_redirect(url: str, *, origins: frozenset[str]) -> str:
    """The URL itself when its origin is one of `origins`; `RedirectUrlError` otherwise."""
    if app_origin_of(url) not in origins:
        raise RedirectUrlError(url[:80])
    return url


def host_of(url: str) -> str:
    """The host a person reads; empty for no URL."""
    return urlsplit(url).netloc
