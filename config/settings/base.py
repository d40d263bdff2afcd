"""What holds in every mode. `local`, `test` and `production` import this and add their own."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import dj_email_url
import environs
from django.utils.translation import gettext_lazy as _

from config.settings.outside import outside_apps

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environs.Env()

DEBUG = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
WSGI_APPLICATION = "config.wsgi.application"

# --- Apps and tenants -----------------------------------------------------------------------
# An app is in one list, never in both: a tenant table that is missing in a schema must fail
# loudly instead of silently resolving to the public one (N06).
SHARED_APPS = [
    "django_tenants",
    "tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "tenants.session_list.SessionListConfig",
    "allauth.socialaccount",
    "csp",
]
TENANT_APPS = ["invitations", "consent"]
# Ours first: a command or template of ours goes before a library's of the same name.
INSTALLED_APPS = ["tenants", *TENANT_APPS, *(app for app in SHARED_APPS if app != "tenants")]

TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
PUBLIC_SCHEMA_NAME = "public"
TENANT_LIMIT_SET_CALLS = True
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
GET_EXECUTOR_FUNCTION = "tenants.migration.get_executor"

ROOT_URLCONF = "config.urls_public"
TENANT_URLCONF = "config.urls_tenant"

# The order matters: headers first so that every answer carries them, static files before any
# work is done, the tenant before the session (which is public) and everything that follows.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "tenants.middleware.HeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Before the tenant: an organization that is not there is not there in the reader's language.
    "django.middleware.locale.LocaleMiddleware",
    "tenants.middleware.TenantMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csrf",
                "django.contrib.messages.context_processors.messages",
                "tenants.context.foyer",
            ],
        },
    }
]
FORM_RENDERER = "tenants.forms_rendering.FoyerRenderer"

# --- Where Foyer is ----------------------------------------------------------------------------
# One origin for everything. Links come from it, never from a request (N07, N08).
FOYER_ORIGIN: str = env.str("FOYER_ORIGIN", "http://localhost:8000").rstrip("/")
FOYER_HOST = urlsplit(FOYER_ORIGIN).hostname or "localhost"
FOYER_IS_HTTPS = FOYER_ORIGIN.startswith("https://")
FOYER_LOCAL = False
ALLOWED_HOSTS = [FOYER_HOST]
CSRF_TRUSTED_ORIGINS = [FOYER_ORIGIN]
# How many proxies of the operator's own stand in front: their X-Forwarded-For is believed (A03).
FOYER_PROXY_COUNT: int = env.int("FOYER_PROXY_COUNT", 0)
ALLAUTH_TRUSTED_PROXY_COUNT = FOYER_PROXY_COUNT
if FOYER_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Keys ---------------------------------------------------------------------------------------
SECRET_KEY: str = env.str("SECRET_KEY", "")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
FOYER_TICKET_KEY: str = env.str("FOYER_TICKET_KEY", "")
# Older ticket keys still honoured while they are being retired (S04).
FOYER_TICKET_KEY_FALLBACKS: list[str] = env.list("FOYER_TICKET_KEY_FALLBACKS", [])

# --- Database, cache, queue ----------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {}


def database(url: str, *, pool: bool) -> dict[str, Any]:
    """Django's setting for one PostgreSQL address, on the backend that knows schemas."""
    settings: dict[str, Any] = dict(
        dj_database_url.parse(url, engine="django_tenants.postgresql_backend")
    )
    settings["OPTIONS"] = {**settings.get("OPTIONS", {}), "connect_timeout": 5}
    if pool:
        settings["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 12, "timeout": 10}
    return settings


def caches(redis_url: str) -> dict[str, dict[str, Any]]:
    """One cache, global on purpose: limits must not multiply per tenant, and no page is kept."""
    options = {"socket_connect_timeout": 1, "socket_timeout": 2}
    return {
        "default": {
            "BACKEND": "tenants.cache.ForgivingRedisCache",
            "LOCATION": redis_url,
            "KEY_PREFIX": "foyer",
            "OPTIONS": options,
        }
    }


REDIS_URL: str = env.str("REDIS_URL", "")
SESSION_ENGINE = "tenants.sessions"

CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Twice the time limit and more, or a long task would be handed out a second time; the other
    # two bring a killed worker's tasks back after seconds (measured: 7 s instead of 92 s).
    "visibility_timeout": 660,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    # Waking a worker is a hint: one try, so that inviting takes no longer with Redis away (F01;
    # measured: 6 s with the defaults).
    "max_retries": 1,
    "interval_start": 0,
    "connect_retries_timeout": 1,
}
CELERY_BEAT_SCHEDULE = {
    # The rows are the promise; this sweep is what keeps it when a wake-up got lost (F01, F02).
    "deliver-due-mail": {"task": "foyer.deliver_due_mail", "schedule": 10.0},
    "upkeep": {"task": "foyer.upkeep", "schedule": 900.0},
    "provider-upkeep": {"task": "foyer.provider_upkeep", "schedule": 3600.0},
}

# --- How long things are kept, in days (D08) --------------------------------------------------------
FOYER_KEEP_NETWORK_ADDRESSES: int = env.int("FOYER_KEEP_NETWORK_ADDRESSES", 90)
FOYER_KEEP_ENDED_INVITATIONS: int = env.int("FOYER_KEEP_ENDED_INVITATIONS", 365)
FOYER_KEEP_SENT_MAIL: int = env.int("FOYER_KEEP_SENT_MAIL", 90)

# --- Mail ---------------------------------------------------------------------------------------
FOYER_MAIL_FROM: str = env.str("FOYER_MAIL_FROM", f"invitations@{FOYER_HOST}")
DEFAULT_FROM_EMAIL = f"Foyer <{FOYER_MAIL_FROM}>"
SERVER_EMAIL = FOYER_MAIL_FROM
EMAIL_TIMEOUT = 10


def mail_server(url: str) -> dict[str, Any]:
    """Django's EMAIL_* settings for one address such as `smtp+tls://user:secret@host:587`."""
    parsed: dict[str, Any] = dict(dj_email_url.parse(url))
    return {key: value for key, value in parsed.items() if key.startswith("EMAIL_")} | {
        "EMAIL_TIMEOUT": EMAIL_TIMEOUT
    }


# --- Accounts ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.Account"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["tenants.hashers.FoyerArgon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "tenants.passwords.LengthValidator"},
    {"NAME": "tenants.passwords.NamesValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Absolute, because a tenant request has a script prefix of its own.
LOGIN_URL = "/accounts/login/code/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "tenants.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
# Nobody signs up by form; without this allauth takes the password off its sign-in page too.
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
# Every mailed code: ten minutes, five tries, in the browser that asked (A10).
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 600
ACCOUNT_PASSWORD_RESET_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# As long as a mailed code is valid: who just came in by one is not asked for another.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
# An outside login is known by issuer and subject, never by its address (A06).
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = False
SOCIALACCOUNT_ADAPTER = "invitations.social.SocialAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    # The one provider class, `tenants.provider`; Google and Microsoft are OpenID Connect too.
    "outside": {"APPS": outside_apps(os.environ)}
}
SOCIALACCOUNT_STORE_TOKENS = False
MFA_ADAPTER = "tenants.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Foyer"
USERSESSIONS_TRACK_ACTIVITY = False
USERSESSIONS_ADAPTER = "tenants.adapters.SessionsAdapter"
ACCOUNT_FORMS = {
    "login": "tenants.forms.PasswordForm",
    "request_login_code": "tenants.forms.RequestCodeForm",
    "confirm_login_code": "tenants.forms.SignInCodeForm",
    "reset_password": "tenants.forms.ForgottenPasswordForm",  # nosec B105: the name of a form
    "confirm_password_reset_code": "tenants.forms.PasswordCodeForm",  # nosec B105: the name of a form
    "reset_password_from_key": "tenants.forms.NewPasswordForm",  # nosec B105: the name of a form
    "set_password": "tenants.forms.FirstPasswordForm",  # nosec B105: the name of a form
    "change_password": "tenants.forms.ChangedPasswordForm",  # nosec B105: the name of a form
    "add_email": "tenants.forms.AddAddressForm",
    "confirm_email_verification_code": "tenants.forms.AddressCodeForm",
    "reauthenticate": "tenants.forms.ConfirmPasswordForm",
}
MFA_FORMS = {
    "authenticate": "tenants.forms.SecondFactorForm",
    "reauthenticate": "tenants.forms.ConfirmSecondFactorForm",
    "authenticate_webauthn": "tenants.forms.SecondPasskeyForm",
    "reauthenticate_webauthn": "tenants.forms.ConfirmPasskeyForm",
    "activate_totp": "tenants.forms.AuthenticatorAppForm",
    "edit_webauthn": "tenants.forms.PasskeyNameForm",
}

# --- Browser -------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = FOYER_IS_HTTPS
COOKIE_PREFIX = "__Host-" if FOYER_IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}foyer-session"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}foyer-csrf"
LANGUAGE_COOKIE_NAME = f"{COOKIE_PREFIX}foyer-language"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if FOYER_IS_HTTPS:
    SECURE_HSTS_SECONDS = 2 * 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
MESSAGE_STORAGE = "tenants.flash.TenantCookieStorage"
CSRF_FAILURE_VIEW = "tenants.errors.csrf_failure"

# --- Language, time, files -------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("nl", _("Dutch"))]
FORMAT_MODULE_PATH = "config.formats"
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE: str = env.str("FOYER_TIME_ZONE", "UTC")
STATIC_URL = "/static/"
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_secrets": {"()": "tenants.logs.SecretsFilter"}},
    "formatters": {"line": {"()": "tenants.logs.OneLineFormatter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["no_secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # Celery prints a task's arguments at INFO; names and ids are enough elsewhere.
        "celery.app.trace": {"level": "WARNING"},
    },
}
