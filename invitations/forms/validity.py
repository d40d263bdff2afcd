"""How long an invitation is good for, to choose from."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from invitations.models import TenantPolicy

VALIDITIES = [
    (3600, _("1 hour")),
    (24 * 3600, _("1 day")),
    (3 * 24 * 3600, _("3 days")),
    (7 * 24 * 3600, _("7 days")),
    (14 * 24 * 3600, _("14 days")),
    (30 * 24 * 3600, _("30 days")),
]
DAY = 24 * 3600


def validity_choices(policy: TenantPolicy) -> list[tuple[int, Any]]:
    """The usual periods, and the tenant's own when it is another."""
    own = int(policy.validity.total_seconds())
    if own in dict(VALIDITIES):
        return VALIDITIES
    hours, days = own // 3600, own // DAY
    label: Any = (
        ngettext_lazy("%d day", "%d days", days) % days
        if own % DAY == 0
        else ngettext_lazy("%d hour", "%d hours", hours) % hours
    )
    return sorted([*VALIDITIES, (own, label)])
