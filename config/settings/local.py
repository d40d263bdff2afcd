"""`make run`: embedded servers, a mailbox page instead of a mail server, plain http on loopback."""

from config import embedded
from config.settings.base import *  # noqa: F403
from config.settings.base import caches, database, env, mail_server

FOYER_LOCAL = True
FOYER_DATA = embedded.data_folder()

_keys = embedded.keys()
SECRET_KEY = _keys["SECRET_KEY"]
FOYER_TICKET_KEY = _keys["FOYER_TICKET_KEY"]

_servers = embedded.running_servers()
_database_url = env.str("DATABASE_URL", "") or (_servers.database_url if _servers else "")
REDIS_URL = env.str("REDIS_URL", "") or (
    _servers.redis_url if _servers else "redis://localhost:1/0"
)
# Without a server the address is one that says so when it is used: `makemigrations` needs none.
DATABASES = {
    "default": database(
        _database_url or "postgresql://foyer@start-it-with-make-run.invalid/foyer", pool=True
    )
}
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL

_mail_url = env.str("EMAIL_URL", "")
if _mail_url:
    globals().update(mail_server(_mail_url))
else:
    EMAIL_BACKEND = "tenants.mail.mailbox.MailboxBackend"
FOYER_MAILBOX = None if _mail_url else FOYER_DATA / "mailbox"

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
STATIC_ROOT = None
WHITENOISE_AUTOREFRESH = False
