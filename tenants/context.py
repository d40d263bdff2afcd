"""What every template knows. No statement is spent here."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from tenants import schema
from tenants.mail import mailbox


def foyer(request: HttpRequest) -> dict[str, Any]:
    tenant = getattr(request, "tenant", None)
    return {
        "foyer_name": "Foyer",
        "tenant": tenant,
        "home_url": schema.public_path("home"),
        "organizations_url": schema.public_path("organizations"),
        "security_url": schema.public_path("account_security"),
        "sign_in_url": settings.LOGIN_URL,
        "sign_out_url": schema.public_path("account_logout"),
        "about_url": schema.public_path("about"),
        "language_url": schema.public_path("set_language"),
        "languages": [("en", "English"), ("nl", "Nederlands")],
        "local_mode": mailbox.is_open(),
    }
