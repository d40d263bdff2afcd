"""A whole Foyer as `make run` starts it, a mail server, and Debian's Chromium."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from config import processes
from tests.smtp import Received, SmtpSink

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser the tests say so, and CI fails."""
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None and os.environ.get("CI") != "true":
                item.add_marker(pytest.mark.skip(reason="Debian's chromium is not installed"))


@dataclass
class Foyer:
    """A running installation: its address, its mail server, what it wrote."""

    origin: str
    smtp: SmtpSink
    lines: list[str] = field(default_factory=list)
    cookies: dict[str, Any] = field(default_factory=dict)

    @property
    def room(self) -> str:
        """Where the demonstration's app answers."""
        address, _, port = self.origin.rpartition(":")
        return f"{address}:{int(port) + 1}"

    def mail_to(self, address: str, about: str = "", within: float = 20) -> Received:
        """The newest mail to an address, waited for."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for mail in reversed(self.smtp.mails):
                if address in mail.recipients and about in str(mail.message["Subject"]):
                    return mail
            time.sleep(0.1)
        raise AssertionError(f"no mail to {address}: {self.lines[-20:]}")

    def forget_mail(self) -> None:
        self.smtp.mails.clear()


def two_free_ports() -> int:
    """The first of two: the demonstration's app answers at the second."""
    while processes.is_port_taken((port := processes.free_port()) + 1):
        continue
    return port


def run_foyer(
    smtp: SmtpSink | None, *arguments: str, settings: Mapping[str, str] | None = None
) -> Iterator[Foyer]:
    """Start it as a person would, wait until it says that it is ready, end it.

    `settings` are variables of the environment.
    """
    data = Path(tempfile.mkdtemp(prefix="foyer-browser-"))
    data.chmod(0o711)  # PostgreSQL's user, when that is not us, gets to its own folder in there
    port = two_free_ports()
    ours = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "FOYER_ORIGIN", "EMAIL_URL")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env |= {"PORT": str(port), "FOYER_DATA": str(data), **(settings or {})}
    if smtp:
        env["EMAIL_URL"] = f"smtp://{smtp.host}:{smtp.port}"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "config.serve", *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    foyer = Foyer(f"http://localhost:{port}", smtp or SmtpSink())
    ready = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            foyer.lines.append(line.rstrip())
            if line.startswith("Ctrl-C ends it"):
                ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(60), "\n".join(foyer.lines)
        yield foyer
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(15)
        reader.join(5)
        if process.stdout:
            process.stdout.close()
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def foyer() -> Iterator[Foyer]:
    """With the demonstration's cast, mailing to a real SMTP server."""
    with SmtpSink() as smtp:
        yield from run_foyer(smtp, "--demo")


@pytest.fixture(scope="session")
def empty_foyer() -> Iterator[Foyer]:
    """An empty installation without a mail server: its mailbox page is open."""
    yield from run_foyer(None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    assert CHROMIUM, "no chromium: `make test` installs it where it may"
    # Playwright keeps an event loop in this thread; other tests of this worker use the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[NewPage]:
    """A page of a browser of its own; landing pages outside are stood in for."""
    contexts: list[BrowserContext] = []

    def make(*, width: int = 1280, scheme: Any = "light", script: bool = True) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
            locale="en-GB",
            # Colours change at once: axe and the camera must not meet them half-way.
            reduced_motion="reduce",
        )
        # Generous: the machine may be busy, and nothing here measures time.
        context.set_default_timeout(20_000)
        contexts.append(context)
        context.route(
            re.compile(r"https://rooms\.\w+\.example/"),
            lambda route: route.fulfill(body="<title>Project room</title><h1>Project room</h1>"),
        )
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
