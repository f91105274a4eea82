"""Reads of the certificate authority: the CAs, this server's own certificates, and identities."""

from scep.selectors.authorities import (
    build_links,
    find_next_ca,
    find_published_authority,
    get_certificate,
    get_issuing_ca,
    get_root_ca,
    get_server_authority,
    get_signer,
    list_certified_again,
    list_chain,
    list_root_cas,
)
from scep.selectors.expiry import ExpiringCertificate, list_expiring
from scep.selectors.identities import (
    CLOCK_LEEWAY,
    IDENTITY_LIFETIME,
    count_brought_certificates,
    get_renewal_window,
    is_renewal_worthwhile,
    select_certificate_of_transaction,
    select_compromised_key,
    verify_identity,
    verify_not_compromised,
)
from scep.selectors.profiles import (
    PINNED_TIME,
    find_pinned_authority,
    get_ca_certificate_fingerprint,
    get_profile_authority,
)
from scep.selectors.served import ServedProfile, find_served_profile, get_served_profile
from scep.selectors.services import (
    ServiceIdentity,
    get_service_identity,
    is_needed,
    is_service_certificate_revoked,
    is_serving_own_certificate,
    list_recipients,
)
from scep.selectors.tokens import build_token_expression, filter_by_token

__all__ = [
    "CLOCK_LEEWAY",
    "IDENTITY_LIFETIME",
    "PINNED_TIME",
    "ExpiringCertificate",
    "ServedProfile",
    "ServiceIdentity",
    "build_links",
    "build_token_expression",
    "count_brought_certificates",
    "filter_by_token",
    "find_next_ca",
    "find_pinned_authority",
    "find_published_authority",
    "find_served_profile",
    "get_ca_certificate_fingerprint",
    "get_certificate",
    "get_issuing_ca",
    "get_profile_authority",
    "get_renewal_window",
    "get_root_ca",
    "get_served_profile",
    "get_server_authority",
    "get_service_identity",
    "get_signer",
    "is_needed",
    "is_renewal_worthwhile",
    "is_service_certificate_revoked",
    "is_serving_own_certificate",
    "list_certified_again",
    "list_chain",
    "list_expiring",
    "list_recipients",
    "list_root_cas",
    "select_certificate_of_transaction",
    "select_compromised_key",
    "verify_identity",
    "verify_not_compromised",
]
