"""Which domains a tenant invites: `example.org` is that very domain, `*.example.org` everything
below it. Pure."""

from collections.abc import Iterable

import idna
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from invitations.errors import DomainRuleError
from invitations.redirects import HOST


class DomainRule(TextChoices):
    """A tenant has an allow-list or a deny-list, never both."""

    ANY = "any", _("Every domain")
    ALLOW = "allow", _("Only these domains")
    DENY = "deny", _("Every domain but these")


BELOW = "*."


def clean_domain(text: str) -> str:
    """One line of a list in its canonical form; raises `DomainRuleError` for anything else."""
    name = text.strip().lower().removeprefix("@")
    below = BELOW if name.startswith(BELOW) else ""
    try:
        ascii_name = idna.encode(name.removeprefix(BELOW), uts46=True).decode()
    except idna.IDNAError as error:
        raise DomainRuleError(text.strip()) from error
    if not HOST.fullmatch(ascii_name):
        raise DomainRuleError(text.strip())
    return below + ascii_name


def parse_domains(text: str) -> list[str]:
    """The domains of a list as people type it, one on each line, sorted and each once."""
    return sorted({clean_domain(line) for line in text.split() if line.strip()})


def _names(domain: str) -> Iterable[str]:
    """Every form in which a list may name this domain."""
    yield domain
    labels = domain.split(".")
    for start in range(1, len(labels)):
        yield BELOW + ".".join(labels[start:])


def is_allowed(address: str, *, rule: str, domains: Iterable[str]) -> bool:
    """Whether a canonical address may be invited under the rule."""
    if rule == DomainRule.ANY:
        return True
    listed = not frozenset(domains).isdisjoint(_names(address.rpartition("@")[2]))
    return listed == (rule == DomainRule.ALLOW)
