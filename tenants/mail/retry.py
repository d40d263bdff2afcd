"""When a mail that could not leave is tried again (F05). Pure."""

from datetime import timedelta

STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120, 240))
GIVE_UP_AFTER = timedelta(hours=72)


def next_delay(*, attempts: int, age: timedelta) -> timedelta | None:
    """How long to wait after the `attempts`-th try failed for now, or None to give up.

    The intervals grow from a minute to four hours; after 72 hours of trying it is over.
    """
    delay = STEPS[min(max(attempts, 1), len(STEPS)) - 1]
    return delay if age + delay <= GIVE_UP_AFTER else None
