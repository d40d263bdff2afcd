"""Foyer at a port of its own, and the programs that sign people in there."""

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.test.testcases import QuietWSGIRequestHandler

from config import processes
from consent import keys
from consent.review import agree
from invitations.tickets import Ticket
from tenants import schema
from tenants.models import Account
from tests import npm
from tests.apps import App, make_app
from tests.browserless import list_session, prove_again
from tests.conftest import Race

HERE = Path(__file__).resolve().parent
GUEST = "gast@northwind.example"
SECONDS = 30
APACHE = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
APACHE_MODULES = Path("/usr/lib/apache2/modules")


@dataclass
class Live:
    """A Foyer that answers over HTTP, with a tenant and a guest who is signed in."""

    origin: str
    race: Race
    guest: Account
    cookie: tuple[str, str]

    @property
    def issuer(self) -> str:
        return f"{self.origin}/o/{self.race.tenant.slug}"

    def discovered(self) -> dict[str, Any]:
        """What the provider says of itself."""
        url = f"{self.issuer}/.well-known/openid-configuration"
        return dict(requests.get(url, timeout=SECONDS).json())

    def app(self, **registered: Any) -> App:
        return make_app(self.race.tenant, **registered)

    @contextmanager
    def browser(self) -> Iterator[requests.Session]:
        """The guest's browser."""
        with requests.Session() as session:
            name, value = self.cookie
            session.cookies.set(name, value, domain="127.0.0.1", path="/")
            yield session


@contextmanager
def serving(server: ThreadedWSGIServer) -> Iterator[None]:
    """Answer in a thread. Django closes a thread's database connection with its last request."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(SECONDS)
        server.server_close()


@pytest.fixture
def live(race: Race, settings: Any) -> Iterator[Live]:
    """Not at “localhost”, which some programs look for at ::1 only."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    settings.FOYER_ORIGIN = f"http://127.0.0.1:{server.server_port}"
    settings.FOYER_HOST = "127.0.0.1"
    settings.ALLOWED_HOSTS = [settings.FOYER_HOST]
    settings.CSRF_TRUSTED_ORIGINS = [settings.FOYER_ORIGIN]
    server.set_app(get_wsgi_application())
    # The tenant of the test before had the same name and other keys.
    keys._active.clear()
    guest, invitation = race.account(GUEST), race.invitation(GUEST)
    with schema.in_tenant(race.tenant):
        ticket = Ticket(invitation.pk, invitation.serial)
        agree(ticket=ticket, account=guest, shown_version=0)
    browser = Client()
    browser.force_login(guest, backend="allauth.account.auth_backends.AuthenticationBackend")
    list_session(browser, guest)
    prove_again(browser)
    name = settings.SESSION_COOKIE_NAME
    with serving(server):
        yield Live(settings.FOYER_ORIGIN, race, guest, (name, browser.cookies[name].value))
    # Its row is really there.
    browser.logout()


@pytest.fixture(scope="session")
def npm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clients from npm are installed, exactly as locked."""
    return npm.install(HERE / "npm", tmp_path_factory.mktemp("clients") / "npm")


def _answers(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Apache:
    """A web server whose folder `/inside` is for a guest who signs in at Foyer."""

    origin: str
    app: App


@pytest.fixture
def apache(live: Live) -> Iterator[Apache]:
    """Debian's mod_auth_openidc, registered at the tenant."""
    is_there = APACHE is not None and (APACHE_MODULES / "mod_auth_openidc.so").exists()
    npm.needs(is_there, "Debian's libapache2-mod-auth-openidc")
    port = processes.free_port()
    origin = f"http://localhost:{port}"
    app = live.app(callback=f"{origin}/inside/back", goodbye=f"{origin}/goodbye.html")
    folder = Path(tempfile.mkdtemp(prefix="foyer-apache-"))
    folder.chmod(0o711)  # Apache's own user gets to its pages in there
    for name in ("inside/index.html", "inside/others/index.html", "goodbye.html"):
        page = folder / "pages" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(name, encoding="utf-8")
    told = {
        "FOLDER": str(folder),
        "MODULES": str(APACHE_MODULES),
        "PORT": str(port),
        "ISSUER": live.issuer,
        "CLIENT_ID": app.client_id,
        "CLIENT_SECRET": app.secret,
        "GUEST": GUEST,
    }
    log = folder / "error.log"
    process = processes.start(
        [str(APACHE), "-DFOREGROUND", "-f", str(HERE / "apache2.conf")], env=os.environ | told
    )
    try:
        deadline = time.monotonic() + SECONDS
        while not _answers(port):
            assert process.poll() is None, log.read_text() if log.exists() else "see its output"
            assert time.monotonic() < deadline, "Apache does not answer"
            time.sleep(0.05)
        yield Apache(origin, app)
    finally:
        process.terminate()
        process.wait(SECONDS)
        print(log.read_text() if log.exists() else "")  # noqa: T201  # pytest shows it when the test fails
        shutil.rmtree(folder, ignore_errors=True)
