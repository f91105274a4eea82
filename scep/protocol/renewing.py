"""What a certificate says that its holder wants to renew."""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from scep.errors import IdentityNotTrusted
from scep.protocol.reading import refusing
from scep.protocol.subject_template import Naming


def verify_client_certificate(certificate: x509.Certificate) -> None:
    """Raise IdentityNotTrusted unless the certificate is an end entity's, for clientAuth."""
    with refusing(IdentityNotTrusted, "the certificate's extensions cannot be read"):
        extensions = certificate.extensions
        try:
            usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            is_ca = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound as error:
            raise IdentityNotTrusted("the certificate does not say what it is for") from error
        if is_ca or ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
            raise IdentityNotTrusted("the certificate is no device's identity")


def read_naming(certificate: x509.Certificate) -> Naming:
    """Return the names in a certificate of ours, for the one that replaces it."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Naming(certificate.subject)
    return Naming(certificate.subject, tuple(names))
