"""The hash chain of an audit log, byte by byte. Pure: an export can be checked with this alone.

A row's *body* is what it tells, as JSON text with sorted keys, no spaces, everything beyond ASCII
escaped: `{"action":…,"actor_id":…,"detail":{…},"entry_id":…,"id":…,"invitation_id":…}`, ids as
text or null. Its *hash* is the SHA-256, in 64 small hexadecimal digits, of these ASCII bytes:

    foyer-audit-1 LF number LF at LF previous_hash LF body

with LF one byte 0x0A, no LF at the end, number in decimal (1 is the first row of a tenant), at in
UTC as `2026-11-23T17:26:51.000042Z` with six digits after the point, and previous_hash the hash of
the row before, 64 zeros for the first. The database computes it while it inserts the row
(`audit_chain()` in migration 0007); this module computes the same when it is checked.

Found: a row changed, taken out, put in or renumbered; with the head, rows cut off the end too. Not
found: a chain and its head rewritten together by somebody who may do both, unless an older head
(`verify_audit --head`) was kept elsewhere.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

ROOT = "0" * 64
FORMAT = "foyer-audit-1"


class UnfitDetailError(ValueError):
    """Something that has no one way to be written down: a float, a date, half a surrogate pair."""


@dataclass(frozen=True)
class Link:
    """One row as far as the chain goes."""

    number: int
    at: datetime
    previous_hash: str
    hash: str
    body: str


def _check(value: Any) -> None:
    match value:
        case None | bool() | int():
            pass
        case str():
            if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
                raise UnfitDetailError(repr(value))
        case list() | tuple():
            for part in value:
                _check(part)
        case dict():
            for key, part in value.items():
                if not isinstance(key, str):
                    raise UnfitDetailError(repr(key))
                _check(key)
                _check(part)
        case _:
            raise UnfitDetailError(repr(value))


def canonical(content: dict[str, Any]) -> str:
    """The one JSON text of `content`; `UnfitDetailError` for what has none."""
    _check(content)
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def body_of(
    *, row_id: Any, action: str, actor_id: Any, entry_id: Any, invitation_id: Any, detail: Any
) -> str:
    """What a row tells, as the text that is hashed."""
    ids = {
        "id": row_id,
        "actor_id": actor_id,
        "entry_id": entry_id,
        "invitation_id": invitation_id,
    }
    texts = {name: None if value is None else str(value) for name, value in ids.items()}
    return canonical({**texts, "action": str(action), "detail": detail})


def time_text(at: datetime) -> str:
    """`2026-11-23T17:26:51.000042Z`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def seal(*, number: int, at: datetime, previous_hash: str, body: str) -> str:
    """The hash of a row."""
    parts = (FORMAT, str(number), time_text(at), previous_hash, body)
    return sha256("\n".join(parts).encode()).hexdigest()


def flaw(link: Link) -> str:
    """What is wrong with this row by itself, "" when nothing is."""
    sealed = seal(number=link.number, at=link.at, previous_hash=link.previous_hash, body=link.body)
    return "" if sealed == link.hash else "content: its hash is of something else"


def flaw_after(link: Link, *, number: int, previous_hash: str) -> str:
    """What is wrong with this row as the one after row `number`, "" when nothing is."""
    if link.number != number + 1:
        return f"gap: row {number + 1} is missing"
    if link.previous_hash != previous_hash:
        return "link: it does not follow from the row before it"
    return flaw(link)
