"""Requests in charsets that nobody speaks."""

import io
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings

from config.wsgi import application

FORM = "application/x-www-form-urlencoded"
PARTS = b'--B\r\nContent-Disposition: form-data; name="q"\r\n\r\n\xc3\xa9\r\n--B--\r\n'


def ask(content_type: str, body: bytes = b"", query: str = "q=%C3%A9") -> int:
    """As gunicorn asks; the status."""
    environ: dict[str, Any] = {
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": settings.FOYER_HOST,
        "PATH_INFO": "/about/" if not body else "/language/",
        "QUERY_STRING": query,
        "REQUEST_METHOD": "POST" if body else "GET",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "https",
    }
    setup_testing_defaults(environ)
    said: list[str] = []

    def start(status: str, *_headers: Any) -> Any:
        said.append(status)

    answer: Any = application(environ, start)
    list(answer)
    answer.close()
    return int(said[0].split()[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "charset", ["utf-8", "UTF8", "latin-1", "rot13", "hex", "idna", "undefined", "punycode", "nil"]
)
def test_a_charset_that_reads_no_text_breaks_nothing(charset: str) -> None:
    """C08, “a 500 is always a defect”: also before there is a request to answer."""
    assert ask(f"text/plain; charset={charset}") == 200
    assert ask(f"text/plain; charset*=utf-8''{charset}") == 200
    # Without a token of ours they are refused; what matters is that they are read.
    assert ask(f"multipart/form-data; boundary=B; charset={charset}", PARTS) == 403
    assert ask(f"{FORM}; charset={charset}", b"q=%C3%A9") in (400, 403)


@pytest.mark.django_db
def test_too_many_fields_in_an_address_are_refused() -> None:
    """I02's rule for addresses: 400, also where the charset makes Django read them early."""
    many = "a=&" * 1001
    assert ask("text/plain", query=many) == ask("text/plain; charset=utf-8", query=many)
