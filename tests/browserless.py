"""Walking the guest's way with Django's client: what a browser sends, without one."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

from allauth.usersessions.models import UserSession
from django.test import Client

from invitations import redemption
from invitations.models import Invitation
from tenants import schema
from tenants.accounts import SESSION_ROW
from tenants.models import Account
from tests.conftest import Place

CODE = re.compile(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", re.MULTILINE)


def ticket_path(invitation: Invitation, place: Place) -> str:
    """The path of the mailed link."""
    with schema.in_tenant(place.tenant):
        return urlsplit(redemption.link_for(invitation)).path


def open_link(invitation: Invitation, place: Place) -> str:
    """Open the mailed link; the path of the landing page it leads to."""
    answer = place.client.get(ticket_path(invitation, place))
    assert answer.status_code == 303
    return str(answer["Location"])


def handle_of(landing: str) -> str:
    return landing.rstrip("/").rpartition("/")[2]


def code_in(mail: Any) -> str:
    """The one-time code in a mail."""
    found = CODE.search(mail.body)
    assert found, mail.body
    return found[1]


def shown_version(page: Any) -> str:
    found = re.search(r'name="statement"[^>]*value="(\d+)"', page.content.decode())
    assert found
    return found[1]


def accept(place: Place, review: str, **changed: str) -> Any:
    """Open the review page and press Accept."""
    page = place.client.get(review)
    assert page.status_code == 200, page.status_code
    language = re.search(r'name="language" value="(\w*)"', page.content.decode())
    data = {"statement": shown_version(page), "answer": "accept"}
    data |= {"language": language[1] if language else ""} | changed
    return place.client.post(review, data)


def to_review(place: Place, invitation: Invitation) -> str:
    """Up to the review page; its path."""
    return str(place.client.post(open_link(invitation, place))["Location"])


def list_session(browser: Client, account: Account) -> None:
    """Put a browser that was signed in by force into the list of sessions, as signing in does."""
    row = UserSession.objects.create(
        user=account, session_key=browser.session.session_key, ip="127.0.0.1", user_agent="test"
    )
    session = browser.session
    session[SESSION_ROW] = row.pk
    session.save()


def prove_again(browser: Place | Client) -> None:
    """As after a fresh proof that it is really this person."""
    client = browser.client if isinstance(browser, Place) else browser
    session = client.session
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session["account_authentication_methods"] = [
        {"method": "code", "at": time.time(), "reauthenticated": True}
    ]
    session.save()
