#!/usr/bin/env python
"""Django's command line for Foyer."""

import os
import sys

from django.core.management import execute_from_command_line

from config import embedded

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    # Beside `make run`, links lead to where that listens.
    if os.environ["DJANGO_SETTINGS_MODULE"] == "config.settings.local" and (
        servers := embedded.running_servers()
    ):
        os.environ.setdefault("FOYER_ORIGIN", servers.origin)
    execute_from_command_line(sys.argv)
