"""What a SCEP server answers to GetCACaps and GetCACert, read as a client (RFC 8894, 3.5.2, 4.2).

The server is a stranger's: whatever cannot be read is ServerUnreachable.
"""

from collections.abc import Sequence

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from scep.errors import ServerUnreachable
from scep.protocol.certificates import decode_certificate
from scep.protocol.old_signatures import OLD_DIGESTS, has_old_signature_of
from scep.protocol.reading import MALFORMED, refusing

CA_CERTIFICATE = "application/x-x509-ca-cert"
CA_CERTIFICATES = "application/x-x509-ca-ra-cert"
MAX_CERTIFICATES = 20
MAX_CAPABILITIES = 50
# RFC 8894 section 3.5.2. Others are to be passed over.
CAPABILITIES = {
    *("aes", "des3", "getnextcacert", "postpkioperation", "renewal", "sha-1", "sha-256"),
    *("sha-512", "scepstandard", "update"),
}


def decode_capabilities(body: bytes) -> tuple[str, ...]:
    """Return the words of GetCACaps, one a line, without those that make no sense.

    Raises ServerUnreachable where none is one of SCEP's, as on a page in HTML.
    """
    text = body[:10_000].decode("utf-8-sig", errors="replace")
    found = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
    if found and not any(word.lower() in CAPABILITIES for word in found):
        raise ServerUnreachable("GetCACaps was not answered with a list of capabilities")
    return tuple(word for word in found if _is_capability(word))[:MAX_CAPABILITIES]


def decode_ca_certificates(body: bytes, *, content_type: str) -> tuple[x509.Certificate, ...]:
    """Return GetCACert's certificates, at least one; raises ServerUnreachable."""
    with refusing(ServerUnreachable, "GetCACert was answered with something unreadable"):
        if content_type == CA_CERTIFICATE:
            found = [decode_certificate(body)]
        elif content_type == CA_CERTIFICATES:
            found = _decode_bundle(body)
        else:
            raise ServerUnreachable(f"GetCACert was answered with the type {content_type[:60]!r}")
        for each in found:
            _read_whole(each)
    if not 0 < len(found) <= MAX_CERTIFICATES:
        raise ServerUnreachable(f"GetCACert was answered with {len(found)} certificates")
    return tuple(found)


def find_authority(certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the CA that issues: of several, one that has issued no other CA beside it.

    Of several such, the one that has issued the RA counts first, then one that is no root: a server
    may show what comes next, or was before, as well. Raises ServerUnreachable where none is a CA's.
    """
    authorities = [each for each in certificates if is_authority(each)]
    lowest = [
        each
        for each in authorities
        if not any(is_issued_by(other, issuer=each) for other in authorities if other != each)
    ]
    if not lowest:
        raise ServerUnreachable("GetCACert was answered without a CA certificate")
    others = [each for each in certificates if each not in authorities]
    return max(
        lowest,
        key=lambda each: (
            any(is_issued_by(other, issuer=each) for other in others),
            each.subject != each.issuer,
        ),
    )


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether basicConstraints say so; a certificate that does not parse is none."""
    try:
        extensions = certificate.extensions
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*MALFORMED, x509.ExtensionNotFound):
        return False


def is_same_authority(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Whether it is one CA, if certified again: whoever verifies knows no difference."""
    return one.subject == other.subject and one.public_key() == other.public_key()


def is_issued_by(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bool:
    """Whether name and signature are the issuer's, if by a digest that proves little today."""
    with refusing(ServerUnreachable, "a signature cannot be checked"):
        return certificate.issuer == issuer.subject and _has_signature_of(certificate, issuer)


def _decode_bundle(body: bytes) -> list[x509.Certificate]:
    info = cms.ContentInfo.load(body, strict=True)
    if info["content_type"].native != "signed_data":
        raise ServerUnreachable("GetCACert was answered with no SignedData")
    return [
        decode_certificate(choice.chosen.dump())
        for choice in info["content"]["certificates"]
        if choice.name == "certificate"
    ]


def _read_whole(certificate: x509.Certificate) -> None:
    """Parse what is parsed lazily, so that a malformed certificate is refused here."""
    certificate.subject.rfc4514_string()
    certificate.issuer.rfc4514_string()
    certificate.public_key()
    len(certificate.extensions)
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _has_signature_of(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if isinstance(certificate.signature_hash_algorithm, OLD_DIGESTS):
        return has_old_signature_of(certificate, issuer=issuer)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):  # or by a key of another kind than it has
        return False
    return True


def _is_capability(word: str) -> bool:
    return len(word) <= 60 and all((c.isascii() and c.isalnum()) or c in "-_." for c in word)
