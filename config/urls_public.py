"""Paths outside of tenants."""

from django.urls import include, path
from django.views.i18n import set_language

from consent.views import my_access, provider
from invitations.views.setup import setup
from tenants.views import health, home, local, outside, security

urlpatterns = [
    path("", home.home, name="home"),
    path("account/second-factor/", home.second_factor_needed, name="second_factor_needed"),
    path("about/", home.about, name="about"),
    path("organizations/", my_access.organizations, name="organizations"),
    path("account/blocked/", my_access.blocked, name="blocked"),
    path("account/my-data/", my_access.download, name="download"),
    path("account/close/", my_access.close_account, name="close_account"),
    path("organizations/<slug:slug>/", my_access.organization, name="organization"),
    path("organizations/<slug:slug>/leave/", my_access.leave, name="leave"),
    # Ours in front of allauth's of the same name.
    path("accounts/security/", security.overview, name="account_security"),
    path("accounts/passkey/", security.add_passkey, name="add_passkey"),
    path("accounts/reauthenticate/code/", security.confirm_by_code, name="reauthenticate_by_code"),
    path("accounts/password/set/", security.set_password, name="account_set_password"),
    path("accounts/2fa/totp/activate/", security.set_up_app, name="mfa_activate_totp"),
    path("accounts/2fa/webauthn/add/", security.add_passkey, name="mfa_add_webauthn"),
    path("accounts/2fa/recovery-codes/", security.recovery_codes, name="mfa_view_recovery_codes"),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("accounts/3rdparty/", outside.connections, name="socialaccount_connections"),
    path("accounts/outside/<slug:provider_id>/", outside.start, name="outside_start"),
    path(
        "accounts/outside/<slug:provider_id>/callback/",
        outside.callback,
        name="outside_callback",
    ),
    path("language/", set_language, name="set_language"),
    path("setup/<str:token>", setup, name="setup"),
    # RFC 8414, 3.1, and how some clients read it for OpenID Connect.
    path(
        ".well-known/oauth-authorization-server/o/<slug:slug>",
        provider.discovery_by_path,
        name="authorization_server",
    ),
    path(
        ".well-known/openid-configuration/o/<slug:slug>",
        provider.discovery_by_path,
        name="openid_configuration",
    ),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    # These four and the sign-in link answer 404 in every mode but the local one.
    path("mailbox/", local.mails, name="mailbox"),
    path("mailbox/<str:mail_id>/", local.mail, name="mail"),
    path("mailbox/<str:mail_id>/html", local.mail_html, name="mail_html"),
    path("mailbox/<str:mail_id>/raw", local.mail_raw, name="mail_raw"),
    path("sign-in/<str:token>", local.sign_in, name="local_sign_in"),
]

handler400 = "tenants.errors.bad_request"
handler429 = "tenants.errors.rate_limited"  # allauth's limits look for it here
handler500 = "tenants.errors.server_error"
