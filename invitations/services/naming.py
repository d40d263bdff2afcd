"""What apps and groups are called."""

from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from invitations.errors import FieldError
from invitations.models import Group, SharedApp
from invitations.services.fields import clean_display_name
from tenants.words import WordsError, check_name

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 200
NAMED_ONCE = frozenset({"app_name_once", "group_name_once"})


def clean_name(text: str) -> str:
    """A name of an app or group; `FieldError` for `name`."""
    name = clean_display_name(text)
    if not name:
        raise FieldError("name", "empty")
    if len(name) > LONGEST_NAME:
        raise FieldError("name", "long")
    return name


def clean_description(text: str) -> str:
    """What an app or group is for, as plain text; `FieldError` for `description`."""
    try:
        return check_name(text, longest=LONGEST_DESCRIPTION, own_domains=frozenset())
    except WordsError as error:
        raise FieldError("description", error.reason) from error


def save_named(row: SharedApp | Group) -> None:
    """Save it under its name; `FieldError` for one that another has."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        broken = error.__cause__
        if isinstance(broken, UniqueViolation) and broken.diag.constraint_name in NAMED_ONCE:
            raise FieldError("name", "exists") from error
        raise
