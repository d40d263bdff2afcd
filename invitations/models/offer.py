"""Whether what an invitation offers is within the tenant's policy, long after it was written."""

from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import JSONObject

from invitations.domains import is_allowed
from invitations.models.assignment import AppOwner, GroupOwner
from invitations.models.directory import RoleAssignment
from invitations.models.invitation import Invitation
from invitations.models.policy import TenantPolicy
from invitations.permissions import may_offer, may_share
from tenants.models import UserType


def policy_facts(way: str = "") -> dict[str, Any]:
    """With `facts`: what `is_within_policy` asks, beside each row, so that it costs no statement.

    `way` leads from the row to its invitation: "invitation__" for an entry.
    """
    policy = JSONObject(who="who_may_invite", rule="domain_rule", domains="domains")
    inviter = OuterRef(f"{way}invited_by")
    apps = Invitation.apps.through.objects.filter(invitation=OuterRef(f"{way}pk"))
    groups = Invitation.groups.through.objects.filter(invitation=OuterRef(f"{way}pk"))
    asker = OuterRef("invitation__invited_by")
    own_app = AppOwner.objects.filter(app=OuterRef("sharedapp"), entry=asker)
    own_group = GroupOwner.objects.filter(group=OuterRef("group"), entry=asker)
    facts = JSONObject(
        policy=Subquery(TenantPolicy.objects.values(said=policy)),
        roles=ArraySubquery(RoleAssignment.objects.filter(entry=inviter).values("role")),
        brings_apps=Exists(apps),
        brings_groups=Exists(groups),
        brings_strange_apps=Exists(apps.exclude(Exists(own_app))),
        brings_strange_groups=Exists(groups.exclude(Exists(own_group))),
    )
    return {"facts": facts}


def is_within_policy(invitation: Invitation, facts: Mapping[str, Any]) -> bool:
    """Whether the tenant would still let it be sent: its address, its inviter, what it offers.

    Asked when a queued mail is about to leave and whenever somebody comes to redeem (P03, P04).
    Of an inviter who is gone the roles count that are left. The operator's always stand.
    """
    inviter, policy, roles = invitation.invited_by, facts["policy"], facts["roles"]
    if inviter is None:
        return True
    return (
        inviter.enabled
        and is_allowed(invitation.address, rule=policy["rule"], domains=policy["domains"])
        and may_offer(
            policy["who"],
            roles=roles,
            is_member=inviter.user_type == UserType.MEMBER,
            brings=facts["brings_apps"] or facts["brings_groups"],
        )
        and may_share(
            roles,
            brings_strange=facts["brings_strange_apps"] or facts["brings_strange_groups"],
        )
    )
