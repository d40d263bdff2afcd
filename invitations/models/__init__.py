from invitations.models.audit import AuditAction, AuditEvent, AuditHead
from invitations.models.directory import DirectoryEntry, RoleAssignment
from invitations.models.invitation import Invitation
from invitations.models.policy import LandingPage, TenantPolicy

__all__ = [
    "AuditAction",
    "AuditEvent",
    "AuditHead",
    "DirectoryEntry",
    "Invitation",
    "LandingPage",
    "RoleAssignment",
    "TenantPolicy",
]
