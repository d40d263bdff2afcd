"""One app, approved already, and one person at allauth's provider."""

from typing import Any

from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import include, path

from tests.load.rivals.contender import CALLBACK, Contender, cookie_of

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("", include("allauth.idp.urls")),
]
SECRET = "s" * 43


def prepare() -> Contender:
    call_command("migrate", verbosity=0, interactive=False)
    person = User.objects.create_user("gita", "gita@northwind.example", first_name="Gita")
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    # By name: Foyer's own settings do not have this app, and mypy reads those.
    model: Any = apps.get_app_config("allauth_idp_oidc").get_model("Client")
    app = model(
        scopes="openid\nprofile\nemail",
        grant_types="authorization_code\nrefresh_token",
        redirect_uris=CALLBACK,
        skip_consent=True,
    )
    app.set_secret(SECRET)
    app.save()
    browser = Client()
    browser.force_login(person)
    return Contender(
        authorize="/identity/o/authorize",
        token="/identity/o/api/token",
        userinfo="/identity/o/api/userinfo",
        client_id=app.pk,
        secret=SECRET,
        scope="openid profile email",
        cookie=cookie_of(browser),
    )
