"""Certificates and requests that clients make, with names that cryptography does not read.

It is strict about the characters of a PrintableString and the bytes of a TeletexString, and
refuses the whole. Of strangers nothing depends on such a name: their key is proved, and this
server chooses the names. So the texts in question are written again as UTF8String, for reading
only: what was signed stays as it came.
"""

from cryptography import x509

from scep.protocol import der
from scep.protocol.certificates import decode_certificate
from scep.protocol.der import Reader, Unfamiliar
from scep.protocol.direct_csr import PRINTABLE
from scep.protocol.texts import (
    BMP_STRING,
    IA5_STRING,
    TELETEX_STRING,
    UNIVERSAL_STRING,
    decode_text,
)

TEXTS = (
    *(der.UTF8_STRING, der.PRINTABLE_STRING, TELETEX_STRING),
    *(IA5_STRING, UNIVERSAL_STRING, BMP_STRING),
)
# Where the names stand: issuer and subject of a certificate, behind its version if it tells one
# (RFC 5280 section 4.1), the subject of a request (RFC 2986 section 4.1).
CERTIFICATE_NAMES, REQUEST_NAMES = (2, 4), (1,)


def decode_requester(certificate: bytes) -> x509.Certificate:
    """Read the certificate of a client that asks for one, its names as well; raises ValueError.

    Where the names are against the rules it is another certificate than the client's, and good for
    its key only: its signature is wrong, and it is nobody's that is known here.
    """
    try:
        decoded = decode_certificate(certificate)
        decoded.issuer, decoded.subject  # noqa: B018 - they are read only when they are asked for
    except ValueError as error:
        try:
            return decode_certificate(_rewrite(certificate, names=CERTIFICATE_NAMES))
        except Unfamiliar:
            raise error from None
    return decoded


def decode_request(request: bytes) -> tuple[x509.CertificateSigningRequest, bytes]:
    """Read a request, and return the bytes that are signed too; raises ValueError."""
    try:
        decoded = x509.load_der_x509_csr(request)
        decoded.subject  # noqa: B018
    except ValueError as error:
        try:
            rewritten = _rewrite(request, names=REQUEST_NAMES)
            return x509.load_der_x509_csr(rewritten), _split(request)[0]
        except Unfamiliar:
            raise error from None
    return decoded, decoded.tbs_certrequest_bytes


def _rewrite(signed: bytes, *, names: tuple[int, ...]) -> bytes:
    information, *others = _split(signed)
    fields = _split(information)
    versions = int(fields[0][0] == der.CONTEXT_0)
    for index in names:
        fields[index + versions] = _rewrite_name(fields[index + versions])
    return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, *fields), *others)


def _rewrite_name(name: bytes) -> bytes:
    relative_names = [
        [_rewrite_attribute(attribute) for attribute in _split(relative_name, der.SET)]
        for relative_name in _split(name)
    ]
    return der.encode(der.SEQUENCE, *(der.encode(der.SET, *each) for each in relative_names))


def _rewrite_attribute(attribute: bytes) -> bytes:
    kind, value = _split(attribute)
    tag = value[0]
    if tag not in TEXTS:
        return attribute
    contents = der.read_only(value, tag)
    if tag == der.PRINTABLE_STRING and PRINTABLE.fullmatch(contents):
        return attribute
    text = decode_text(contents, tag=tag).encode()
    return der.encode(der.SEQUENCE, kind, der.encode(der.UTF8_STRING, text))


def _split(data: bytes, tag: int = der.SEQUENCE) -> list[bytes]:
    """Return the elements inside the one that `data` is; raises Unfamiliar, also for none."""
    found = []
    reader = Reader(data, is_der=True)
    reader.enter(tag)
    while (inner := reader.peek()) is not None:
        found.append(reader.take_whole(inner))
    reader.finish(levels=1)
    return found
