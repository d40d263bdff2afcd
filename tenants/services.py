"""What operators do with tenants."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants import accounts
from tenants.addresses import canonical_domain
from tenants.errors import FoyerError
from tenants.mail import outbox
from tenants.models import Domain, MailState, OutgoingMail, Tenant, TenantStatus
from tenants.models.mail import OPEN_MAIL
from tenants.registry import forget_tenants
from tenants.slugs import check_slug
from tenants.words import WordsError, check_name

LONGEST_NAME = 64
DAY = timedelta(days=1)
NO_ADDRESS = "0.0.0.0"  # noqa: S104  # nosec B104: an address that is nobody's


class TenantExistsError(FoyerError):
    """A tenant with this slug is there already."""

    message = _("This address is taken")


class TenantOpenError(FoyerError):
    """A tenant is suspended before it is deleted: nobody is in the middle of something."""


@transaction.atomic
def provision_tenant(
    *, slug: str, name: str, domain: str = "", language: str = "en", verified: bool = False
) -> Tenant:
    """Make a tenant with its schema and tables, all or nothing.

    Raises `SlugError`, `AddressError` for the domain, and `WordsError` before any DDL (N09), `TenantExistsError` when the slug is
    taken. `verified` says that the operator vouches for the domain.
    """
    check_slug(slug)
    clean_domain = canonical_domain(domain) if domain else ""
    clean_name = check_name(name, longest=LONGEST_NAME, own_domains=frozenset({clean_domain}))
    if not clean_name:
        raise WordsError(WordsError.EMPTY)
    if Tenant.objects.filter(slug=slug).exists():
        raise TenantExistsError
    tenant = Tenant.objects.create(slug=slug, schema_name=slug, name=clean_name, language=language)
    if clean_domain:
        Domain.objects.create(
            tenant=tenant,
            domain=clean_domain,
            verified_at=timezone.now() if verified else None,
        )
    _make_schema(tenant)
    forget_tenants()
    return tenant


def _make_schema(tenant: Tenant) -> None:
    # `check_slug` leaves nothing to quote; the backend quotes all the same.
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {connection.ops.quote_name(tenant.schema_name)}")
    call_command(
        "migrate_schemas",
        tenant=True,
        schema_name=tenant.schema_name,
        interactive=False,
        verbosity=0,
    )


@transaction.atomic
def suspend_tenant(tenant: Tenant) -> None:
    """Close a tenant's door at once: its pages answer 404, its mail does not leave (N10)."""
    Tenant.objects.filter(pk=tenant.pk).update(status=TenantStatus.SUSPENDED)
    OutgoingMail.objects.filter(tenant=tenant, state__in=OPEN_MAIL).update(
        state=MailState.HELD, answer="suspended"
    )
    forget_tenants()


@transaction.atomic
def resume_tenant(tenant: Tenant) -> None:
    """Open a suspended tenant's door again; what was held leaves."""
    Tenant.objects.filter(pk=tenant.pk).update(status=TenantStatus.ACTIVE)
    OutgoingMail.objects.filter(tenant=tenant, state=MailState.HELD, answer="suspended").update(
        state=outbox.queued_again(), answer="", due_at=Now(), ended_at=None
    )
    forget_tenants()


@transaction.atomic
def delete_tenant(tenant: Tenant) -> None:
    """Take a suspended tenant away for good: its directory, evidence, memberships and mail (N10).

    People keep their accounts. Raises `TenantOpenError`. Only a backup brings it back.
    """
    locked = Tenant.objects.select_for_update().get(pk=tenant.pk)
    if locked.status != TenantStatus.SUSPENDED:
        raise TenantOpenError
    locked.delete(force_drop=True)  # type: ignore[no-untyped-call]
    forget_tenants()


def restored_tenant(tenant: Tenant) -> None:
    """After a tenant's schema came from a backup: no ticket from before works, no old mail leaves.

    Raise the epoch that takes part in every seal, and cancel what was promised (D05).
    """
    Tenant.objects.filter(pk=tenant.pk).update(ticket_epoch=F("ticket_epoch") + 1)
    OutgoingMail.objects.filter(tenant=tenant, state__in=[*OPEN_MAIL, MailState.HELD]).update(
        state=MailState.CANCELLED, ended_at=Now()
    )
    forget_tenants()


def keep_public_clean() -> None:
    """What is nobody's own: accounts never proved, sessions that are over, old network addresses
    and old mail rows (A04, D08)."""
    accounts.delete_unproved()
    call_command("clearsessions")
    live = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(live), created_at__lt=timezone.now() - DAY).delete()
    # The row of somebody who is signed in stays: what apps were given hangs on it.
    addresses = timedelta(days=settings.FOYER_KEEP_NETWORK_ADDRESSES)
    seen = UserSession.objects.filter(last_seen_at__lt=timezone.now() - addresses)
    seen.exclude(ip=NO_ADDRESS).update(ip=NO_ADDRESS, user_agent="")
    mail = timedelta(days=settings.FOYER_KEEP_SENT_MAIL)
    # Held mail may never have ended: it counts from its promise.
    old = OutgoingMail.objects.exclude(state__in=OPEN_MAIL).annotate(
        over_since=Coalesce("ended_at", "created_at")
    )
    old.filter(over_since__lt=timezone.now() - mail).delete()
