"""Before the first request: tables up to date, the demonstration if asked for, where to go.

`--demo http://localhost:8001` makes it, with its sample app at that origin.

One process for all of it: each start of Django costs a second of the eight that a start may take.
"""

import sys

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    call_command("migrate_schemas", interactive=False, verbosity=0)
    if "--demo" in sys.argv[1:]:
        call_command("demo", room=sys.argv[-1])
    call_command("first_link")
