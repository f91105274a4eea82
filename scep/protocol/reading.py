"""One border for hostile bytes: whatever a lazy ASN.1 reader raises becomes one refusal.

asn1crypto decodes on access, so a malformed field raises where it is first used, as any of
MALFORMED (RecursionError from nested indefinite lengths among them).
"""

from collections.abc import Callable
from types import TracebackType
from typing import Literal

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


class refusing:
    """Turn every error of MALFORMED raised inside into `refusal(message)`."""

    __slots__ = ("message", "refusal")

    def __init__(self, refusal: Callable[[str], ScepError], message: str) -> None:
        self.refusal, self.message = refusal, message

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if isinstance(error, MALFORMED):
            raise self.refusal(self.message) from error
        return False
