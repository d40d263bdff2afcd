from invitations.models.app import AppLogo, SharedApp, WhoMayEnter
from invitations.models.assignment import (
    AppAssignment,
    AppOwner,
    Group,
    GroupMember,
    GroupOwner,
)
from invitations.models.audit import AuditAction, AuditEvent, AuditHead
from invitations.models.directory import (
    Contact,
    DirectoryEntry,
    EntryAlias,
    RoleAssignment,
    Sponsorship,
)
from invitations.models.invitation import Invitation
from invitations.models.notice import Notice, NoticeKind
from invitations.models.policy import LandingPage, TenantPolicy

__all__ = [
    "AppAssignment",
    "AppLogo",
    "AppOwner",
    "AuditAction",
    "AuditEvent",
    "AuditHead",
    "Contact",
    "DirectoryEntry",
    "EntryAlias",
    "Group",
    "GroupMember",
    "GroupOwner",
    "Invitation",
    "LandingPage",
    "Notice",
    "NoticeKind",
    "RoleAssignment",
    "SharedApp",
    "Sponsorship",
    "TenantPolicy",
    "WhoMayEnter",
]
