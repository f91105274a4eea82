from organization.models.administrator import Administrator, Role
from organization.models.api_key import ApiKey
from organization.models.audit import AuditEntry
from organization.models.organization import (
    Organization,
    OrganizationLogo,
    ServerTrust,
)
from organization.models.prepared import (
    Given,
    PreparedInsert,
    PreparedSelect,
    PreparedUpdate,
    inline_constants,
    insert_row,
    insert_unasked,
    update_row,
)
from organization.models.public import PublicIdField, TimeStamped
from organization.models.sealed import SealedField

__all__ = [
    "Administrator",
    "ApiKey",
    "AuditEntry",
    "Given",
    "Organization",
    "OrganizationLogo",
    "PreparedInsert",
    "PreparedSelect",
    "PreparedUpdate",
    "PublicIdField",
    "Role",
    "SealedField",
    "ServerTrust",
    "TimeStamped",
    "inline_constants",
    "insert_row",
    "insert_unasked",
    "update_row",
]
