"""GetCACert: what a device needs to trust the answer and to encrypt the request."""

from scep.models import ScepProfile, ServicePurpose
from scep.protocol.cms import build_degenerate
from scep.selectors import get_service_identity


def build_ca_certificates(scep_profile: ScepProfile) -> bytes:
    """Return RA, issuing CA and root CA as degenerate SignedData (RFC 8894 section 4.2.1.2).

    Raises organization.errors.NotSetUp.
    """
    identity = get_service_identity(ServicePurpose.SCEP_RA, issuer=scep_profile.issuing_ca)
    return build_degenerate([identity.certificate, *identity.chain])
