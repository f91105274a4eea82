"""The CMS messages that devices really send, read directly (RFC 5652 sections 5 and 6).

One signer with one certificate named by issuer and serial; one recipient, named likewise, with
RSA. Everything else raises Unfamiliar and is left to asn1crypto (see scep.protocol.der).
"""

from dataclasses import dataclass
from functools import lru_cache

from scep.protocol import der
from scep.protocol.algorithms import CIPHERS, DIGESTS, ECDSA_SIGNATURES, RSA_SIGNATURES
from scep.protocol.der import Reader, Unfamiliar

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
ENVELOPED_DATA = "1.2.840.113549.1.7.3"
RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
VERSIONS = range(6)
"""CMSVersion, whichever a structure should have: not all clients reckon it right."""
SIGNER_VERSIONS = (1, 3)
SHORT = 128
"""What is longer is read anew each time, so that what is remembered stays small."""
# The signed attributes of a SCEP message, and what stands in them (RFC 8894 section 3.2.1).
ATTRIBUTE_TAGS = {
    "1.2.840.113549.1.9.3": (der.OID,),
    "1.2.840.113549.1.9.4": (der.OCTET_STRING,),
    "1.2.840.113549.1.9.5": (der.UTC_TIME, der.GENERALIZED_TIME),
    "2.16.840.1.113733.1.9.2": (der.PRINTABLE_STRING,),
    "2.16.840.1.113733.1.9.5": (der.OCTET_STRING,),
    "2.16.840.1.113733.1.9.7": (der.PRINTABLE_STRING,),
}


def _by_contents(oids: list[str]) -> dict[bytes, str]:
    """Return the OIDs by what stands inside their elements."""
    return {der.encode_oid(oid)[2:]: oid for oid in oids}


ATTRIBUTES = _by_contents([*ATTRIBUTE_TAGS])
DIGEST_OIDS = _by_contents([*DIGESTS])
SIGNATURE_OIDS = _by_contents([*RSA_SIGNATURES, *ECDSA_SIGNATURES])
CIPHER_OIDS = _by_contents([*CIPHERS])
KEY_ENCRYPTION_OIDS = _by_contents([RSA_ENCRYPTION])
VERSION_CONTENTS = frozenset(bytes((number,)) for number in VERSIONS)
SIGNER_VERSION_CONTENTS = frozenset(bytes((number,)) for number in SIGNER_VERSIONS)
DATA_CONTENTS, SIGNED_CONTENTS, ENVELOPED_CONTENTS = _by_contents(
    [DATA, SIGNED_DATA, ENVELOPED_DATA]
)


@dataclass(frozen=True)
class DirectSignature:
    """A SignedData with one signer. `certificate` is DER, and the one that `sid` names.

    `attributes`: signed attributes, each value a whole element, and `signed_bytes` over which
    the signature goes; both None where there are none.
    """

    content: bytes | None
    certificate: bytes
    attributes: dict[str, tuple[bytes, ...]] | None
    signed_bytes: bytes | None
    digest_oid: str
    algorithm_oid: str
    signature: bytes


@dataclass(frozen=True)
class DirectEnvelope:
    """An EnvelopedData with one recipient, named by its IssuerAndSerialNumber (DER)."""

    recipient: bytes
    encrypted_key: bytes
    cipher_oid: str
    initialization_vector: bytes
    encrypted_content: bytes


def read_signed_data(data: bytes) -> DirectSignature:
    """Read a ContentInfo with SignedData; raises Unfamiliar."""
    reader = Reader(data)
    reader.enter(der.SEQUENCE)
    _expect(reader, SIGNED_CONTENTS)
    reader.enter(der.CONTEXT_0, der.SEQUENCE)
    _read_version(reader, known=VERSION_CONTENTS)
    reader.take(der.SET)
    content = _read_content(reader)
    reader.enter(der.CONTEXT_0)
    certificate = reader.take_whole(der.SEQUENCE)
    reader.leave()
    reader.enter(der.SET, der.SEQUENCE)
    signature = _read_signer(reader, content=content, certificate=certificate)
    reader.finish(levels=5)
    return signature


def read_enveloped_data(data: bytes) -> DirectEnvelope:
    """Read a ContentInfo with EnvelopedData; raises Unfamiliar."""
    reader = Reader(data)
    reader.enter(der.SEQUENCE)
    _expect(reader, ENVELOPED_CONTENTS)
    reader.enter(der.CONTEXT_0, der.SEQUENCE)
    _read_version(reader, known=VERSION_CONTENTS)
    reader.enter(der.SET, der.SEQUENCE)
    _read_version(reader, known=VERSION_CONTENTS)
    name = reader.take_whole(der.SEQUENCE)
    _read_algorithm(reader, known=KEY_ENCRYPTION_OIDS)
    key = reader.take(der.OCTET_STRING)
    reader.leave(levels=2)
    reader.enter(der.SEQUENCE)
    _expect(reader, DATA_CONTENTS)
    reader.enter(der.SEQUENCE)
    cipher = _find(reader.take(der.OID), known=CIPHER_OIDS)
    vector = reader.take(der.OCTET_STRING)
    reader.leave()
    encrypted = reader.take_octets(der.PRIMITIVE_0)
    reader.finish(levels=4)
    return DirectEnvelope(name, key, cipher, vector, encrypted)


@lru_cache(maxsize=64)
def read_issuer_and_serial(certificate: bytes) -> bytes:
    """Return how CMS names this DER certificate (RFC 5652 section 10.2.4); raises Unfamiliar."""
    tbs = Reader(certificate)
    tbs.enter(der.SEQUENCE, der.SEQUENCE)
    if tbs.peek() == der.CONTEXT_0:
        tbs.take(der.CONTEXT_0)
    serial = tbs.take_whole(der.INTEGER)
    tbs.take(der.SEQUENCE)
    return der.encode(der.SEQUENCE, tbs.take_whole(der.SEQUENCE), serial)


def read_key_bits(public_key: bytes) -> bytes:
    """Return the key inside a SubjectPublicKeyInfo, DER; raises Unfamiliar."""
    info = Reader(public_key)
    info.enter(der.SEQUENCE)
    info.take(der.SEQUENCE)
    bits = info.take(der.BIT_STRING)
    info.finish(levels=1)
    return bits[1:]


def _read_content(signed: Reader) -> bytes | None:
    signed.enter(der.SEQUENCE)
    _expect(signed, DATA_CONTENTS)
    content = None
    if signed.peek() is not None:
        signed.enter(der.CONTEXT_0)
        content = signed.take_octets()
        signed.leave()
    signed.leave()
    return content


def _read_signer(signer: Reader, *, content: bytes | None, certificate: bytes) -> DirectSignature:
    _read_version(signer, known=SIGNER_VERSION_CONTENTS)
    if signer.take_whole(der.SEQUENCE) != read_issuer_and_serial(certificate):
        raise Unfamiliar
    digest = _read_algorithm(signer, known=DIGEST_OIDS)
    attributes = signed_bytes = None
    if signer.peek() == der.CONTEXT_0:
        contents = signer.take(der.CONTEXT_0)
        attributes = _read_attributes(contents)
        # [0] on the wire, but signed as the SET OF that it is (RFC 5652 section 5.4).
        signed_bytes = der.encode(der.SET, contents)
    return DirectSignature(
        content=content,
        certificate=certificate,
        attributes=attributes,
        signed_bytes=signed_bytes,
        digest_oid=digest,
        algorithm_oid=_read_algorithm(signer, known=SIGNATURE_OIDS),
        signature=signer.take(der.OCTET_STRING),
    )


def _read_attributes(contents: bytes) -> dict[str, tuple[bytes, ...]]:
    found: dict[str, tuple[bytes, ...]] = {}
    reader = Reader(contents)
    while reader.peek() is not None:
        whole = reader.take_whole(der.SEQUENCE)
        read = _read_attribute if len(whole) <= SHORT else _read_attribute.__wrapped__
        oid, value = read(whole)
        if oid in found:
            raise Unfamiliar
        found[oid] = (value,)
    return found


# A device's attributes are nearly all alike in each of its messages.
@lru_cache(maxsize=4096)
def _read_attribute(whole: bytes) -> tuple[str, bytes]:
    attribute = Reader(whole)
    attribute.enter(der.SEQUENCE)
    oid = _find(attribute.take(der.OID), known=ATTRIBUTES)
    attribute.enter(der.SET)
    tag = attribute.peek()
    if tag not in ATTRIBUTE_TAGS[oid]:
        raise Unfamiliar
    value = attribute.take_whole(tag)
    attribute.finish(levels=2)
    return oid, value


def _read_algorithm(reader: Reader, *, known: dict[bytes, str]) -> str:
    """Return the OID of an AlgorithmIdentifier without parameters, or with NULL."""
    return _find(_read_algorithm_oid(reader.take_whole(der.SEQUENCE)), known=known)


@lru_cache(maxsize=64)
def _read_algorithm_oid(whole: bytes) -> bytes:
    algorithm = Reader(whole)
    algorithm.enter(der.SEQUENCE)
    oid = algorithm.take(der.OID)
    if algorithm.peek() is not None and algorithm.take(der.NULL):
        raise Unfamiliar
    algorithm.finish(levels=1)
    return oid


def _read_version(reader: Reader, *, known: frozenset[bytes]) -> None:
    if reader.take(der.INTEGER) not in known:
        raise Unfamiliar


def _expect(reader: Reader, contents: bytes) -> None:
    if reader.take(der.OID) != contents:
        raise Unfamiliar


def _find(contents: bytes, *, known: dict[bytes, str]) -> str:
    try:
        return known[contents]
    except KeyError:
        raise Unfamiliar from None
