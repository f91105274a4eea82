"""One border for hostile bytes: whatever a lazy ASN.1 reader raises becomes one refusal.

asn1crypto decodes on access, so a malformed field raises where it is first used, as any of
MALFORMED (RecursionError from nested indefinite lengths among them).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

from scep.errors import ScepError

MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
    UnsupportedAlgorithm,
    DuplicateExtension,
    InvalidVersion,
    UnsupportedGeneralNameType,
)


@contextmanager
def refusing(refusal: type[ScepError], message: str) -> Iterator[None]:
    """Turn every error of MALFORMED raised inside into `refusal(message)`."""
    try:
        yield
    except MALFORMED as error:
        raise refusal(message) from error
