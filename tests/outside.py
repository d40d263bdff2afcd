"""Signing in at a provider elsewhere and coming back, with Django's client."""

from typing import Any

from django.test import Client

from tests.browserless import prove_again
from tests.openid_provider import OpenIDProvider


def leave(browser: Client, provider: OpenIDProvider, **asked: str) -> str:
    """Press the button; the provider's address that Foyer leads to."""
    if "_auth_user_id" in browser.session:
        prove_again(browser)
    response = browser.post(f"/accounts/outside/{provider.provider_id}/", asked)
    assert response.status_code == 200, response.content
    url = str(response.headers["Refresh"]).removeprefix("0; url=")
    assert url.startswith(f"{provider.issuer}/authorize?")
    return url


def come_back(browser: Client, url: str) -> Any:
    assert url.startswith("https://testserver/accounts/outside/"), url
    return browser.get(url.removeprefix("https://testserver"))


def go(browser: Client, provider: OpenIDProvider, **asked: str) -> Any:
    """The whole round."""
    return come_back(browser, provider.approve(leave(browser, provider, **asked)))
