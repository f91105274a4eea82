"""A CA's signature over bytes that no library builds for us (CRLs, OCSP answers)."""

from asn1crypto import algos
from cryptography.hazmat.primitives.asymmetric import ec, padding

from scep.protocol.certificates import PrivateKey
from scep.protocol.issuing import get_digest_for


def build_algorithm(key: PrivateKey) -> algos.SignedDigestAlgorithm:
    """Return how X.509 names what `sign_bytes` does with this key."""
    kind = "ecdsa" if isinstance(key, ec.EllipticCurvePrivateKey) else "rsa"
    return algos.SignedDigestAlgorithm({"algorithm": f"{get_digest_for(key).name}_{kind}"})


def sign_bytes(data: bytes, *, key: PrivateKey) -> bytes:
    """Return the signature (PKCS#1 v1.5, or ECDSA as DER) with the digest that suits the key."""
    digest = get_digest_for(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(digest))
    return key.sign(data, padding.PKCS1v15(), digest)
