"""The certificate that answers for a CA by OCSP in its stead (RFC 6960 section 4.2.2.2)."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from scep.protocol.certificates import (
    PrivateKey,
    PublicKey,
    generate_ec_key,
    generate_private_key,
)
from scep.protocol.issuing import (
    Signer,
    Subject,
    Validity,
    build_authority_key_identifier,
    get_digest_for,
)

RSA_BITS = 2048


def generate_key_like(key: PrivateKey) -> PrivateKey:
    """Return a new key of the CA's kind: who verifies one can verify the other."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return generate_ec_key()
    return generate_private_key(bits=RSA_BITS)


def build_ocsp_certificate(
    key: PublicKey, *, issuer: Signer, subject: Subject, serial: int, validity: Validity
) -> x509.Certificate:
    """Return a certificate that may sign OCSP answers and nothing else.

    With ocsp-nocheck, so nobody asks the responder about itself, and without links.
    """
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.to_name())
        .issuer_name(issuer.certificate.subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(build_authority_key_identifier(issuer.certificate), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
    )
    return builder.sign(issuer.key, get_digest_for(issuer.key))
