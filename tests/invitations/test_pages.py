"""Keyset pages of lists that grow, shrink and have equal values."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from invitations import pages
from invitations.models import DirectoryEntry
from tenants import schema
from tenants.models import Tenant

NEWEST = ("-invited_at", "-id")
AT = datetime(2026, 2, 14, 9, 30, tzinfo=UTC)


@pytest.fixture
def people(contoso: Tenant) -> Iterator[Any]:
    """Eleven people, all invited in the same moment."""
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.bulk_create(
            DirectoryEntry(address=f"p{number:02}@northwind.example", invited_at=AT)
            for number in range(11)
        )
        yield DirectoryEntry.objects.filter(address__endswith="@northwind.example")


def there_and_back(people: Any, by: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
    page = pages.page_of(people, by=by, size=4)
    forth, back = [page.rows], list[Any]()
    while page.next_marker:
        page = pages.page_of(people, by=by, size=4, marker=page.next_marker)
        forth.append(page.rows)
    while page.previous_marker:
        page = pages.page_of(people, by=by, size=4, marker=page.previous_marker)
        back.insert(0, page.rows)
    return forth, back


@pytest.mark.parametrize("by", [NEWEST, ("invited_at", "id"), ("address",), ("-address",)])
def test_pages_hold_everybody_once_in_both_directions(people: Any, by: tuple[str, ...]) -> None:
    forth, back = there_and_back(people, by)
    assert [len(rows) for rows in forth] == [4, 4, 3]
    assert [row for rows in forth for row in rows] == list(people.order_by(*by))
    assert back == forth[:2]


def test_a_marker_outlives_its_row_and_its_page(people: Any) -> None:
    first = pages.page_of(people, by=("address",), size=8)
    first.rows[-1].delete()
    second = pages.page_of(people, by=("address",), size=8, marker=first.next_marker)
    assert [entry.address[:3] for entry in second.rows] == ["p08", "p09", "p10"]
    people.filter(address__gt="p08").delete()
    start = pages.page_of(people, by=("address",), size=8, marker=first.next_marker)
    assert start.rows[0] == first.rows[0]
    assert not start.previous_marker


def test_a_marker_that_is_not_ours_is_the_start(people: Any) -> None:
    """Forged, cut short, or of a list in another order."""
    other = pages.page_of(people, by=("-address",), size=4).next_marker
    start = pages.page_of(people, by=("address",), size=4)
    for bad in ("", "x", "\0", other, start.next_marker[:-1], f"{start.next_marker}x"):
        assert pages.page_of(people, by=("address",), size=4, marker=bad) == start


def test_links_keep_what_is_asked_and_leave_out_what_is_empty(people: Any) -> None:
    page = pages.page_of(people, by=("address",), size=4)
    links = pages.links(page, "/o/contoso/x/", asked={"q": "a&b", "state": ""}, part="#people")
    assert (
        links.next_url == f"/o/contoso/x/?q=a%26b&at={page.next_marker.replace(':', '%3A')}#people"
    )
    assert links.previous_url == ""


def test_counting_stops_at_the_cap(people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pages.count(people) == 11
    monkeypatch.setattr(pages, "CAP", 10)
    assert pages.capped(pages.count(people)) == "10+"
    assert pages.capped(10) == "10"
