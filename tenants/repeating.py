"""Once more, when the database could not do two things at once (R09)."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, connection

P = ParamSpec("P")
T = TypeVar("T")
TRIES = 3
# PostgreSQL's codes: could not serialize, deadlock, and a row that another just took away.
PASSING = frozenset({"40001", "40P01", "23503"})


def is_passing(error: DatabaseError) -> bool:
    """Whether the same act may go well a moment later."""
    return getattr(error.__cause__, "sqlstate", None) in PASSING


def repeated(act: Callable[P, T]) -> Callable[P, T]:
    """Do it up to three times in all, each in a transaction of its own; what the last one raises
    is raised. Inside somebody else's transaction, which is over by then, it is done once."""

    @wraps(act)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        for _time in range(TRIES - 1):
            try:
                return act(*args, **kwargs)
            except DatabaseError as error:
                if connection.in_atomic_block or not is_passing(error):
                    raise
        return act(*args, **kwargs)

    return wrapped
