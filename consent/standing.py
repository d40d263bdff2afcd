"""Where somebody stands with an app: in the directory, let in, and everything answered.

Put into the look-up of a client or of a token, so that the check costs no statement of its own.
"""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, Func, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, JSONObject, Now

from consent.models import (
    OFFLINE,
    ConsentRecord,
    PrivacyStatement,
    TermsOfUse,
    TermsRecord,
)
from invitations.models import DirectoryEntry, SharedApp, WhoMayEnter
from invitations.models.assignment import assignments_of
from invitations.states import ExternalUserState
from tenants.models import Account


def asks_again() -> Exists:
    """On entries: whether a statement that asks everybody came after what was agreed to."""
    agreed = ConsentRecord.objects.filter(
        entry=OuterRef(OuterRef("pk")), withdrawn_at__isnull=True
    ).order_by("-agreed_at")
    newest = Coalesce(Subquery(agreed.values("statement__version")[:1]), 0)
    return Exists(PrivacyStatement.objects.filter(agree_again=True, version__gt=newest))


def owes_terms() -> Exists:
    """On entries: whether the terms of today were not accepted, or not lately enough (CON-08)."""
    fresh = Q(terms__accept_again_after__isnull=True) | Q(
        accepted_at__gt=Now() - F("terms__accept_again_after")
    )
    accepted = TermsRecord.objects.filter(
        fresh,
        terms=OuterRef("pk"),
        entry=OuterRef(OuterRef("pk")),
        account_id=OuterRef(OuterRef("account_id")),
    )
    newest = TermsOfUse.objects.order_by("-version").values("version")[:1]
    current = TermsOfUse.objects.filter(version=Subquery(newest), required=True)
    return Exists(current.exclude(Exists(accepted)))


def standing_of(account_id: Any) -> Subquery:
    """On clients: the account's entry as JSON, None for strangers."""
    app = OuterRef("app_id")
    entries = DirectoryEntry.objects.present().filter(
        account_id=account_id, external_user_state=ExternalUserState.ACCEPTED
    )
    assigned = Exists(assignments_of(OuterRef("pk"), OuterRef("app_ref")))
    said = JSONObject(
        id="pk", enabled="enabled", assigned=assigned, again=asks_again(), terms=owes_terms()
    )
    return Subquery(entries.annotate(app_ref=app).values(said=said)[:1])


def _is_alive() -> Any:
    """On authorizations: whether everything still holds that held when they were given."""
    at = OuterRef("created_at")
    standing = Q(
        ended_at__isnull=True,
        entry__deleted_at__isnull=True,
        entry__enabled=True,
        entry__external_user_state=ExternalUserState.ACCEPTED,
        entry__account_id=F("account_id"),
        entry__sign_in_valid_from__lte=F("created_at"),
    )
    since = Q(is_active=True, sign_in_valid_from__lte=at)
    active = Exists(Account.objects.filter(since, pk=OuterRef("account_id")))
    everybody = SharedApp.objects.filter(
        pk=OuterRef("client__app_id"),
        who_may_enter=WhoMayEnter.EVERYBODY,
        who_may_enter_since__lte=at,
    )
    assigned = assignments_of(OuterRef("entry_id"), OuterRef("client__app_id"), at=at)
    let_in = Q(Exists(everybody)) | Q(Exists(assigned))
    signed_in = (
        Q(scope__contains=OFFLINE)
        | Q(session_row__isnull=True)
        | Q(Exists(UserSession.objects.filter(pk=OuterRef("session_row"))))
    )
    return ExpressionWrapper(standing & Q(active) & let_in & signed_in, output_field=BooleanField())


def _told_to_apps() -> dict[str, Any]:
    """On authorizations: what claims are made of (`provider.claims`)."""
    # First the address the directory knows, as long as the account proved it.
    as_invited = ExpressionWrapper(Q(email=OuterRef("entry__address")), output_field=BooleanField())
    proved = (
        EmailAddress.objects.filter(user_id=OuterRef("account_id"), verified=True)
        .annotate(as_invited=as_invited)
        .order_by("-as_invited", "-primary")
    )
    account = Account.objects.filter(pk=OuterRef("account_id"))
    given = assignments_of(OuterRef("entry_id"), OuterRef("client__app_id"))
    roles = given.annotate(role=Func("roles", function="unnest")).values("role")
    return {
        "proved_address": Subquery(proved.values("email")[:1]),
        # Not the entry itself: prepared rows hold what belongs to their own table, and answers.
        "entry_name": F("entry__display_name"),
        "entry_type": F("entry__user_type"),
        "entry_language": F("entry__language"),
        "account_name": Subquery(account.values("display_name")[:1]),
        "app_roles": ArraySubquery(roles),
    }


def alive(authorizations: Any) -> Any:
    """Authorizations with `is_alive`, and what claims are made of, in one statement (O07).

    Alive is: not ended, the same account in the directory and enabled ever since, the app open to
    it ever since, and the browser not signed out; only who asked for `offline_access` outlives that
    (OpenID Connect Back-Channel Logout, 2.7). The order in which things changed does not matter:
    it is asked at every use.
    """
    answers: dict[str, Any] = {"is_alive": _is_alive(), **_told_to_apps()}
    return authorizations.annotate(**answers)
