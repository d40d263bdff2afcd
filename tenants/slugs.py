"""Which slugs may name a tenant: it becomes a path and the name of a schema (N09). Pure."""

import re

LONGEST = 40
PATTERN = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
RESERVED = frozenset(
    [
        "public",
        "information-schema",
        "postgres",
        "template0",
        "template1",
        "foyer",
        "admin",
        "root",
        "system",
        "static",
        "accounts",
        "organizations",
        "console",
        "setup",
        "health",
        "mailbox",
        "about",
        "api",
        "www",
    ]
)


class SlugError(ValueError):
    """The slug may not be used; the message says why, in English, for operators."""


def check_slug(slug: str) -> str:
    """The slug itself when it may name a tenant; `SlugError` otherwise, before any DDL."""
    if not PATTERN.fullmatch(slug) or "--" in slug:
        raise SlugError(
            f"“{slug[:60]}” is not a slug: 1 to {LONGEST} of a–z, 0–9 and single hyphens, "
            "beginning with a letter and not ending with a hyphen."
        )
    if slug in RESERVED or slug.startswith(("pg-", "xn--")):
        raise SlugError(f"“{slug}” is reserved.")
    return slug
