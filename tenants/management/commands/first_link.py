from typing import Any

from django.core.management.base import BaseCommand

from tenants import schema
from tenants.first_link import setup_link


class Command(BaseCommand):
    help = "Print where to go: the one-time link of an empty installation, or the sign-in page."

    def handle(self, *args: Any, **options: Any) -> None:
        link = setup_link()
        if link:
            self.stdout.write(f"Create the first organization: {link}")
        else:
            self.stdout.write(f"Sign in: {schema.absolute_url('/')}")
