"""Signatures of old CAs with SHA-1 or MD5, which the library verifies under certificates no more.

Only where nothing hangs on them: who stands above whom among certificates that an administrator
compares, or brings, is told by them, and nobody is let in by one.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

OLD_DIGESTS = (hashes.SHA1, hashes.MD5)


def has_old_signature_of(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key has signed it with one of OLD_DIGESTS; names are not compared."""
    digest, key = certificate.signature_hash_algorithm, issuer.public_key()
    if not isinstance(digest, OLD_DIGESTS):
        return False
    signature, content = certificate.signature, certificate.tbs_certificate_bytes
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
