"""Keyset pages: one page of a list of any length, with signed markers towards its neighbours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.contrib.postgres.expressions import ArraySubquery
from django.core import signing
from django.db.models import Func, IntegerField, Q
from django.http import QueryDict

PAGE = 50
CAP = 1000
LONGEST_SEARCH = 100

Row = TypeVar("Row")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in the list's order; a marker is empty where there is nothing beyond."""

    rows: list[Row]
    next_marker: str = ""
    previous_marker: str = ""

    def of(self, make: Callable[[Row], Made]) -> "Page[Made]":
        """The same page of what `make` makes of each row."""
        return Page([make(row) for row in self.rows], self.next_marker, self.previous_marker)


@dataclass(frozen=True)
class Links:
    """Where the neighbours of a page are; empty where there is none."""

    next_url: str
    previous_url: str


def _salt(by: Sequence[str]) -> str:
    """A marker fits lists of the same order only. It says where to go on, not what may be read."""
    return f"page by {' '.join(by)}"


def _marker(row: Any, by: Sequence[str], direction: str) -> str:
    values = [getattr(row, name.lstrip("-")) for name in by]
    told = [each.isoformat() if isinstance(each, datetime) else str(each) for each in values]
    return signing.dumps([direction, *told], salt=_salt(by))


def _opened(marker: str, by: Sequence[str]) -> tuple[str, list[str]]:
    """Direction and values of a marker; a bad one is the start."""
    try:
        direction, *values = signing.loads(marker, salt=_salt(by))
    except signing.BadSignature:
        return "", []
    return direction, values


def _turned(by: Sequence[str]) -> list[str]:
    return [name[1:] if name.startswith("-") else f"-{name}" for name in by]


def _beyond(order: Sequence[str], values: Sequence[str]) -> Q:
    """What comes after the values in this order; one direction for all of its columns."""
    column = order[0].lstrip("-")
    compare = "lt" if order[0].startswith("-") else "gt"
    further = Q(**{f"{column}__{compare}": values[0]})
    if len(order) == 1:
        return further
    # Said twice, so that an index on the first column is entered where the page begins.
    bound = Q(**{f"{column}__{compare}e": values[0]})
    return bound & (further | _beyond(order[1:], values[1:]))


def page_of(found: Any, *, by: Sequence[str], marker: str = "", size: int = PAGE) -> Page[Any]:
    """At most `size` rows; `marker` comes from a page before.

    `by` names columns or annotations that together are unique and never empty.
    """
    direction, values = _opened(marker, by)
    order = _turned(by) if direction == "before" else list(by)
    beyond = found.filter(_beyond(order, values)) if direction else found
    rows = list(beyond.order_by(*order)[: size + 1])
    if direction and not rows:
        # Everything beyond the marker is gone meanwhile: better the start than an empty page.
        return page_of(found, by=by, size=size)
    more, rows = len(rows) > size, rows[:size]
    has_next, has_previous = more, bool(direction)
    if direction == "before":
        rows.reverse()
        has_next, has_previous = True, more
    return Page(
        rows,
        next_marker=_marker(rows[-1], by, "after") if has_next else "",
        previous_marker=_marker(rows[0], by, "before") if has_previous else "",
    )


def count(found: Any) -> int:
    """How many there are, counted up to `CAP` + 1."""
    return int(found.order_by().values("pk")[: CAP + 1].count())


def number_of(found: Any) -> Func:
    """The same beside each row of a query, which `found` refers to."""
    first = ArraySubquery(found.order_by().values("pk")[: CAP + 1])
    return Func(first, function="cardinality", output_field=IntegerField())


def capped(number: int) -> str:
    """`412`, or `1,000+` beyond the cap."""
    return f"{CAP:,}+" if number > CAP else str(number)


def search_text(asked: str) -> str:
    """What was typed into a search field, as it may be looked for."""
    return asked.replace("\0", "").strip()[:LONGEST_SEARCH]


def url_of(path: str, asked: Mapping[str, str]) -> str:
    """The path with what is asked for, without what is empty."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path


def links(
    page: Page[Any], path: str, *, name: str = "at", asked: Mapping[str, str], part: str = ""
) -> Links:
    """Links to the neighbours of a page whose marker is called `name`, into a part of a page."""

    def link(marker: str) -> str:
        return url_of(path, {**asked, name: marker}) + part if marker else ""

    return Links(link(page.next_marker), link(page.previous_marker))


@dataclass(frozen=True)
class Asked:
    """What somebody looks for and where in the lists of a page they are, to keep it in links."""

    path: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, path: str, got: QueryDict, *markers: str) -> "Asked":
        """From the query string: `q`, and the markers of the page's lists by their names."""
        values = {name: got.get(name, "") for name in markers}
        return cls(path, {"q": search_text(got.get("q", "")), **values})

    @property
    def search(self) -> str:
        return self.values["q"]

    @property
    def url(self) -> str:
        """This very page again."""
        return url_of(self.path, self.values)

    def marker(self, name: str) -> str:
        return self.values[name]

    def links(self, page: Page[Any], name: str) -> Links:
        """To the neighbours in the list called `name`, where it stands in the page."""
        return links(page, self.path, name=name, asked=self.values, part=f"#{name}")
