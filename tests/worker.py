"""A worker of its own process, to be killed."""

import os
import subprocess
import sys

from django.db import connection

WORKER = """
import sys, django
django.setup()
from django.conf import settings
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", int(sys.argv[1])
from invitations.tasks import deliver_due_mail
deliver_due_mail()
"""


def start_worker(port: int) -> subprocess.Popen[bytes]:
    facts = connection.settings_dict
    secret = f":{facts['PASSWORD']}" if facts["PASSWORD"] else ""
    address = f"{facts['USER']}{secret}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    env = os.environ | {
        "DATABASE_URL": f"postgresql://{address}",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    return subprocess.Popen([sys.executable, "-c", WORKER, str(port)], env=env)  # noqa: S603
