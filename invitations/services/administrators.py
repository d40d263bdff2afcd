"""A tenant never loses its last administrator (P06)."""

from invitations.errors import LastAdministratorError
from invitations.models import DirectoryEntry, RoleAssignment
from invitations.permissions import Role


def keep_an_administrator(entry: DirectoryEntry) -> None:
    """Raise `LastAdministratorError` when `entry` is the only administrator who can sign in.

    Call it in the transaction that takes the entry out. It locks the assignments, always in the
    same order, so that two administrators who remove each other take turns.
    """
    assignments = RoleAssignment.objects.select_for_update().filter(role=Role.ADMINISTRATOR)
    administrators = {assignment.entry_id for assignment in assignments.order_by("pk")}
    if entry.pk not in administrators:
        return
    others = DirectoryEntry.objects.inside().filter(pk__in=administrators - {entry.pk})
    if not others.exists():
        raise LastAdministratorError
