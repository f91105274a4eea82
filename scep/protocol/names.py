"""When two distinguished names are the same, in time that grows with their length only.

RFC 5280 section 7.1 would have them normalised first (stringprep). That is quadratic for runs of
combining marks and fails for whole scripts, and the names compared here are copied by clients
from our own certificates: what may differ is the string type, never the characters.
"""

from asn1crypto.x509 import Name

NOT_PRINTABLE = (
    "a PrintableString with a character that it may not have, like _, @ or *: the client should"
    " write it as UTF8String"
)


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
