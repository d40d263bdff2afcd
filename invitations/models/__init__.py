from invitations.models.audit import AuditAction, AuditEvent
from invitations.models.directory import DirectoryEntry, RoleAssignment
from invitations.models.invitation import Invitation
from invitations.models.policy import LandingPage, TenantPolicy

__all__ = [
    "AuditAction",
    "AuditEvent",
    "DirectoryEntry",
    "Invitation",
    "LandingPage",
    "RoleAssignment",
    "TenantPolicy",
]
