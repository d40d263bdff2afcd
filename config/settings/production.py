"""Real servers. Refuses to start with settings that would not hold, and says which (S03)."""

from config.settings.base import *  # noqa: F403
from config.settings.base import (
    ALLOWED_HOSTS,
    FOYER_ORIGIN,
    FOYER_TICKET_KEY,
    REDIS_URL,
    SECRET_KEY,
    caches,
    database,
    env,
    mail_server,
)
from config.settings.refusals import refuse_unsafe

DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ALLOWED_HOSTS)
DATABASES = {"default": database(env.str("DATABASE_URL"), pool=True)}
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL
globals().update(mail_server(env.str("EMAIL_URL")))
FOYER_MAILBOX = None

refuse_unsafe(
    caches=CACHES,
    debug=DEBUG,
    origin=FOYER_ORIGIN,
    hosts=ALLOWED_HOSTS,
    secret_key=SECRET_KEY,
    ticket_key=FOYER_TICKET_KEY,
    proxy_count=env.int("FOYER_PROXY_COUNT", None),
)
