"""Who may invite, level by level."""

import pytest

from invitations.permissions import GRANTS, Permission, Role, WhoMayInvite, may_invite

LEVELS = list(WhoMayInvite)
ADMINISTRATOR, USER_ADMINISTRATOR = Role.ADMINISTRATOR, Role.USER_ADMINISTRATOR
INVITER, AUDITOR = Role.GUEST_INVITER, Role.AUDITOR


@pytest.mark.parametrize(
    ("roles", "is_member", "lowest"),
    [
        ([], False, WhoMayInvite.EVERYONE),
        ([], True, WhoMayInvite.MEMBERS),
        ([AUDITOR], False, WhoMayInvite.EVERYONE),
        ([AUDITOR], True, WhoMayInvite.MEMBERS),
        ([INVITER], False, WhoMayInvite.INVITERS),
        ([INVITER], True, WhoMayInvite.INVITERS),
        ([INVITER, AUDITOR], True, WhoMayInvite.INVITERS),
        ([USER_ADMINISTRATOR], False, WhoMayInvite.ADMINISTRATORS),
        ([USER_ADMINISTRATOR], True, WhoMayInvite.ADMINISTRATORS),
        ([ADMINISTRATOR], False, WhoMayInvite.ADMINISTRATORS),
        ([ADMINISTRATOR], True, WhoMayInvite.ADMINISTRATORS),
        (list(Role), True, WhoMayInvite.ADMINISTRATORS),
    ],
)
def test_the_table(roles: list[Role], is_member: bool, lowest: WhoMayInvite) -> None:
    """P03: five levels for everybody there can be; each level has the ones before it."""
    found = [each for each in LEVELS if may_invite(each, roles=roles, is_member=is_member)]
    assert found == LEVELS[LEVELS.index(lowest) :]


def test_who_shares_any_app_may_invite_to_it() -> None:
    """P04: only administrators share what is not theirs."""
    sharers = {role for role, granted in GRANTS.items() if Permission.SHARE_APPS in granted}
    assert sharers == {ADMINISTRATOR, USER_ADMINISTRATOR}
    managers = {role for role, granted in GRANTS.items() if Permission.MANAGE_APPS in granted}
    assert managers == {ADMINISTRATOR}
