"""What the database lets a web address be."""

from django.db.models import Q

from invitations.redirects import LOOPBACKS


def https_or_loopback(field: str) -> Q:
    """What a shared app's address may be: https, or plain http on the person's own machine."""
    allowed = Q(**{f"{field}__startswith": "https://"})
    for prefix in LOOPBACKS:
        allowed |= Q(**{f"{field}__startswith": prefix})
    return allowed
