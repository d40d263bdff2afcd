"""Throw-away PostgreSQL and Valkey for a test run. Loaded with `-p tests.servers`.

They must answer before Django reads its settings, so they start when this module is imported:
pytest-django loads the settings in the first hook there is. Parallel workers find the addresses
in the environment and start nothing.
"""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

from config.postgres import THROW_AWAY, Postgres
from config.valkey import Valkey


def _start() -> None:
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if not missing:
        return
    # A run that is asked to end takes its servers along, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="foyer-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # PostgreSQL's user must get to its own folder in there.
    folder.chmod(0o711)
    if "DATABASE_URL" in missing:
        postgres = Postgres(folder, password="tests", settings=THROW_AWAY)
        atexit.register(postgres.remove)
        postgres.start()
        os.environ["DATABASE_URL"] = postgres.url
    if "REDIS_URL" in missing:
        valkey = Valkey(folder)
        atexit.register(valkey.stop)
        valkey.start()
        os.environ["REDIS_URL"] = valkey.url


_start()
