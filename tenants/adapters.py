"""The one door to allauth: who may sign up, how its mail leaves, starting a code sign-in."""

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import EmailAddress, Login
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants import accounts, guessing, reauthentication, schema
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

    # allauth's own Dutch says je where every page of ours says u.
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": gettext_lazy("The e-mail address or the password is not right."),
        "enter_current_password": gettext_lazy("This is not your current password."),
        "incorrect_code": gettext_lazy("This code is not right, or no longer valid."),
        "incorrect_password": gettext_lazy("This is not your current password."),
        "max_email_addresses": gettext_lazy("An account has at most %d addresses."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        # An account is made while redeeming an invitation (`sign_in_with_mailbox`), nowhere else.
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

    def send_notification_mail(
        self,
        template_prefix: str,
        user: Any,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Something about signing in changed: all other sessions end, old and new address hear it.

        allauth calls this at each such change, and only then (A11). The change stands whether or
        not the mail server takes the notice.
        """
        accounts.end_sessions(user, keep=self.request.session.session_key)
        to = [email, (context or {}).get("to_email")] if email else [None]
        for address in filter(None, to) if email else to:
            try:
                super().send_notification_mail(template_prefix, user, context, address)
            except ImmediateHttpResponse:
                log.warning("a notice about a changed account was not sent: %s", template_prefix)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """An address was proved by code; where it is one more, the primary address hears of it."""
        confirmed = bool(super().confirm_email(request, email_address))
        if confirmed and not email_address.primary:
            context = {"added_email": email_address.email}
            self.send_notification_mail("account/email/email_added", email_address.user, context)
        return confirmed

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """429 instead of a form error, for the right password too (A02)."""
        key = f"password:{self.clean_email(credentials.get('email', ''))}"
        self._login_failed_rl_usage = guessing.count_try(request, key=key)

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """A new password clears no count: who owns one account could clear his address (A02)."""

    def is_reauthentication_required(self, **_kwargs: Any) -> bool:
        """Whoever proved nothing lately must, with a password or without one.

        allauth would let accounts without a password and a second factor through unasked.
        """
        if not reauthentication.is_recent(self.request):
            raise ReauthenticationRequired
        return False

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """allauth's, on their public paths, and a mailed code last."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        words = {
            "reauthenticate": _("Use a password instead"),
            "mfa_reauthenticate": _("Use your authenticator app or a recovery code"),
            "mfa_reauthenticate:webauthn": _("Use your passkey"),
        }
        for method in methods:
            method["description"] = words.get(method["id"], method["description"])
        if isinstance(user, Account) and reauthentication.proved_address(user):
            url = schema.public_path("reauthenticate_by_code")
            name = _("Send me a code")
            methods.append({"id": "code", "description": name, "url": url})
        return methods


class MFAAdapter(DefaultMFAAdapter):
    """Foyer's answers about second factors."""

    def build_totp_svg(self, url: str) -> str:
        """The QR code to stand in the page: a data URI would need a wider policy (C04)."""
        svg = str(super().build_totp_svg(url))
        return svg[svg.index("<svg") :]

    def _get_site_name(self) -> str:
        return "Foyer"

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:  # noqa: A002
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey") if number == 1 else _("Passkey {number}").format(number=number)


class SessionsAdapter(DefaultUserSessionsAdapter):
    """Foyer's answer to signing out elsewhere."""

    def end_sessions(self, sessions: list[UserSession]) -> None:  # noqa: ARG002  # allauth names it
        """With what apps were given: the device may be lost, and its apps with it (A11)."""
        if account := account_of(self.request):
            accounts.end_sessions(account, keep=self.request.session.session_key)


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


def has_account(address: str) -> bool:
    """Whether somebody proved this canonical address."""
    return _proved_account(address) is not None


def _new_account(address: str) -> Account:
    account = Account.objects.create(email=address, password=make_password(None))
    EmailAddress.objects.create(user=account, email=address, verified=True, primary=True)
    return account


def _take_over(address: str) -> Account:
    """The address was typed by somebody who never proved it: nothing of theirs survives (A04)."""
    unproved = EmailAddress.objects.filter(email=address, verified=False)
    for row in unproved.select_related("user"):
        if EmailAddress.objects.filter(user=row.user, verified=True).exists():
            row.delete()
        else:
            accounts.end_sessions(row.user)
            row.user.delete()
    orphans = Account.objects.filter(email=address)
    orphans.exclude(emailaddress__verified=True).delete()
    return _new_account(address)


def account_with(address: str) -> Account:
    """The account of somebody who just proved this canonical address, made when there is none."""
    known = EmailAddress.objects.filter(email=address).select_related("user")
    found = known.order_by("-verified").first()
    if found and found.verified:
        return found.user
    try:
        with transaction.atomic():
            return _take_over(address) if found else _new_account(address)
    except IntegrityError:
        # The same person, in two windows; or an account whose address was never written down.
        return _proved_account(address) or _take_over(address)


def sign_in_with_mailbox(request: HttpRequest, address: str, *, redirect_url: str) -> HttpResponse:
    """Sign in who just proved this mailbox by code; that *is* making the account (decision 9).

    Gives the answer to send: to `redirect_url`, or first to the second factor.
    """
    with transaction.atomic():
        account = account_with(address)
        record_authentication(request, account, method="code", email=address)
        login = Login(
            user=account,
            email=address,
            redirect_url=redirect_url,
            # Proved a moment ago.
            email_verification=EmailVerificationMethod.NONE,
        )
        return perform_login(request, login)


def send_notice(template_prefix: str, address: str) -> None:
    """Mail a notice during a request; with the mail server away what happened has happened."""
    try:
        get_adapter().send_mail(template_prefix, address, {})
    except ImmediateHttpResponse:
        log.warning("a notice could not be sent")
