"""The one door to allauth: who may sign up, how its mail leaves, starting a code sign-in."""

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponse
from django.template.loader import render_to_string

from tenants.addresses import AddressError, canonical_address
from tenants.models import Account

log = logging.getLogger(__name__)

SELF_EVIDENT = (
    "account/messages/login_code_sent.txt",
    "account/messages/logged_in.txt",
    "account/messages/logged_out.txt",
)


class AccountAdapter(DefaultAccountAdapter):
    """Foyer's answers to allauth's questions."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        # An account is made while redeeming an invitation (`begin_code_sign_in`), nowhere else.
        return False

    def clean_email(self, email: str) -> str:
        try:
            return canonical_address(email)
        except AddressError:
            # Left as it is: the form says what is wrong, or finds no account.
            return str(super().clean_email(email))

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """What the next page says anyway is not said above it as well."""
        template = args[0] if args else kwargs.get("message_template")
        if template not in SELF_EVIDENT:
            super().add_message(request, level, *args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Codes and notices leave at once: they are of use for minutes, and no row may hold one."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError) as error:
            log.warning("a sign-in mail could not be sent: %s", type(error).__name__)
            body = render_to_string("503.html", {"mail": True})
            answer = HttpResponse(body, status=503, headers={"Retry-After": "30"})
            raise ImmediateHttpResponse(answer) from error


def account_of(request: HttpRequest) -> Account | None:
    """The signed-in account, None for a stranger."""
    return request.user if isinstance(request.user, Account) else None


def _proved_account(address: str) -> Account | None:
    proved = EmailAddress.objects.filter(email=address, verified=True).select_related("user")
    found = proved.first()
    return found.user if found else None


@transaction.atomic
def account_for(address: str) -> Account:
    """The account that proved this canonical address, or one that nobody has proved yet.

    A new account has no password and an unverified address; it is worth nothing until the code
    mailed to that address comes back.
    """
    if found := _proved_account(address):
        return found
    account, _ = Account.objects.get_or_create(
        email=address, defaults={"password": make_password(None)}
    )
    EmailAddress.objects.get_or_create(
        user=account, email=address, defaults={"verified": False, "primary": True}
    )
    return account


def begin_code_sign_in(request: HttpRequest, address: str, *, may_be_new: bool = True) -> None:
    """Mail a code to `address` and bind it to this browser; entering it signs in.

    Signing in by code *is* making the account (architecture, decision 9). Who is unknown and may
    not be new gets a mail that says so instead, behind the same page (A01). May raise allauth's
    `ImmediateHttpResponse` (503) when the mail server is away.
    """
    user = account_for(address) if may_be_new else _proved_account(address)
    LoginCodeVerificationProcess.initiate(request=request, user=user, email=address)


def send_notice(template_prefix: str, address: str) -> None:
    """Mail a notice during a request; with the mail server away what happened has happened."""
    try:
        get_adapter().send_mail(template_prefix, address, {})
    except ImmediateHttpResponse:
        log.warning("a notice could not be sent")
