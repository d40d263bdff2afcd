"""Helpers of the local mode."""

from datetime import datetime
from typing import Any

from django.core import signing

from tenants import schema
from tenants.mail.mailbox import Mail
from tenants.models import Account

SALT = "foyer.local-sign-in"
LIFETIME_SECONDS = 7 * 24 * 3600


def sign_in_link(account: Account) -> str:
    """A link that signs in without mail; works in the local mode only, for seven days."""
    token = signing.dumps(str(account.pk), salt=SALT)
    return schema.absolute_url(schema.public_path("local_sign_in", token=token))


def account_of_link(token: str) -> Account | None:
    """Whose link this is, None for one that was not made here or is too old."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=LIFETIME_SECONDS)
    except signing.BadSignature:
        return None
    return Account.objects.filter(pk=pk, is_active=True).first()


class MailPage:
    """A mail of the mailbox with the addresses of its pages."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mail, name)

    @property
    def at(self) -> datetime:
        return self._mail.at

    @property
    def text(self) -> str:
        return self._mail.part("plain")

    @property
    def raw_url(self) -> str:
        return schema.public_path("mail_raw", mail_id=self._mail.id)

    @property
    def html_url(self) -> str:
        has_html = bool(self._mail.part("html"))
        return schema.public_path("mail_html", mail_id=self._mail.id) if has_html else ""
