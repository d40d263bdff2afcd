from django.urls import path

from consent.views import (
    app,
    apps,
    authorize,
    enter,
    open_app,
    privacy,
    provider,
    review,
    secrets,
    sign_out,
)

app_name = "consent"

urlpatterns = [
    path("enter/", enter.enter, name="enter"),
    path("enter/code/", enter.enter_code, name="enter_code"),
    path("open/<uuid:app_id>/", open_app.open_app, name="open_app"),
    path("logo/<uuid:app_id>/<slug:version>.png", open_app.logo, name="app_logo"),
    path("apps/", apps.apps, name="apps"),
    path("apps/new/", apps.new_app, name="new_app"),
    path("apps/<uuid:app_id>/", app.app, name="app"),
    path("apps/<uuid:app_id>/edit/", apps.edit_app, name="edit_app"),
    path("apps/<uuid:app_id>/remove/", apps.remove_app, name="remove_app"),
    path("apps/<uuid:app_id>/secrets/new/", secrets.add_secret, name="add_secret"),
    path(
        "apps/<uuid:app_id>/secrets/<uuid:secret_id>/remove/",
        secrets.remove_secret,
        name="remove_secret",
    ),
    path("consent/review/", review.review, name="review_direct"),
    path("consent/again/", enter.again, name="again"),
    path("consent/terms/", enter.accept_terms, name="accept_terms"),
    path("consent/review/<slug:handle>/", review.review, name="review"),
    path("privacy/", privacy.statement, name="statement"),
    path("privacy/<int:version>/", privacy.statement, name="statement_version"),
    path("terms/", privacy.terms_of_use, name="terms_of_use"),
    path("terms/<int:version>/", privacy.terms_of_use, name="terms_of_use_version"),
    path("settings/privacy/", privacy.privacy, name="privacy"),
    path("settings/terms/", privacy.terms, name="terms"),
    # The provider. Entra's paths, so that what is configured for it needs another host only.
    path(".well-known/openid-configuration", provider.discovery, name="discovery"),
    path("v2.0/.well-known/openid-configuration", provider.discovery, name="discovery_v2"),
    path("discovery/v2.0/keys", provider.jwks, name="jwks"),
    path("oauth2/v2.0/authorize", authorize.authorize, name="authorize"),
    path("oauth2/v2.0/token", provider.token, name="token"),
    path("oauth2/v2.0/revoke", provider.revoke, name="revoke"),
    path("oauth2/v2.0/introspect", provider.introspect, name="introspect"),
    path("oauth2/v2.0/logout", sign_out.sign_out, name="sign_out"),
    path("oidc/userinfo", provider.userinfo, name="userinfo"),
]
