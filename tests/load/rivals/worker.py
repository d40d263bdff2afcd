"""One contender in a process of its own: `python -m tests.load.rivals.worker MODULE`.

Reads a number of flows a line, and answers with a line of JSON: the milliseconds of every step.
The number 0 asks for what one flow costs the database instead.
"""

import base64
import hashlib
import importlib
import io
import json
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

import django
import psycopg
from django.core.wsgi import get_wsgi_application

from tests.load.rivals.contender import CALLBACK, Contender

STEPS = ("authorize", "token", "userinfo", "refresh")
WARM_UP = 3
# A step's name and what to do in it.
Measure = Callable[[str, Callable[[], "Answer"]], "Answer"]


class Answer:
    """What came back over WSGI."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = int(status[:3]), dict(headers), body

    def json(self) -> dict[str, Any]:
        assert self.status == 200, (self.status, self.body[:500])
        return dict(json.loads(self.body))


def environ(path: str, query: str = "", form: dict[str, str] | None = None, **said: str) -> Any:
    """What a web server passes on."""
    body = urlencode(form or {}).encode()
    return {
        "REQUEST_METHOD": "POST" if form else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if form else "",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": os.environ["FOYER_HOST"],
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": os.environ["FOYER_HOST"],
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        **said,
    }


class Flow:
    """An app signs somebody in again and again."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.handler = get_wsgi_application()

    def send(self, path: str, **asked: Any) -> Callable[[], Answer]:
        """A request that is ready to be timed."""
        ready = environ(path, **asked)

        def send_it() -> Answer:
            started: list[Any] = []
            response: Any = self.handler(ready, lambda *args: started.extend(args))
            body = b"".join(response)
            response.close()  # the end of the request: Django puts its connection back
            return Answer(started[0], started[1], body)

        return send_it

    def call_token(self, **form: str) -> Callable[[], Answer]:
        by = {"client_id": self.contender.client_id, "client_secret": self.contender.secret}
        return self.send(self.contender.token, form=form | by)

    def run(self, measure: Measure) -> dict[str, Any]:
        """Once through the hot path; the answer of the refresh."""
        verifier = secrets.token_urlsafe(48)
        hashed = hashlib.sha256(verifier.encode()).digest()
        request = {
            "client_id": self.contender.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": self.contender.scope,
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        asked = {"query": urlencode(request), "HTTP_COOKIE": self.contender.cookie}
        answer = measure("authorize", self.send(self.contender.authorize, **asked))
        assert answer.status == 302, (answer.status, answer.body[:500])
        target = answer.headers["Location"]
        assert target.startswith(f"{CALLBACK}?"), target
        told = parse_qs(urlsplit(target).query)
        assert told["state"] == [request["state"]], target
        code = {"code": told["code"][0], "redirect_uri": CALLBACK, "code_verifier": verifier}
        redeem = self.call_token(grant_type="authorization_code", **code)
        given = measure("token", redeem).json()
        assert header_of(given["id_token"])["alg"] == "RS256"
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {given['access_token']}"}
        person = measure("userinfo", self.send(self.contender.userinfo, **bearer)).json()
        assert person["email"] == "gita@northwind.example", person
        old = given["refresh_token"]
        refresh = self.call_token(grant_type="refresh_token", refresh_token=old)
        renewed = measure("refresh", refresh).json()
        assert renewed["refresh_token"] != old
        return renewed


def header_of(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def timed(flow: Flow, flows: int) -> dict[str, list[float]]:
    """The milliseconds of every step in a number of flows."""
    times: dict[str, list[float]] = {name: [] for name in STEPS}

    def measure(name: str, send: Callable[[], Answer]) -> Answer:
        start = time.perf_counter()
        answer = send()
        times[name].append((time.perf_counter() - start) * 1000)
        return answer

    for _ in range(flows):
        flow.run(measure)
    return times


@contextmanager
def every_statement(seen: list[str]) -> Iterator[None]:
    """Below Django, so that nothing is left out but BEGIN and COMMIT."""
    execute: Any = psycopg.Cursor.execute

    def counting(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(str(query))
        return execute(cursor, query, *args, **kwargs)

    with patch.object(psycopg.Cursor, "execute", counting):
        yield


def counted(flow: Flow) -> dict[str, Any]:
    """By step: statements, how many of them only set where to look, transactions that wrote."""
    costs: dict[str, Any] = {}

    def measure(name: str, send: Callable[[], Answer]) -> Answer:
        seen: list[str] = []
        before = numbers_taken()
        with every_statement(seen):
            answer = send()
        kinds = Counter("search" if "search_path" in sql else "sql" for sql in seen)
        costs[name] = {**kinds, "writing": numbers_taken() - before}
        return answer

    renewed = flow.run(measure)
    return costs | {"signs_at_refresh": "id_token" in renewed}


def numbers_taken() -> int:
    """PostgreSQL gives a number to every transaction that writes, and to no other."""
    with psycopg.connect(autocommit=True) as connection:
        row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    assert row
    return int(row[0])


def main() -> None:
    django.setup()
    contender: Contender = importlib.import_module(sys.argv[1]).prepare()
    flow = Flow(contender)
    timed(flow, WARM_UP)
    for line in sys.stdin:
        flows = int(line)
        sys.stdout.write(json.dumps(timed(flow, flows) if flows else counted(flow)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
