from scep.models.authority import CertificateAuthority, CertificateAuthorityRole
from scep.models.certificate import CertificateStatus, IssuedCertificate
from scep.models.challenge import DynamicChallenge
from scep.models.profile import ChallengeType, ScepProfile
from scep.models.service_certificate import ServiceCertificate, ServicePurpose

__all__ = [
    "CertificateAuthority",
    "CertificateAuthorityRole",
    "CertificateStatus",
    "ChallengeType",
    "DynamicChallenge",
    "IssuedCertificate",
    "ScepProfile",
    "ServiceCertificate",
    "ServicePurpose",
]
