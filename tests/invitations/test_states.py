import itertools

import pytest

from invitations.errors import TransitionError
from invitations.states import OPEN, TRANSITIONS, InvitationStatus, check_transition

PENDING = InvitationStatus.PENDING_ACCEPTANCE


@pytest.mark.parametrize(("source", "target"), list(itertools.product(InvitationStatus, repeat=2)))
def test_only_a_pending_invitation_ends_and_only_once(
    source: InvitationStatus, target: InvitationStatus
) -> None:
    if source == PENDING and target != PENDING:
        check_transition(source, target)
    else:
        with pytest.raises(TransitionError):
            check_transition(source, target)


def test_every_status_has_its_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(InvitationStatus)
    assert set(OPEN) == {PENDING}
