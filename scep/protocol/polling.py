"""What a CertPoll asks for (RFC 8894 section 3.3.3): IssuerAndSubject."""

from collections.abc import Iterable
from dataclasses import dataclass

from asn1crypto import core
from asn1crypto.x509 import Name
from cryptography import x509

from scep.errors import UnprovedRequest
from scep.protocol.names import is_same_name
from scep.protocol.reading import refusing
from scep.protocol.texts import decode_text

COMMON_NAME = "2.5.4.3"


class _IssuerAndSubject(core.Sequence):  # type: ignore[misc]
    _fields = [("issuer", Name), ("subject", Name)]


@dataclass(frozen=True)
class IssuerAndSubject:
    """`issuer`: DER of the Name. `common_names`: the subject's, usually one."""

    issuer: bytes
    common_names: tuple[str, ...]


def decode_issuer_and_subject(der: bytes) -> IssuerAndSubject:
    """Read the content of a CertPoll; raises UnprovedRequest, as for what cannot be decrypted."""
    with refusing(UnprovedRequest, "the message cannot be decrypted, or holds no IssuerAndSubject"):
        named = _IssuerAndSubject.load(der, strict=True)
        common_names = tuple(
            decode_text(attribute["value"].chosen.contents, tag=attribute["value"].chosen.tag)
            for relative_name in named["subject"].chosen
            for attribute in relative_name
            if attribute["type"].dotted == COMMON_NAME
        )
        # Lazy: an issuer that is no Name would else come up where it is compared.
        named["issuer"].chosen.native  # noqa: B018
        return IssuerAndSubject(named["issuer"].dump(), common_names)


def is_named_issuer(issuer: bytes, *, certificates: Iterable[x509.Certificate]) -> bool:
    """Whether one of the certificates has this subject."""
    named = Name.load(issuer)
    subjects = {certificate.subject.public_bytes() for certificate in certificates}
    return any(is_same_name(named, Name.load(subject)) for subject in subjects)
