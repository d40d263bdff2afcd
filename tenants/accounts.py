"""What happens to an account as a whole: its sessions, its first proof, its end."""

import logging
from datetime import datetime, timedelta
from importlib import import_module
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from tenants.models import Account, Membership

log = logging.getLogger(__name__)
LONGEST_AGENT = 200
SESSION_ROW = "foyer_session_row"


def end_sessions(account: Account, *, keep: str | None = None) -> int:
    """End every session of `account` but the one with the key `keep`, and all that apps were
    given for it; how many sessions ended (A11)."""
    Account.objects.filter(pk=account.pk).update(sign_in_valid_from=Now())
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    rows = UserSession.objects.filter(user=account).exclude(session_key=keep or "")
    keys = list(rows.values_list("session_key", flat=True))
    for key in keys:
        store.delete(key)
    rows.filter(session_key__in=keys).delete()
    return len(keys)


def renew_session(request: HttpRequest) -> None:
    """Give this session a new key; the old one is dead (A08)."""
    old = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=old).update(session_key=request.session.session_key)


@transaction.atomic
def disable_account(account: Account) -> None:
    """Nobody signs in with it any more, and who is signed in is so no longer. Tells its owner."""
    account.is_active = False
    account.save(update_fields=["is_active"])
    end_sessions(account)
    address = EmailAddress.objects.filter(user=account, verified=True, primary=True).first()
    if address:
        transaction.on_commit(lambda: _tell_disabled(address.email))


def _tell_disabled(address: str) -> None:
    # Not by allauth: an operator's command has no request.
    subject, body = (
        render_to_string(f"account/email/disabled_{part}.txt") for part in ("subject", "message")
    )
    try:
        send_mail(subject.strip(), body, None, [address])
    except (SMTPException, OSError) as error:
        log.warning("a notice about a disabled account was not sent: %s", type(error).__name__)


def proved_addresses(account: Account) -> list[str]:
    """The canonical addresses this account proved."""
    proved = EmailAddress.objects.filter(user=account, verified=True)
    return list(proved.order_by("email").values_list("email", flat=True))


def unproved(at: datetime) -> Any:
    """Accounts made before `at` that never proved an address (A04)."""
    proof = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    place = Membership.objects.filter(account=OuterRef("pk"))
    return Account.objects.filter(
        ~Exists(proof), ~Exists(place), date_joined__lt=at, is_staff=False, is_superuser=False
    )


@transaction.atomic
def delete_unproved(older_than: timedelta = timedelta(hours=24)) -> int:
    """Delete accounts that nobody proved within `older_than`; how many they were (A04)."""
    gone = list(unproved(timezone.now() - older_than).select_for_update(of=("self",)))
    for account in gone:
        end_sessions(account)
        account.delete()
    return len(gone)


@transaction.atomic
def start_clean(account: Account, address: EmailAddress) -> None:
    """The first proof: what somebody else may have planted before it is gone (A04)."""
    account.set_unusable_password()
    account.save(update_fields=["password"])
    Authenticator.objects.filter(user=account).delete()
    SocialAccount.objects.filter(user=account).delete()
    EmailAddress.objects.filter(user=account).exclude(pk=address.pk).delete()
    end_sessions(account)


def on_address_proved(request: HttpRequest, email_address: EmailAddress, **_: Any) -> None:
    """allauth's signal. A first proof in the browser that came by an outside login keeps it."""
    account = email_address.user
    proofs = EmailAddress.objects.filter(user=account, verified=True).exclude(pk=email_address.pk)
    records = get_authentication_records(request, account)
    came_by = {record["method"] for record in records}
    if not proofs.exists() and "socialaccount" not in came_by:
        start_clean(account, email_address)


def on_authenticated(request: HttpRequest, reauthenticated: bool = False, **_: Any) -> None:
    """allauth's signal. Signing in changes the key anyway; proving oneself again must as well."""
    if reauthenticated:
        renew_session(request)


def remember_session(request: HttpRequest, **_: Any) -> None:
    """allauth's signal. Which browser signed in; what is over is cleared by upkeep."""
    facts: dict[str, Any] = {"session_key": request.session.session_key, "user": request.user}
    row = UserSession(
        **facts,
        ip=get_adapter().get_client_ip(request),
        user_agent=request.META.get("HTTP_USER_AGENT", "")[:LONGEST_AGENT],
    )
    UserSession.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["session_key"],
        update_fields=["user", "ip", "user_agent"],
    )
    request.session[SESSION_ROW] = row.pk


def proofs(request: HttpRequest, account: Account) -> list[dict[str, Any]]:
    """How this session proved who it is, oldest first: allauth's `method`, `at` and more."""
    return list(get_authentication_records(request, account))


def session_row_of(request: HttpRequest) -> int | None:
    """Which row of allauth's list this session has: the same one when its key changes, gone when
    somebody signs out. None for a session that is not in the list."""
    row: int | None = request.session.get(SESSION_ROW)
    return row


def forget_session(request: HttpRequest, **_: Any) -> None:
    """Django's signal. Signed out: the row that apps were given tokens for is gone at once."""
    UserSession.objects.filter(pk=session_row_of(request)).delete()
