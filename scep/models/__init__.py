from scep.models.authority import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
)
from scep.models.certificate import CertificatePurpose, CertificateStatus, IssuedCertificate
from scep.models.challenge import ChallengePurpose, DynamicChallenge
from scep.models.held_request import HeldRequest, HeldRequestState
from scep.models.profile import (
    ChallengeType,
    HookType,
    KeyUsage,
    ScepProfile,
    ScepServerType,
)
from scep.models.revocation_list import RevocationList
from scep.models.service_certificate import ServiceCertificate, ServicePurpose

__all__ = [
    "CertificateAuthority",
    "CertificateAuthorityRole",
    "CertificateAuthorityState",
    "CertificatePurpose",
    "CertificateStatus",
    "ChallengePurpose",
    "ChallengeType",
    "DynamicChallenge",
    "HeldRequest",
    "HeldRequestState",
    "HookType",
    "IssuedCertificate",
    "KeyUsage",
    "RevocationList",
    "ScepProfile",
    "ScepServerType",
    "ServiceCertificate",
    "ServicePurpose",
]
