import itertools

import pytest

from invitations.errors import TransitionError
from invitations.states import OPEN, TRANSITIONS, InvitationStatus, check_transition

PENDING = InvitationStatus.PENDING_ACCEPTANCE
DECLINED = InvitationStatus.DECLINED
COMPLETED = InvitationStatus.COMPLETED
REVOKED = InvitationStatus.REVOKED


@pytest.mark.parametrize(("source", "target"), list(itertools.product(InvitationStatus, repeat=2)))
def test_what_is_completed_or_revoked_stays_so(
    source: InvitationStatus, target: InvitationStatus
) -> None:
    thought_again = source == DECLINED and target in {COMPLETED, REVOKED}
    if thought_again or (source == PENDING and target != PENDING):
        check_transition(source, target)
    else:
        with pytest.raises(TransitionError):
            check_transition(source, target)


def test_every_status_has_its_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(InvitationStatus)
    assert set(OPEN) == {PENDING, DECLINED}
