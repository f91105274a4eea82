"""Why a certificate is revoked, in words (RFC 5280 section 5.3.1)."""

from cryptography import x509

from scep.errors import RevocationReasonInvalid

KEY_COMPROMISE = "key_compromise"
SUPERSEDED, CEASED = "superseded", "cessation_of_operation"
REASONS: dict[str, x509.ReasonFlags] = {
    "unspecified": x509.ReasonFlags.unspecified,
    KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    "ca_compromise": x509.ReasonFlags.ca_compromise,
    "affiliation_changed": x509.ReasonFlags.affiliation_changed,
    SUPERSEDED: x509.ReasonFlags.superseded,
    CEASED: x509.ReasonFlags.cessation_of_operation,
    "privilege_withdrawn": x509.ReasonFlags.privilege_withdrawn,
}
"""Hold and removal from a CRL are left out: what is revoked here is revoked for good."""
CODES = {
    "unspecified": 0,
    KEY_COMPROMISE: 1,
    "ca_compromise": 2,
    "affiliation_changed": 3,
    SUPERSEDED: 4,
    CEASED: 5,
    "privilege_withdrawn": 9,
}
"""CRLReason as it is encoded."""


def check_reason(reason: str) -> str:
    """Return `reason` where it is one of REASONS; raises RevocationReasonInvalid."""
    if reason not in REASONS:
        raise RevocationReasonInvalid(f"{reason!r} is no reason to revoke: {', '.join(REASONS)}")
    return reason
