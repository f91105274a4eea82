"""When two distinguished names are the same, in time that grows with their length only.

RFC 5280 section 7.1 would have them normalised first (stringprep). That is quadratic for runs of
combining marks and fails for whole scripts, and the names compared here are copied by clients
from our own certificates: what may differ is the string type, never the characters.
"""

import re

from asn1crypto.x509 import Name
from cryptography import x509
from cryptography.x509.oid import NameOID

NOT_PRINTABLE = (
    "a PrintableString with a character that it may not have, like _, @ or *: the client should"
    " write it as UTF8String"
)


# Of these RFC 4514 knows no short names, but the SCEP profiles' templates do, and people.
SHORT_NAMES = {NameOID.EMAIL_ADDRESS: "E", NameOID.SERIAL_NUMBER: "serialNumber"}
SPECIAL = re.compile(r'[\\"+,;<>]')


def describe_name(name: x509.Name) -> str:
    """Return the name as people read and search it: RFC 4514, with E and serialNumber."""
    return name.rfc4514_string(SHORT_NAMES)


def escape_word(word: str) -> str:
    """Return the word as it stands inside a described name (RFC 4514 section 2.4)."""
    return SPECIAL.sub(r"\\\g<0>", word)


def is_not_printable(error: ValueError) -> bool:
    """Whether cryptography has read no further than such a string, by its words; for the log."""
    return "PrintableString" in str(error)


def is_same_name(one: Name, other: Name) -> bool:
    """Whether both hold the same characters in the same order; raises ValueError for no Name."""
    return bool(one.dump() == other.dump()) or _read(one) == _read(other)


def _read(name: Name) -> list[list[tuple[str, str]]]:
    return [
        [(attribute["type"].dotted, str(attribute["value"].native)) for attribute in relative_name]
        for relative_name in name.chosen
    ]
