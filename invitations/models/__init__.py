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
    "AuditAction",
    "AuditEvent",
    "AuditHead",
    "Contact",
    "DirectoryEntry",
    "EntryAlias",
    "Invitation",
    "LandingPage",
    "Notice",
    "NoticeKind",
    "RoleAssignment",
    "Sponsorship",
    "TenantPolicy",
]
