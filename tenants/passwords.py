"""Which passwords a person may choose (A09): long ones, no composition rules."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants.models import Account, Tenant

ALONE = 15
WITH_SECOND_FACTOR = 8
PRODUCT = "foyer"


def has_second_factor(account: Account | None) -> bool:
    """Whether signing in asks for more than the password."""
    if account is None:
        return False
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return Authenticator.objects.filter(user=account, type__in=kinds).exists()


class LengthValidator:
    """At least 15 characters, or 8 when a second factor stands beside the password."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises `ValidationError` for a short password."""
        least = WITH_SECOND_FACTOR if has_second_factor(user) else ALONE
        if len(password) < least:
            message = ngettext(
                "Use at least %(least)d character.", "Use at least %(least)d characters.", least
            )
            raise ValidationError(message, "password_too_short", {"least": least})

    def get_help_text(self) -> str:
        return _("At least 15 characters, or 8 with a second factor. A few plain words do well.")


def words_of(tenant: Tenant) -> set[str]:
    """The names an outsider would try first for a person of `tenant`."""
    labels = {domain.domain.partition(".")[0] for domain in tenant.domains.all()}
    return {word.casefold().replace(" ", "") for word in {tenant.name, tenant.slug, *labels}}


class NamesValidator:
    """Refuses what is little more than the name of Foyer or of the person's organizations."""

    REST = WITH_SECOND_FACTOR

    def validate(self, password: str, user: Any = None) -> None:
        """Raises `ValidationError` when less than 8 characters are left without the names."""
        words = {PRODUCT}
        if isinstance(user, Account):
            tenants = Tenant.objects.filter(memberships__account=user).prefetch_related("domains")
            words = words.union(*(words_of(tenant) for tenant in tenants))
        rest = found = password.casefold().replace(" ", "")
        for word in sorted((word for word in words if len(word) > 3), key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != found and len(rest) < self.REST:
            raise ValidationError(_("This password is too easy to guess."), "password_of_names")

    def get_help_text(self) -> str:
        return _("Not the name of Foyer or of your organization.")
