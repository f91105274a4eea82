"""Configuration profiles leave this server signed, or not at all."""

from scep.models import ServicePurpose
from scep.protocol.cms import sign_attached
from scep.selectors import get_service_identity


def sign_profile(content: bytes) -> bytes:
    """Return `content` (a property list) in DER SignedData with the issuing CA's certificate.

    Raises organization.errors.NotSetUp where there is nothing to sign with.
    """
    identity = get_service_identity(ServicePurpose.PROFILE_SIGNING)
    return sign_attached(
        content,
        certificate=identity.certificate,
        key=identity.key,
        chain=identity.chain[:1],
    )
