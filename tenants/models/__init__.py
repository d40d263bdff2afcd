from tenants.models.account import Account
from tenants.models.mail import MailBlock, MailKind, MailState, OutgoingMail
from tenants.models.tenant import Domain, Membership, Tenant, TenantStatus, UserType

__all__ = [
    "Account",
    "Domain",
    "MailBlock",
    "MailKind",
    "MailState",
    "Membership",
    "OutgoingMail",
    "Tenant",
    "TenantStatus",
    "UserType",
]
