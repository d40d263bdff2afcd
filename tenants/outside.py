"""The rules of outside sign-ins: whom they let in, and for whom they make an account (A05, A06)."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare, salted_hmac

from tenants.adapters import account_for
from tenants.errors import FoyerError
from tenants.models import Account

log = logging.getLogger(__name__)

SALT = "foyer.outside"
INVITED_SECONDS = 3600
# All that is asked of a provider for one page, together (F14).
PATIENCE_SECONDS = 8
AWAY_SECONDS = 20
STATUS_OF = {"away": 503, "cancelled": 200, "failed": 401}
REFUSED = 403


class AddressKnownError(FoyerError):
    """The address belongs to an account that proved it."""


# --- Who is invited ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Invited:
    """For whom a redemption is in progress in this browser, and where it goes on."""

    who: str = ""
    next_path: str = ""


def _who(address: str) -> str:
    """An address as a keyed hash: the page that carries it may not tell it (it shows a mask)."""
    return salted_hmac(SALT, address).hexdigest()


def invited_token(address: str, next_path: str) -> str:
    """What a redemption page hands to the outside sign-in: this address may make an account.

    Takes the invited canonical address and the path to land on; valid for an hour.
    """
    return signing.dumps({"who": _who(address), "next": next_path}, salt=SALT)


def read_invited(token: str) -> Invited:
    """What `invited_token` signed; an empty `Invited` for anything else."""
    try:
        found = signing.loads(token, salt=SALT, max_age=INVITED_SECONDS)
    except signing.BadSignature:
        return Invited()
    return Invited(found["who"], found["next"])


# --- Accounts ------------------------------------------------------------------------------------
def _start_clean(account: Account, address: str) -> None:
    """Whatever somebody planted in an account before its owner proved the address is gone."""
    account.set_unusable_password()  # this ends every session too: they are bound to it
    account.display_name = ""
    account.save(update_fields=["password", "display_name"])
    for session in UserSession.objects.filter(user=account):
        session.end()
    Authenticator.objects.filter(user=account).delete()
    SocialAccount.objects.filter(user=account).delete()
    EmailAddress.objects.filter(user=account).exclude(email=address).delete()


@transaction.atomic
def open_account(address: str) -> Account:
    """The account of an address that its provider has just proved, new or started clean.

    Raises `AddressKnownError` when somebody proved it before: then only a sign-in may connect.
    """
    account = Account.objects.select_for_update().get(pk=account_for(address).pk)
    if not account.is_active or EmailAddress.objects.filter(user=account, verified=True).exists():
        raise AddressKnownError
    _start_clean(account, address)
    EmailAddress.objects.filter(user=account, email=address).update(verified=True, primary=True)
    return account


# --- Pages ---------------------------------------------------------------------------------------
def ended(request: HttpRequest, reason: str, provider: Any, next_path: str = "") -> HttpResponse:
    """The page at the end of an attempt that signed nobody in.

    `reason` is away, cancelled, failed, unproved, known or uninvited.
    """
    status = STATUS_OF.get(reason, REFUSED)
    page = {"reason": reason, "provider": provider, "next": next_path}
    response = render(request, "socialaccount/ended.html", page, status=status)
    if reason == "away":
        response.headers["Retry-After"] = str(AWAY_SECONDS)
    return response


def _away_key(provider_id: str) -> str:
    return f"outside-away:{provider_id}"


def is_away(provider_id: str) -> bool:
    """Whether this provider was found silent a moment ago: no worker waits for it again now."""
    return bool(cache.get(_away_key(provider_id)))


def ended_by(
    request: HttpRequest, error: BaseException | None, provider: Any, next_path: str = ""
) -> HttpResponse:
    """The page for what went wrong while talking to the provider."""
    log.warning("a sign-in at %s ended: %s", provider.sub_id, type(error).__name__)
    if isinstance(error, requests.Timeout | requests.ConnectionError):
        cache.set(_away_key(provider.sub_id), 1, AWAY_SECONDS)
    away = isinstance(error, requests.RequestException)
    return ended(request, "away" if away else "failed", provider, next_path)


# --- What allauth asks ---------------------------------------------------------------------------
class ImpatientSession(requests.Session):
    """Gives up at a moment, not after a silence: names, handshakes and dripping bytes included."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        left = self.until - time.monotonic()
        if left <= 0:
            raise requests.Timeout
        # A provider that sends us elsewhere is not the one the operator named.
        asked = kwargs | {"timeout": left, "allow_redirects": False}
        helper = ThreadPoolExecutor(max_workers=1)
        try:
            return helper.submit(super().request, *args, **asked).result(left)
        except TimeoutError as error:
            raise requests.Timeout from error
        finally:
            helper.shutdown(wait=False)


class SocialAdapter(DefaultSocialAccountAdapter):
    """Foyer's answers to allauth's questions about outside sign-ins."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """What the operator configured; no row makes a provider, no statement is spent."""
        return [
            SocialApp(provider="outside", **app)
            for app in settings.SOCIALACCOUNT_PROVIDERS["outside"]["APPS"]
            if provider in {None, "outside", app["provider_id"]}
            and client_id in {None, app["client_id"]}
        ]

    def get_requests_session(self) -> requests.Session:
        """A session that shares one deadline with all others of this request."""
        request = context.request
        if not hasattr(request, "outside_until"):
            request.outside_until = time.monotonic() + PATIENCE_SECONDS
        return ImpatientSession(request.outside_until)

    def is_email_verified(self, *args: Any) -> bool:
        return False  # only the claim says so

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, *args: Any) -> Any:
        return sociallogin.user  # nothing the provider says changes an account

    def is_open_for_signup(self, request: HttpRequest, *args: Any) -> bool:
        # Whoever may have an account has got it in `pre_social_login`.
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let connected accounts through, make invited ones, show everybody else why not."""
        if sociallogin.is_existing or sociallogin.state.get("process") == AuthProcess.CONNECT:
            return
        reason = self._admit(request, sociallogin)
        if reason:
            next_path = sociallogin.state.get("next", "")
            page = ended(request, reason, sociallogin.provider, next_path)
            raise ImmediateHttpResponse(page)

    def is_invited(self, address: str, sociallogin: SocialLogin) -> bool:
        """Whether a redemption for this canonical address, which its provider has just proved, is
        in progress in this browser."""
        invited = (sociallogin.state.get("data") or {}).get("invited", "")
        return constant_time_compare(invited, _who(address))

    def _admit(self, request: HttpRequest, sociallogin: SocialLogin) -> str:
        """Make the account of an invited person; else the reason to refuse."""
        if not sociallogin.email_addresses:
            return "unproved"
        address = sociallogin.email_addresses[0].email
        if EmailAddress.objects.filter(email=address, verified=True).exists():
            return "known"
        if not self.is_invited(address, sociallogin):
            return "uninvited"
        try:
            with transaction.atomic():
                sociallogin.user = open_account(address)
                sociallogin.save(request, connect=True)
        except AddressKnownError:
            return "known"
        return ""

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str = AuthError.UNKNOWN,
        exception: BaseException | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Always our own page instead of allauth's."""
        state = (extra_context or {}).get("state") or {}
        next_path = state.get("next", "")
        if error == AuthError.CANCELLED:
            raise ImmediateHttpResponse(ended(request, "cancelled", provider, next_path))
        raise ImmediateHttpResponse(ended_by(request, exception, provider, next_path))
