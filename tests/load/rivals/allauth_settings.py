"""django-allauth's own provider, as its documentation sets it up."""

from tests.load.rivals.common import *  # noqa: F403
from tests.load.rivals.common import INSTALLED_APPS, MIDDLEWARE, RSA_KEY

INSTALLED_APPS = [*INSTALLED_APPS, "allauth", "allauth.account", "allauth.idp.oidc"]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ROOT_URLCONF = "tests.load.rivals.allauth_idp"
IDP_OIDC_PRIVATE_KEY = RSA_KEY
