"""Everything Foyer keeps about one person, as plain data (D04)."""

from collections.abc import Iterable
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db.models import Q

from consent.models import (
    AppVisit,
    Authorization,
    ConsentRecord,
    PrivacyStatement,
    TermsOfUse,
    TermsRecord,
)
from invitations.models import (
    AppAssignment,
    AuditEvent,
    DirectoryEntry,
    Invitation,
    Sponsorship,
)
from tenants import schema
from tenants.accounts import proved_addresses
from tenants.mail import blocks
from tenants.models import Account, Tenant


def _rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


def account_data(account: Account) -> dict[str, Any]:
    """The sign-in itself: no password, key or code, only that there is one."""
    return {
        "id": account.pk,
        "name": account.display_name,
        "since": account.date_joined,
        "last_sign_in": account.last_login,
        "has_password": account.has_usable_password(),
        "addresses": _rows(
            EmailAddress.objects.filter(user=account).values("email", "verified", "primary")
        ),
        "second_factors": _rows(
            Authenticator.objects.filter(user=account).values("type", "created_at", "last_used_at")
        ),
        "outside_logins": _rows(
            SocialAccount.objects.filter(user=account).values("provider", "uid", "date_joined")
        ),
        "sessions": _rows(
            UserSession.objects.filter(user=account).values(
                "ip", "user_agent", "created_at", "last_seen_at"
            )
        ),
        "blocked_organizations": [
            block.tenant.name if block.tenant else "every organization"
            for block in blocks.of_addresses(proved_addresses(account))
        ],
    }


def _texts(versions: Iterable[PrivacyStatement | TermsOfUse]) -> dict[int, Any]:
    return {
        publication.version: {
            "published_at": publication.published_at,
            "sha256": publication.content_hash,
            "said": list(publication.said),
        }
        for publication in versions
    }


def directory_data(entry: DirectoryEntry) -> dict[str, Any]:
    """One tenant's rows about the person, with the exact texts that were agreed to (D07)."""
    consents = ConsentRecord.objects.filter(entry=entry).order_by("agreed_at")
    terms = TermsRecord.objects.filter(entry=entry).order_by("accepted_at")
    events = AuditEvent.objects.filter(Q(entry_id=entry.pk) | Q(actor_id=entry.pk)).order_by("at")
    return {
        "id": entry.pk,
        "name": entry.display_name,
        "address": entry.address,
        "further_addresses": list(entry.aliases.values_list("address", flat=True)),
        "user_type": entry.user_type,
        "state": entry.external_user_state,
        "state_changed_at": entry.state_changed_at,
        "enabled": entry.enabled,
        "deleted_at": entry.deleted_at,
        "roles": list(entry.role_assignments.values_list("role", flat=True)),
        "sponsors": [
            str(sponsorship.sponsor)
            for sponsorship in Sponsorship.objects.filter(entry=entry).select_related("sponsor")
        ],
        "invitations": _rows(
            Invitation.objects.filter(entry=entry)
            .order_by("created_at")
            .values(
                "id",
                "address",
                "status",
                "end_reason",
                "message",
                "language",
                "redirect_url",
                "created_at",
                "expires_at",
                "ended_at",
            )
        ),
        "consents": _rows(
            consents.values("agreed_at", "withdrawn_at", "flow", "language", "statement__version")
        ),
        "privacy_statements": _texts(
            PrivacyStatement.objects.newest_first().filter(
                pk__in=consents.exclude(statement=None).values("statement")
            )
        ),
        "terms_accepted": _rows(terms.values("accepted_at", "language", "terms__version")),
        "terms_of_use": _texts(
            TermsOfUse.objects.newest_first().filter(pk__in=terms.values("terms"))
        ),
        "apps": _rows(
            AppAssignment.objects.filter(entry=entry).values("app__name", "roles", "given_at")
        ),
        "groups": list(entry.groups.values_list("group__name", flat=True)),
        "owner_of": [
            *entry.apps_owned.values_list("app__name", flat=True),
            *entry.groups_owned.values_list("group__name", flat=True),
        ],
        "apps_used": _rows(
            AppVisit.objects.filter(entry=entry).values("app__name", "first_at", "last_at")
        ),
        "app_sign_ins": _rows(
            Authorization.objects.filter(entry=entry)
            .order_by("created_at")
            .values("client__app__name", "scope", "created_at", "authenticated_at", "ended_at")
        ),
        "audit": _rows(events.values("at", "action", "detail")),
    }


def person_data(account: Account) -> dict[str, Any]:
    """Account and every organization in which the person is, was, or is invited.

    Only what was found by this account, or by an address it proved: nobody else's rows.
    """
    addresses = proved_addresses(account)
    organizations: list[dict[str, Any]] = []
    for tenant in Tenant.objects.order_by("name"):
        with schema.in_tenant(tenant):
            entries = DirectoryEntry.objects.about(account, addresses)
            organizations += [
                {"organization": tenant.name, "domain": tenant.domain} | directory_data(entry)
                for entry in entries.order_by("created_at")
            ]
    return {"account": account_data(account), "organizations": organizations}
