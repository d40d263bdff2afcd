"""Proof of the invited mailbox by somebody signed in as another address (product 3.4 c, A07).

Kept in the browser's session, for one invitation and one account, for an hour.
"""

import time
from uuid import UUID

from django.http import HttpRequest

from tenants.models import Account

KEY = "foyer-proofs"
LIFETIME_SECONDS = 3600


def remember(request: HttpRequest, invitation_id: UUID, *, account: Account, address: str) -> None:
    """This account, in this browser, showed that the mailbox is its own too."""
    kept = request.session.get(KEY, {})
    kept[str(invitation_id)] = [str(account.pk), address, time.time()]
    request.session[KEY] = kept


def proved_address(request: HttpRequest, invitation_id: UUID, *, account: Account) -> str:
    """Which address the account proved for this invitation; empty for none."""
    owner, address, at = request.session.get(KEY, {}).get(str(invitation_id), ["", "", 0])
    fresh = time.time() - at < LIFETIME_SECONDS
    return address if fresh and owner == str(account.pk) else ""
