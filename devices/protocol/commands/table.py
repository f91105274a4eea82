"""What a command may be told, and by whom: the row type of the table of commands."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.errors import CommandInvalid
from devices.protocol.plist import encode_plist

OPERATOR, ADMINISTRATOR = "operator", "administrator"
Body = dict[str, Any]


def read_text(value: Any) -> str:
    """Raises CommandInvalid unless the value is text."""
    if not isinstance(value, str) or "\0" in value:
        raise CommandInvalid("must be text")
    return value


def read_integer(value: Any) -> int:
    """Raises CommandInvalid unless the value is a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise CommandInvalid("must be a positive integer")
    return value


def read_flag(value: Any) -> bool:
    """Raises CommandInvalid unless the value is true or false."""
    if not isinstance(value, bool):
        raise CommandInvalid("must be true or false")
    return value


def read_texts(value: Any) -> list[str]:
    """Raises CommandInvalid unless the value is a list of texts."""
    if not isinstance(value, list):
        raise CommandInvalid("must be a list of texts")
    return [read_text(item) for item in value]


def read_data(value: Any) -> bytes:
    """Bytes, or their base64; raises CommandInvalid for anything else."""
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(read_text(value), validate=True)
    except binascii.Error as error:
        raise CommandInvalid("must be base64") from error


def read_data_list(value: Any) -> list[bytes]:
    """Raises CommandInvalid unless the value is a list of what read_data takes."""
    if not isinstance(value, list):
        raise CommandInvalid("must be a list of base64")
    return [read_data(item) for item in value]


def read_dictionary(value: Any) -> dict[str, Any]:
    """Raises CommandInvalid unless a property list can hold the value, and it is a dictionary."""
    if not isinstance(value, dict):
        raise CommandInvalid("must be a dictionary")
    try:
        encode_plist(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CommandInvalid(f"no property list can hold it: {error}") from error
    return value


@dataclass(frozen=True)
class CommandType:
    """A RequestType: its builder, the parameters it takes, and who may send it.

    `parameters` maps a parameter's name to the reader that checks it. A builder that
    `needs_platform` gets the device's platform too. `is_unique`: one waiting is enough.
    """

    request_type: str
    title: str
    build: Callable[..., Body]
    parameters: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    needs_platform: bool = False
    is_destructive: bool = False
    is_unique: bool = False
    minimum_role: str = OPERATOR
    priority: int = 0

    def build_body(self, parameters: Mapping[str, Any], *, platform: str) -> Body:
        """Return the Command dictionary; raises CommandInvalid and names the parameter."""
        arguments: dict[str, Any] = {"platform": platform} if self.needs_platform else {}
        for name, value in parameters.items():
            if name not in self.parameters:
                raise CommandInvalid(f"{self.request_type} takes no {name}")
            try:
                arguments[name] = self.parameters[name](value)
            except CommandInvalid as error:
                raise CommandInvalid(f"{name}: {error}") from error
        try:
            return self.build(**arguments)
        except TypeError as error:
            raise CommandInvalid(f"{self.request_type}: a parameter is missing") from error
