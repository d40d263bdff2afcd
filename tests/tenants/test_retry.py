from datetime import timedelta

from tenants.mail.retry import GIVE_UP_AFTER, next_delay


def test_intervals_grow_from_a_minute_to_four_hours_until_72_hours_are_over() -> None:
    """F05: nobody waits long for a greylisting server, nobody is hammered."""
    age = timedelta()
    delays: list[timedelta] = []
    while (delay := next_delay(attempts=len(delays) + 1, age=age)) is not None:
        delays.append(delay)
        age += delay
    assert delays[0] == timedelta(minutes=1)
    assert delays[-1] == timedelta(hours=4)
    assert delays == sorted(delays)
    assert GIVE_UP_AFTER - timedelta(hours=4) < age <= GIVE_UP_AFTER
