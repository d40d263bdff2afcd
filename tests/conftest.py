"""The cast. Contoso invites, Fabrikam must notice nothing; alice invites, gita is invited."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, setup_databases, teardown_databases
from django.utils import translation

from consent import keys
from consent.review import agree
from invitations.models import DirectoryEntry, Invitation, LandingPage
from invitations.services.invite import invite_guest
from invitations.services.organization import create_organization
from invitations.tickets import Ticket
from tenants import registry, schema
from tenants.models import Account, Tenant
from tenants.services import provision_tenant
from tests.openid_provider import NEW, OpenIDProvider, configure
from tests.smtp import SmtpSink

SECOND_FACTOR = "JBSWY3DPEHPK3PXP"
ROOMS = "https://rooms.contoso.example/"


def make_account(address: str, name: str = "") -> Account:
    """An account that proved its address."""
    account = Account.objects.create_user(address, display_name=name)
    EmailAddress.objects.create(user=account, email=account.email, verified=True, primary=True)
    return account


def add_second_factor(account: Account) -> None:
    """A time-based code, as administrators need one."""
    secret = get_adapter().encrypt(SECOND_FACTOR)
    Authenticator.objects.create(
        user=account, type=Authenticator.Type.TOTP, data={"secret": secret}
    )


def make_tenant(slug: str, name: str, admin: str) -> None:
    """A tenant whose administrator has accepted, with one landing page."""
    tenant, invitation = create_organization(
        slug=slug,
        name=name,
        domain=f"{slug}.example",
        admin_address=admin,
        admin_name=admin.partition("@")[0].title(),
        send_mail=False,
        verified=True,
    )
    with schema.in_tenant(tenant):
        account = make_account(admin)
        add_second_factor(account)
        agree(
            ticket=Ticket(invitation.pk, invitation.serial),
            account=account,
            shown_version=0,
        )
        url = f"https://rooms.{slug}.example/"
        LandingPage.objects.create(name="Project room", url=url, origin=url.rstrip("/"))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """Both tenants once a run; every test rolls back to here.

    Instead of pytest-django's, which makes no database for tests that bring rows of their own.
    """
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        make_tenant("contoso", "Contoso", "alice@contoso.example")
        make_tenant("fabrikam", "Fabrikam", "frank@fabrikam.example")
        make_account("gita@northwind.example", "Gita Nair")
        make_account("sam@tailspin.example", "Sam Oduya")
    yield
    # Beside the browser's event loop Django keeps a second connection that nobody can reach to
    # close; the database could not be dropped under it.
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def _nothing_left_over() -> Iterator[None]:
    """No limit, no cached tenant, no language and no schema survives a test."""
    translation.activate(settings.LANGUAGE_CODE)
    cache.clear()
    registry._kept.clear()
    keys._active.clear()
    yield
    if connection.connection is not None:
        schema.leave()


@pytest.fixture
def contoso(db: None) -> Tenant:
    return Tenant.objects.get(slug="contoso")


@pytest.fixture
def fabrikam(db: None) -> Tenant:
    return Tenant.objects.get(slug="fabrikam")


@pytest.fixture
def alice(db: None) -> Account:
    """Contoso's administrator."""
    return Account.objects.get(email="alice@contoso.example")


@pytest.fixture
def frank(db: None) -> Account:
    """Fabrikam's administrator."""
    return Account.objects.get(email="frank@fabrikam.example")


@pytest.fixture
def gita(db: None) -> Account:
    """Whom everybody invites."""
    return Account.objects.get(email="gita@northwind.example")


@pytest.fixture
def woodgrove(settings: Any, db: None) -> Iterator[OpenIDProvider]:
    """A provider that says the new person's address is verified."""
    claims = {"sub": "w-1", "email": NEW, "email_verified": True}
    with OpenIDProvider(claims=claims) as provider:
        configure(settings, provider)
        yield provider


@pytest.fixture
def sam(db: None) -> Account:
    """Somebody whom nobody invited."""
    return Account.objects.get(email="sam@tailspin.example")


Invite = Callable[..., Invitation]


@pytest.fixture
def invite(contoso: Tenant) -> Invite:
    """Invite as the tenant's administrator: `invite()`, `invite(tenant=fabrikam, email=…)`."""

    def make(
        *, tenant: Tenant = contoso, email: str = "gita@northwind.example", **asked: Any
    ) -> Invitation:
        with schema.in_tenant(tenant):
            admin = DirectoryEntry.objects.get(address__endswith=f"@{tenant.slug}.example")
            return invite_guest(email=email, invited_by=admin, **asked)

    return make


@dataclass
class Place:
    """One tenant's pages for one browser."""

    tenant: Tenant
    client: Client

    def path(self, name: str, **kwargs: Any) -> str:
        return schema.tenant_path(self.tenant, name, **kwargs)

    def get(self, name: str, **kwargs: Any) -> Any:
        return self.client.get(self.path(name, **kwargs))

    def post(self, name: str, data: Any = None, **kwargs: Any) -> Any:
        return self.client.post(self.path(name, **kwargs), data or {})


@pytest.fixture
def at(contoso: Tenant) -> Callable[..., Place]:
    """A browser at a tenant, signed in as somebody or as nobody."""

    def make(account: Account | None = None, tenant: Tenant = contoso) -> Place:
        client = Client(raise_request_exception=False)
        if account:
            client.force_login(
                account, backend="allauth.account.auth_backends.AuthenticationBackend"
            )
        return Place(tenant, client)

    return make


@pytest.fixture
def statements() -> Callable[[], CaptureQueriesContext]:
    """Count every statement but COMMIT and what only tests add (their savepoints)."""

    class Counted(CaptureQueriesContext):
        @property
        def sql(self) -> list[str]:
            test_only = ("SAVEPOINT", "RELEASE SAVEPOINT", "COMMIT", "BEGIN")
            return [
                query["sql"]
                for query in self.captured_queries
                if not query["sql"].startswith(test_only)
            ]

    def start() -> CaptureQueriesContext:
        # As in a request of its own: the schema must be set again.
        schema.leave()
        return Counted(connection)

    return start


@pytest.fixture
def smtp(settings: Any) -> Iterator[SmtpSink]:
    """A real SMTP server on loopback that Foyer's mail goes to; its answers can be scripted."""
    with SmtpSink() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = sink.host, sink.port
        settings.EMAIL_TIMEOUT = 2
        yield sink


@dataclass
class Race:
    """A tenant of its own whose rows are really committed, for tests of two at once."""

    tenant: Tenant
    accounts: list[Account]

    def account(self, address: str) -> Account:
        account = make_account(address)
        self.accounts.append(account)
        return account

    def invitation(self, address: str, *, send_mail: bool = False) -> Invitation:
        with schema.in_tenant(self.tenant):
            return invite_guest(email=address, invited_by=None, send_mail=send_mail)


@pytest.fixture
def race(django_db_setup: None, django_db_blocker: Any) -> Iterator[Race]:
    with django_db_blocker.unblock():
        tenant = provision_tenant(slug="race", name="Race")
        made = Race(tenant, [])
        try:
            yield made
        finally:
            for account in made.accounts:
                account.delete()
            tenant.delete(force_drop=True)  # type: ignore[no-untyped-call]
