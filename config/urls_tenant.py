"""Paths below `/o/<slug>/`."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path

from tenants import schema


def to_public(request: HttpRequest, name: str) -> HttpResponse:
    """allauth reverses its names inside tenant requests too; its pages are outside."""
    query = request.META.get("QUERY_STRING", "")
    return redirect(schema.public_path(name) + (f"?{query}" if query else ""))


urlpatterns = [
    path("", include("invitations.urls")),
    path("", include("consent.urls")),
    path("account/sign-in/", to_public, {"name": "account_login"}, name="account_login"),
    path("account/second/", to_public, {"name": "mfa_authenticate"}, name="mfa_authenticate"),
    path("account/inactive/", to_public, {"name": "account_inactive"}, name="account_inactive"),
    path("account/sign-up/", to_public, {"name": "account_signup"}, name="account_signup"),
    path(
        "account/confirm/",
        to_public,
        {"name": "account_reauthenticate"},
        name="account_reauthenticate",
    ),
]

handler400 = "tenants.errors.bad_request"
handler500 = "tenants.errors.server_error"
