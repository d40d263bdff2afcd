"""The audit log: written in one statement, never changed unnoticed, read by who may."""

import re
from collections.abc import Callable
from typing import Any

from invitations import audit
from invitations.models import AuditAction, AuditEvent, AuditHead
from tenants import schema
from tenants.models import Tenant
from tests.conftest import Invite


def test_rows_are_numbered_without_gaps_and_chained(contoso: Tenant, invite: Invite) -> None:
    invite()
    with schema.in_tenant(contoso):
        numbers = list(AuditEvent.objects.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        assert AuditHead.objects.get().number == len(numbers)
