from organization.models.administrator import RANKS, Administrator, Role, may
from organization.models.api_key import ApiKey
from organization.models.audit import AuditEntry
from organization.models.held_row import hold_row
from organization.models.organization import (
    Organization,
    OrganizationLogo,
    ServerTrust,
)
from organization.models.prepared import (
    LATER,
    Given,
    PreparedInsert,
    PreparedSelect,
    PreparedUpdate,
    has_own_commit,
    inline_constants,
    insert_row,
    update_row,
)
from organization.models.public import PublicIdField, TimeStamped
from organization.models.repeatable import RepeatableRequest
from organization.models.round import Round
from organization.models.sealed import Sealed, SealedField
from organization.models.transaction_lock import lock_until_commit

__all__ = [
    "LATER",
    "RANKS",
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
    "RepeatableRequest",
    "Role",
    "Round",
    "Sealed",
    "SealedField",
    "ServerTrust",
    "TimeStamped",
    "has_own_commit",
    "hold_row",
    "inline_constants",
    "insert_row",
    "lock_until_commit",
    "may",
    "update_row",
]
