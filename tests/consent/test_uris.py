"""Addresses an app may come back to."""

import pytest

from consent.errors import UriError
from consent.uris import MOST_URIS, check_uri, parse_uris

GOOD = [
    "https://rooms.contoso.example/callback",
    "https://rooms.contoso.example/",
    "https://rooms.contoso.example:8443/cb?tenant=1&x=%20",
    "https://xn--bcher-kva.example/cb",
    "http://localhost:8001/contoso/callback",
    "http://127.0.0.1:3000/cb",
]
BAD = [
    "",
    "rooms.contoso.example/cb",
    "//rooms.contoso.example/cb",
    "http://rooms.contoso.example/cb",
    "HTTPS://rooms.contoso.example/cb",
    "https://Rooms.contoso.example/cb",
    "https://rooms.contoso.example",
    "https://rooms.contoso.example?x=/",
    "https://rooms.contoso.example/cb#",
    "https://rooms.contoso.example/cb#part",
    "https://*.contoso.example/cb",
    "https://rooms.contoso.example/*",
    "https://user@rooms.contoso.example/cb",
    "https://user:word@rooms.contoso.example/cb",
    "https://rooms.contoso.example\\@evil.example/cb",
    "https://rooms.contoso.example:0/cb",
    "https://rooms.contoso.example:70000/cb",
    "https://rooms.contoso.example:/cb",
    "https://93.184.216.34/cb",
    "https://[::1]/cb",
    "https://localhost/cb",
    "https://rooms.contoso.example/c b",
    "https://rooms.contoso.example/c\tb",
    "https://rooms.contoso.example/\u0430",
    "https://bücher.example/cb",
    "https://rooms.contoso.example/" + "x" * 2000,
    "http://localhost/cb",
    "http://localhost:99999/cb",
    "http://localhost:8000@evil.example/cb",
    "http://localhost.evil.example:80/cb",
    "http://127.0.0.1:80",
    "javascript:alert(1)",
    "data:text/html,x",
    "com.contoso.rooms:/cb",
]


@pytest.mark.parametrize("uri", GOOD)
def test_plain_https_or_ones_own_machine(uri: str) -> None:
    """O01: what is kept is what was typed, character by character."""
    assert check_uri(uri) == uri


@pytest.mark.parametrize("uri", BAD)
def test_everything_else_is_refused(uri: str) -> None:
    """O01, C07: no wildcards, fragments, user-info, other schemes, or hosts read in two ways."""
    with pytest.raises(UriError) as caught:
        check_uri(uri)
    assert str(caught.value) == uri


def test_a_list_is_one_on_each_line() -> None:
    text = f"\n {GOOD[0]} \r\n{GOOD[1]}\n{GOOD[0]}\n"
    assert parse_uris(text) == GOOD[:2]
    assert parse_uris(" \n") == []
    with pytest.raises(UriError, match="nowhere"):
        parse_uris(f"{GOOD[0]}\nnowhere\n")
    many = [f"https://rooms.contoso.example/{number}" for number in range(MOST_URIS + 1)]
    with pytest.raises(UriError) as caught:
        parse_uris(f"{GOOD[0]}\nnowhere\nnor here\nnowhere\n")
    assert caught.value.args == ("nowhere", "nor here")
    assert parse_uris("\n".join(many[:-1])) == many[:-1]
    with pytest.raises(UriError, match=f"/{MOST_URIS}$"):
        parse_uris("\n".join(many))
