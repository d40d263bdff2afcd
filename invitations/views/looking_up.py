"""The row that a button is about."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404

Row = TypeVar("Row", bound=Model)


def row_or_404(rows: QuerySet[Row], pk: str) -> Row:
    """The row of this id among `rows`, or the 404 of an id that never existed (N01)."""
    try:
        found = rows.filter(pk=UUID(pk)).first()
    except ValueError as error:
        raise Http404 from error
    if found is None:
        raise Http404
    return found
