"""One shared app and one guest who has accepted, at Foyer with its production settings."""

from django.core.management import call_command
from django.test import Client

from consent.review import agree
from invitations.services.invite import invite_guest
from invitations.tickets import Ticket
from tenants import schema
from tenants.models import Tenant
from tests.apps import make_app
from tests.browserless import prove_again
from tests.conftest import make_account, make_tenant
from tests.load.rivals.contender import CALLBACK, Contender, cookie_of

GUEST = "gita@northwind.example"


def prepare() -> Contender:
    call_command("migrate_schemas", verbosity=0, interactive=False)
    make_tenant("contoso", "Contoso", "alice@contoso.example")
    contoso = Tenant.objects.get(slug="contoso")
    gita = make_account(GUEST, "Gita Nair")
    with schema.in_tenant(contoso):
        invitation = invite_guest(email=GUEST, invited_by=None, send_mail=False)
        ticket = Ticket(invitation.pk, invitation.serial)
        agree(ticket=ticket, account=gita, shown_version=0)
    app = make_app(contoso, callback=CALLBACK)
    browser = Client()
    browser.force_login(gita, backend="allauth.account.auth_backends.AuthenticationBackend")
    prove_again(browser)
    return Contender(
        authorize=app.path("authorize"),
        token=app.path("token"),
        userinfo=app.path("userinfo"),
        client_id=app.client_id,
        secret=app.secret,
        scope="openid profile email offline_access",
        cookie=cookie_of(browser),
    )
