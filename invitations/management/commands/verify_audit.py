from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from invitations.auditlog.verification import Verdict, verify
from tenants import schema
from tenants.models import Tenant


def kept_hash(text: str) -> tuple[int, str]:
    """`1234:9f86…` as number and hash."""
    number, _colon, digest = text.partition(":")
    if not (number.isdecimal() and number.isascii() and len(digest) == 64):
        raise ArgumentTypeError(f"“{text}” is not number:hash as --head prints it")
    return int(number), digest.lower()


def told(slug: str, verdict: Verdict) -> str:
    if not verdict.flaw:
        return f"{slug}: ok, {verdict.rows} rows"
    row = f"row {verdict.number}" + (f" ({verdict.row_id})" if verdict.row_id else "")
    return f"{slug}: BROKEN at {row}: {verdict.flaw}"


class Command(BaseCommand):
    help = (
        "Walk the audit logs' chains and name the first broken row. Finds rows changed, removed, "
        "put in or cut off. A chain and its head rewritten together are found only against a "
        "hash kept elsewhere: keep what --head prints, and give it with --expect."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", default="", metavar="SLUG")
        parser.add_argument("--head", action="store_true", help="Print number:hash of the newest.")
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            type=kept_hash,
            metavar="NUMBER:HASH",
            help="A head kept earlier; needs --tenant.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["tenant"]
        if options["expect"] and not slug:
            raise CommandError("--expect needs --tenant: every tenant has a chain of its own.")
        tenants = Tenant.objects.order_by("slug")
        if slug:
            tenants = tenants.filter(slug=slug)
            if not tenants:
                raise CommandError(f"There is no tenant “{slug}”.")
        broken = 0
        for tenant in tenants:
            with schema.in_tenant(tenant):
                verdict = verify(expected=dict(options["expect"]))
            self.stdout.write(told(tenant.slug, verdict))
            if options["head"] and not verdict.flaw:
                self.stdout.write(f"{verdict.rows}:{verdict.head}")
            broken += bool(verdict.flaw)
        if broken:
            raise CommandError(f"{broken} audit log(s) are broken.", returncode=1)
