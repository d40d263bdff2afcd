"""How gunicorn serves Foyer, here and in production."""

import os
from typing import Any

import gunicorn.http.wsgi
from django.conf import settings
from django.urls import get_resolver
from gunicorn.glogging import Logger

from tenants.logs import without_tickets

# No server and no version in any answer (C08).
gunicorn.http.wsgi.SERVER = "foyer"


class TicketlessLogger(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """The access log without tickets, queries and cookies (T04)."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        atoms["U"] = without_tickets(str(atoms["U"]))
        return atoms


def when_ready(_server: object) -> None:
    """Read the paths before the workers fork, not when the first guest waits."""
    for paths in (settings.ROOT_URLCONF, settings.TENANT_URLCONF):
        _ = get_resolver(paths).url_patterns


is_production = "production" in os.environ.get("DJANGO_SETTINGS_MODULE", "")

bind = os.environ.get("GUNICORN_BIND") or f"127.0.0.1:{os.environ.get('PORT', '8000')}"
# Its default is one path for all of a user's gunicorns: two checkouts would meet there.
control_socket_disable = True
# Loaded once, before the workers fork: a start takes half the time, and so does a killed worker's.
preload_app = True
worker_class = "gthread"
workers = int(os.environ.get("GUNICORN_WORKERS", "2"))
threads = int(os.environ.get("GUNICORN_THREADS", "8"))
graceful_timeout = 30 if is_production else 5
timeout = 60
limit_request_line = 8190
logger_class = TicketlessLogger
accesslog = "-"
access_log_format = "%(m)s %(U)s %(s)s %(L)ss"
errorlog = "-"
loglevel = "error"
