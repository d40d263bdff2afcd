import pytest

from invitations.errors import RedirectUrlError
from invitations.redirects import check_redirect, origin_of

ORIGINS = frozenset({"https://rooms.contoso.example", "https://apps.contoso.example:8443"})
GOOD = [
    "https://rooms.contoso.example",
    "https://rooms.contoso.example/",
    "https://rooms.contoso.example:443/",
    "https://rooms.contoso.example/a/b?c=d&e=%20f#g",
    "https://rooms.contoso.example?x=1",
    "https://apps.contoso.example:8443/start",
]
BAD = [
    "",
    " ",
    "/",
    "//rooms.contoso.example/",
    "///rooms.contoso.example/",
    "http://rooms.contoso.example/",
    "HTTPS://rooms.contoso.example/",
    "hTTps://rooms.contoso.example/",
    "https:rooms.contoso.example",
    "https:/rooms.contoso.example",
    "https:///rooms.contoso.example",
    "https:\\\\rooms.contoso.example",
    "https://rooms.contoso.example\\@evil.example/",
    "https://rooms.contoso.example@evil.example/",
    "https://user@rooms.contoso.example/",
    "https://user:pass@rooms.contoso.example/",
    "https://evil.example/https://rooms.contoso.example",
    "https://evil.example",
    "https://rooms.contoso.example.evil.example/",
    "https://evilrooms.contoso.example/",
    "https://contoso.example/",
    "https://sub.rooms.contoso.example/",
    "https://rooms.contoso.example./",
    "https://.rooms.contoso.example/",
    "https://ROOMS.contoso.example/",
    "https://rooms.contoso.example:80/",
    "https://rooms.contoso.example:8443/",
    "https://rooms.contoso.example:0443/",
    "https://rooms.contoso.example:99999/",
    "https://rooms.contoso.example:/",
    "https://rooms.contoso.example:4a/",
    "https://rooms.contoso.example /",
    " https://rooms.contoso.example/",
    "https://rooms.contoso.example/\n",
    "https://rooms.contoso.example/\r\nX: y",
    "https://rooms.contoso.example/\t",
    "https://rooms.contoso.example/\0",
    "https://rooms.contoso.example/ü",
    "https://rooms.contoso.example/<script>",
    'https://rooms.contoso.example/"onload=',
    "https://rooms.contoso.example/\\",
    "https://rooms.contoso.example/`x`",
    "https://rооms.contoso.example/",
    "https://rooms。contoso.example/",
    "https://rooms.contoso.example%2eevil.example/",
    "https://rooms%00.contoso.example/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://localhost/",
    "javascript:alert(1)",
    "javascript://rooms.contoso.example/%0aalert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://rooms.contoso.example/",
    "blob:https://rooms.contoso.example/x",
    "https://-rooms.contoso.example/",
    "https://rooms-.contoso.example/",
    "https://rooms..contoso.example/",
    "https://rooms.contoso.example/" + "a" * 2000,
    "https:// rooms.contoso.example/",
    "https://*.contoso.example/",
]


@pytest.mark.parametrize("url", GOOD)
def test_a_url_at_a_registered_origin_passes_as_it_is(url: str) -> None:
    assert check_redirect(url, origins=ORIGINS) == url


@pytest.mark.parametrize("url", BAD)
def test_any_other_url_is_refused(url: str) -> None:
    """C07: the 60-URL corpus: https, compared exactly, nothing that browsers read differently."""
    with pytest.raises(RedirectUrlError):
        check_redirect(url, origins=ORIGINS)


def test_the_default_port_is_no_other_origin() -> None:
    assert origin_of("https://a.example:443/x") == origin_of("https://a.example/y")
