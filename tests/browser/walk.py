"""What people do in the browser, step by step."""

import itertools
import json
import re
import time
from functools import cache
from pathlib import Path
from typing import Any, Literal

import axe_core_python
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page

from tests.browser.conftest import Foyer
from tests.smtp import Received

CODE = re.compile(r"^\s+([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", re.MULTILINE)
LINK = re.compile(r"http://localhost:\d+/o/[\w-]+/redeem/[\w-]+")
SCREENSHOTS = Path("test-results")


@cache
def axe_source() -> str:
    folder = Path(axe_core_python.__file__).parent
    return next(folder.rglob("axe.min.js")).read_text()


OFF = {"enabled": False}


def violations(page: Page, without: tuple[str, ...] = ()) -> list[str]:
    """What axe finds on the page as it is, as short lines; `without` names rules to leave out."""
    page.evaluate(axe_source())
    options = json.dumps({"resultTypes": ["violations"], "rules": dict.fromkeys(without, OFF)})
    found: dict[str, Any] = page.evaluate(f"axe.run(document, {options})")
    return [
        f"{page.url} {each['id']}: {json.dumps([node['target'] for node in each['nodes']])}"
        for each in found["violations"]
    ]


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LOOKS = list(itertools.product((390, 1280), SCHEMES))


def look_around(page: Page, name: str) -> None:
    """The page as it is, at both widths and in both schemes: axe finds nothing in any."""
    found = []
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        photograph(page, f"{name}-{width}-{scheme}")
        found += violations(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    assert not found, "\n".join(found)


def photograph(page: Page, name: str) -> None:
    """Keep a picture for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def code_of(mail: Received) -> str:
    found = CODE.search(mail.part("plain"))
    assert found, mail.part("plain")
    return found[1]


def link_of(mail: Received) -> str:
    found = LINK.search(mail.part("plain"))
    assert found, mail.part("plain")
    return found[0]


def totp(secret: str) -> str:
    """What an authenticator app with this key shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def send_code(page: Page) -> None:
    """Ask for a code on the page that offers one; wait where tests of one person met the limit."""
    for _ in range(3):
        with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            page.get_by_role("button", name="Send me a code").click()
        if answered.value.status != 429:
            return
        page.wait_for_timeout(30_000)
        page.go_back()
    raise AssertionError("too many codes, however long one waits")


def sign_in(page: Page, foyer: Foyer, address: str) -> None:
    """By mailed code, from the start page; once for each person, then by the same cookies."""
    if cookies := foyer.cookies.get(address):
        page.context.add_cookies(cookies)
        page.goto(f"{foyer.origin}/organizations/")
        if page.url == f"{foyer.origin}/organizations/":
            return
        # Somebody changed how this person signs in, which ended the session (A11).
    foyer.forget_mail()
    page.goto(f"{foyer.origin}/")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail address").fill(address)
    send_code(page)
    page.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/organizations/")
    foyer.cookies[address] = page.context.cookies()
