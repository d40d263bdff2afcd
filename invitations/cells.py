"""Cells of exports that no spreadsheet takes for a formula (B06). Pure."""

STARTS = frozenset("=+-@\t\r\n＝＋－＠'")  # noqa: RUF001


def guard(text: str) -> str:
    """The text with `'` before it when a spreadsheet could run it."""
    first = text.lstrip(" ")[:1]
    return f"'{text}" if first in STARTS and first else text


def unguard(text: str) -> str:
    """What `guard` was given."""
    return text.removeprefix("'")
