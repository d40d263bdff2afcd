"""The sample app as a process of its own, signing a guest in at a Foyer that answers over HTTP."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from config import processes, serve
from consent import sample_app
from consent.leaving import leave
from invitations.models import DirectoryEntry
from invitations.services.apps import assign
from tenants import schema
from tests.clients.conftest import GUEST, SECONDS, Live
from tests.clients.test_clients import sign_out
from tests.openid_provider import OpenIDProvider

pytestmark = pytest.mark.xdist_group("clients")

CSRF = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
NOWHERE = sample_app.Room("gone", "Gone", "http://127.0.0.1:9/o/gone", "a", "b")


@contextmanager
def running(told: Sequence[sample_app.Room], folder: Path, port: int) -> Iterator[str]:
    """The app with these rooms, as `make demo` starts it; its origin."""
    origin = f"http://localhost:{port}"
    sample_app.keep(told, origin=origin)
    process = processes.start(
        serve.room_program(port), env=os.environ | {"FOYER_DATA": str(folder)}
    )
    page, deadline = serve.Page(port, f"localhost:{port}", "/"), time.monotonic() + SECONDS
    try:
        while not serve.is_ready(page):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield origin
    finally:
        processes.stop(process)


@dataclass
class Room:
    """The app at one tenant, and the guest it was given to."""

    home: str
    issuer: str
    entry: DirectoryEntry

    def back(self, browser: requests.Session, **told: str) -> requests.Response:
        """Come back from the provider with these parameters."""
        return browser.get(f"{self.home}callback", params=told, timeout=SECONDS)


@pytest.fixture
def room(live: Live, settings: Any, tmp_path: Path) -> Iterator[Room]:
    """Registered, told its secret, and started as `make demo` does."""
    settings.FOYER_DATA = tmp_path
    port = processes.free_port()
    origin = f"http://localhost:{port}"
    with schema.in_tenant(live.race.tenant):
        client = sample_app.register(origin=origin, by=None)
        entry = DirectoryEntry.objects.get(address=GUEST)
        assign(client.app, to=entry, by=None)
        told = sample_app.describe(client, secrets={}, by=None)
    with running([told, NOWHERE], tmp_path, port):
        yield Room(f"{origin}/{told.slug}/", live.issuer, entry)


def test_a_guest_signs_in_without_a_page_and_out_again(live: Live, room: Room) -> None:
    """By the book: discovery, PKCE, state, nonce, `iss`; then RP-initiated sign-out (O09)."""
    with live.browser() as browser:
        page = browser.get(room.home, timeout=SECONDS)
        assert page.status_code == 200
        assert page.url == room.home
        asked = parse_qs(urlsplit(page.history[1].url).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert {"state", "nonce", "code_challenge"} <= set(asked)
        assert GUEST in page.text
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert "no-store" in page.headers["Cache-Control"]
        assert not browser.get(room.home, timeout=SECONDS).history

        token = CSRF.search(page.text)
        assert token
        leaving = browser.post(
            f"{room.home}sign-out",
            data={"csrfmiddlewaretoken": token[1]},
            allow_redirects=False,
            timeout=SECONDS,
        )
        goodbye = sign_out(browser, leaving.headers["Location"])
        assert "You are signed out" in browser.get(goodbye, timeout=SECONDS).text
        again = browser.get(room.home, timeout=SECONDS)
        assert urlsplit(again.url).path == f"/o/{live.race.tenant.slug}/enter/"


def test_whoever_leaves_is_out_at_the_next_page(live: Live, room: Room) -> None:
    """O07: the app asks Foyer for every page, and Foyer shows the door."""
    with live.browser() as browser:
        assert browser.get(room.home, timeout=SECONDS).url == room.home
        with schema.in_tenant(live.race.tenant):
            leave(entry=room.entry, account=live.guest)
        answer = browser.get(room.home, timeout=SECONDS)
        assert answer.status_code == 403
        assert urlsplit(answer.url).path == f"/o/{live.race.tenant.slug}/enter/"


def test_what_goes_wrong_is_said_on_a_page(live: Live, room: Room) -> None:
    """Another provider's answer (RFC 9207), a stranger's code, a refusal, a provider that is away:
    never a 500."""
    with live.browser() as browser:
        started = browser.get(room.home, allow_redirects=False, timeout=SECONDS)
        state = parse_qs(urlsplit(started.headers["Location"]).query)["state"][0]
        for status, told in (
            (400, {}),
            (400, {"code": "x", "state": state}),
            (400, {"code": "x", "state": state, "iss": "https://evil.example"}),
            (400, {"code": "x", "state": "another", "iss": room.issuer}),
            (403, {"error": "access_denied", "state": state, "iss": room.issuer}),
            (502, {"error": "invalid_scope", "state": state, "iss": room.issuer}),
            (502, {"code": "forged", "state": state, "iss": room.issuer}),
        ):
            answer = room.back(browser, **told)
            assert (answer.status_code, "Try again" in answer.text) == (status, True), told
        home = room.home.removesuffix(f"{live.race.tenant.slug}/")
        for status, path in ((502, "gone/"), (404, "nobody/"), (404, "x")):
            assert browser.get(home + path, timeout=SECONDS).status_code == status
        assert browser.post(f"{room.home}sign-out", timeout=SECONDS).status_code == 403
        strange = browser.get(home, headers={"Host": "evil.example"}, timeout=SECONDS)
        assert strange.status_code == 400


def test_sign_ins_nobody_finished_do_not_fill_the_cookie(live: Live, room: Room) -> None:
    """A browser drops a cookie of more than 4096 bytes, and the state with it."""
    with live.browser() as browser:
        for _ in range(12):
            browser.get(room.home, allow_redirects=False, timeout=SECONDS)
        kept = next(each for each in browser.cookies if each.name == "project-room-session")
        assert kept.value
        assert len(kept.value) < 3000
        assert browser.get(room.home, timeout=SECONDS).url == room.home


def test_what_is_said_of_somebody_else_is_not_believed(settings: Any, tmp_path: Path) -> None:
    """Core, 5.3.2: user information must be about whom the ID token named."""
    settings.FOYER_DATA = tmp_path
    claims = {"sub": "one", "name": "One", "email": GUEST}
    with OpenIDProvider(claims=claims) as provider, requests.Session() as browser:
        told = sample_app.Room(
            "woodgrove", "Woodgrove", provider.issuer, provider.client_id, provider.secret
        )
        with running([told], tmp_path, processes.free_port()) as origin:
            home = f"{origin}/woodgrove/"
            asked = browser.get(home, allow_redirects=False, timeout=SECONDS)
            answer = provider.approve(asked.headers["Location"])
            assert browser.get(answer, timeout=SECONDS).url == home
            assert browser.get(home, timeout=SECONDS).status_code == 200
            provider.userinfo = {"sub": "another", "name": "Another"}
            page = browser.get(home, timeout=SECONDS)
            assert (page.status_code, "Another" in page.text) == (502, False)
