"""A certificate's names as Apple's SCEP payload writes them (com.apple.security.scep)."""

from collections.abc import Sequence

from asn1crypto import core
from cryptography import x509
from cryptography.x509.oid import NameOID

# The short names that the payload knows; every other kind goes by its OID.
SHORT_NAMES = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
}
ALTERNATIVE_NAMES: dict[type[x509.GeneralName], str] = {
    x509.RFC822Name: "rfc822Name",
    x509.DNSName: "dNSName",
    x509.UniformResourceIdentifier: "uniformResourceIdentifier",
    x509.OtherName: "ntPrincipalName",
}


def encode_subject(subject: x509.Name) -> list[list[list[str]]]:
    """Return `[[["O", "Example"]], [["CN", "x"]]]`: relative names in order."""
    return [
        [[SHORT_NAMES.get(part.oid, part.oid.dotted_string), str(part.value)] for part in relative]
        for relative in subject.rdns
    ]


def encode_alternative_names(names: Sequence[x509.GeneralName]) -> dict[str, str | list[str]]:
    """Return SubjectAltName: a text for each kind, a list of them where there are several."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(ALTERNATIVE_NAMES[type(name)], []).append(_get_text(name))
    return {kind: texts[0] if len(texts) == 1 else texts for kind, texts in found.items()}


def _get_text(name: x509.GeneralName) -> str:
    if isinstance(name, x509.OtherName):
        return str(core.UTF8String.load(name.value).native)
    return str(name.value)
