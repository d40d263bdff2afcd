"""Throw-away PostgreSQL and Valkey for a test run. Loaded with `-p tests.servers`.

They must answer before Django reads its settings, so they start when this module is imported:
pytest-django loads the settings in the first hook there is. Parallel workers find the addresses
in the environment and start nothing.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from config import embedded


def _start() -> None:
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return
    folder = Path(tempfile.mkdtemp(prefix="foyer-tests-"))
    # PostgreSQL's user must get to its own folder in there.
    folder.chmod(0o711)
    postgres = embedded.Postgres(folder, password="tests", settings=embedded.THROW_AWAY)
    valkey = embedded.Valkey(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for server in (postgres, valkey):
        server.start()
        atexit.register(server.stop)
    os.environ.setdefault("DATABASE_URL", postgres.url)
    os.environ.setdefault("REDIS_URL", valkey.url)


_start()
