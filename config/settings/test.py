"""The test suite: the servers `tests.servers` started, an SMTP sink a test may start."""

from config.settings.base import *  # noqa: F403
from config.settings.base import BASE_DIR, LOGGING, caches, database, env

SECRET_KEY = "only-for-tests-" + "k" * 50  # nosec B105: no secret, a constant of the tests
FOYER_TICKET_KEY = "only-for-tests-" + "t" * 50  # nosec B105: the same
FOYER_ORIGIN = "https://testserver"
FOYER_HOST = "testserver"
FOYER_MAIL_FROM = "invitations@testserver.example"
DEFAULT_FROM_EMAIL = f"Foyer <{FOYER_MAIL_FROM}>"
ALLOWED_HOSTS = ["testserver"]
CSRF_TRUSTED_ORIGINS = [FOYER_ORIGIN]
FOYER_LOCAL = True
FOYER_MAILBOX = None
# There is no such folder: a test that writes into it names one of its own.
FOYER_DATA = BASE_DIR / "test-results" / "no-data"

DATABASES = {
    "default": database(env.str("DATABASE_URL", "postgresql://foyer@localhost:1/foyer"), pool=False)
}
DATABASES["default"]["TEST"] = {"NAME": "foyer_test"}
# A numbered database of Valkey for every parallel worker: each clears its own.
WORKER = env.str("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
REDIS_URL = env.str("REDIS_URL", "redis://localhost:1/0").rpartition("/")[0] + f"/{WORKER}"
# Tests read log records; nobody reads the console.
LOGGING["root"]["handlers"] = []
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
STATIC_ROOT = None
WHITENOISE_AUTOREFRESH = True
