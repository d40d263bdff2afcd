"""One app, approved already, and one person at django-oauth-toolkit."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import include, path
from oauth2_provider.models import Application
from oauth2_provider.oauth2_validators import OAuth2Validator

from tests.load.rivals.contender import CALLBACK, Contender, cookie_of

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
SECRET = "s" * 43


class Validator(OAuth2Validator):  # type: ignore[misc]
    """Tells an app what Foyer tells it; by itself the library says `sub` only."""

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        user = request.user
        return {
            "email": user.email,
            "email_verified": True,
            "name": user.get_full_name(),
            "preferred_username": user.email,
        }


def prepare() -> Contender:
    call_command("migrate", verbosity=0, interactive=False)
    person = User.objects.create_user("gita", "gita@northwind.example", first_name="Gita")
    app = Application.objects.create(
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris=CALLBACK,
        client_secret=SECRET,
        algorithm="RS256",
        skip_authorization=True,
    )
    browser = Client()
    browser.force_login(person)
    return Contender(
        authorize="/o/authorize/",
        token="/o/token/",
        userinfo="/o/userinfo/",
        client_id=app.client_id,
        secret=SECRET,
        scope="openid profile email",
        cookie=cookie_of(browser),
    )
