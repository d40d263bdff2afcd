"""django-oauth-toolkit as its documentation sets it up for OpenID Connect."""

from tests.load.rivals.common import *  # noqa: F403
from tests.load.rivals.common import INSTALLED_APPS, RSA_KEY

INSTALLED_APPS = [*INSTALLED_APPS, "oauth2_provider"]
ROOT_URLCONF = "tests.load.rivals.toolkit"
OAUTH2_PROVIDER = {
    "OIDC_ENABLED": True,
    "OIDC_RSA_PRIVATE_KEY": RSA_KEY,
    "OAUTH2_VALIDATOR_CLASS": "tests.load.rivals.toolkit.Validator",
    "SCOPES": {"openid": "", "profile": "", "email": ""},
}
