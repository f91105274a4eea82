"""What a command may be told: the parameters that forms, programs and their document share."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from devices.errors import CommandInvalid, ParameterInvalid, PlistInvalid
from devices.protocol.commands.requirements import (
    SYSTEMS,
    DeviceFacts,
    find_version_refusal,
    get_system,
)
from devices.protocol.plist import decode_plist
from organization.protocol.json_check import UNTYPED

MAX_DICTIONARY = 256 * 1024
LARGEST = 2**63 - 1
# In characters: of a text, and of a secret.
LONGEST_TEXT, LONGEST_SECRET = 4096, 1024


class ParameterType(StrEnum):
    """How a value is typed in, sent as JSON, and told to the device."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a text that no page shows again
    INTEGER = "integer"
    FLAG = "flag"
    TEXTS = "texts"
    DATA = "data"
    DICTIONARY = "dictionary"


TEXT, SECRET, INTEGER, FLAG = (
    ParameterType.TEXT,
    ParameterType.SECRET,
    ParameterType.INTEGER,
    ParameterType.FLAG,
)
TEXTS, DATA, DICTIONARY = ParameterType.TEXTS, ParameterType.DATA, ParameterType.DICTIONARY
Choice = tuple[str | int, str]


@dataclass(frozen=True)
class Parameter:
    """One parameter, and where the command's dictionary has it.

    `key` is Apple's, a path with dots where it lies deeper and `[]` for the only element of
    an array: `Updates.[].InstallAction`; "" where a builder, or the server itself, decides. `on`
    gives the version of a platform that introduced it, None where it does not exist; a
    platform that is not named knows it as long as the command; `choices_on` says the same of
    single choices. `is_supplied`: the server
    gives it, no door takes it. `is_made`: the server gives one where the door does not.
    `on_shared_ipad` and `in_user_enrollment`: whether devices of that kind take it. `check` raises
    CommandInvalid for a value that its type has, and no device takes.
    """

    name: str
    key: str
    type: ParameterType
    label: str
    help: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    choices_on: Mapping[str | int, Mapping[str, str | None]] = field(default_factory=dict)
    on: Mapping[str, str | None] = field(default_factory=dict)
    least: int = 1
    most: int = LARGEST
    is_supplied: bool = False
    is_made: bool = False
    on_shared_ipad: bool = True
    in_user_enrollment: bool = True
    check: Callable[[Any], object] | None = None

    @property
    def is_asked_for(self) -> bool:
        """Say whether a form or a program must give it."""
        return self.required and not self.is_made

    @property
    def longest(self) -> int:
        """How many characters a text of it has at most."""
        return LONGEST_SECRET if self.type is SECRET else LONGEST_TEXT

    def is_unsaid(self, value: Any) -> bool:
        """Say whether an optional text or file is as empty as a field that was left so."""
        return not self.required and value in ("", b"")

    def exists_on(self, platform: str) -> bool:
        """Say whether devices of this platform know it, in some version."""
        return self.on.get(get_system(platform), "") is not None

    def is_known_to(self, facts: DeviceFacts) -> bool:
        """Say whether a device takes it, as far as is known."""
        try:
            self._check_known(facts)
        except CommandInvalid:
            return False
        return True

    def list_choices(self, platform: str) -> list[Choice]:
        """Return the choices that devices of this platform know, in some version."""
        system = get_system(platform)
        return [
            choice
            for choice in self.choices
            if self.choices_on.get(choice[0], {}).get(system, "") is not None
        ]

    def read(self, value: Any, *, facts: DeviceFacts) -> Any:
        """Return the value that the device gets; raises ParameterInvalid."""
        try:
            self._check_known(facts)
            decoded = READERS[self.type](value)
            self._check_bounds(decoded)
            if self.choices_on:  # of a list none has any
                on = self.choices_on.get(decoded, {})
                _check_version(on, facts, subject=f"{decoded} ")
            if self.check is not None and not self.is_unsaid(decoded):
                self.check(decoded)
        except CommandInvalid as error:
            raise ParameterInvalid(str(error), parameter=self.name) from error
        return decoded

    def _check_known(self, facts: DeviceFacts) -> None:
        _check_version(self.on, facts)
        if facts.is_shared and not self.on_shared_ipad:
            raise CommandInvalid("is not for a Shared iPad")
        if facts.is_user_enrollment and not self.in_user_enrollment:
            raise CommandInvalid("a User Enrollment does not allow it")

    def _check_bounds(self, value: Any) -> None:
        known = [choice for choice, _ in self.choices]
        given = value if self.type is TEXTS else [value]
        if known and any(each not in known for each in given):
            words = ", ".join(map(str, known))
            raise CommandInvalid(f"must be one of {words}")
        if self.type is INTEGER and not self.choices and not self.least <= value <= self.most:
            raise CommandInvalid(f"must be from {self.least} to {self.most}")
        for text in given if self.type in (TEXT, SECRET, TEXTS) else ():
            if len(text) > self.longest:
                raise CommandInvalid(f"must have at most {self.longest} characters")
        if self.type is TEXTS and "" in value:
            raise CommandInvalid("must hold no empty text")
        if self.is_asked_for and self.type in (TEXT, SECRET, TEXTS, DATA) and not value:
            raise CommandInvalid("must not be empty")


def _check_version(on: Mapping[str, str | None], facts: DeviceFacts, *, subject: str = "") -> None:
    """Raises CommandInvalid where the device's platform, or its version, does not know it."""
    version = on.get(get_system(facts.platform), "")
    if version is None:
        raise CommandInvalid(f"{subject}does not exist on {SYSTEMS[facts.platform]}")
    if reason := find_version_refusal(version, facts):
        raise CommandInvalid(subject + reason)


def read_text(value: Any) -> str:
    """Raises CommandInvalid unless the value is text."""
    if not isinstance(value, str) or not _is_text(value):
        raise CommandInvalid("must be text without control characters")
    return value


def read_integer(value: Any) -> int:
    """Raises CommandInvalid unless the value is an integer of 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise CommandInvalid("must be an integer")
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
    except (binascii.Error, ValueError) as error:
        raise CommandInvalid("must be base64") from error


def read_dictionary(value: Any) -> dict[str, Any]:
    """A dictionary as JSON has it, or the text of a property list; raises CommandInvalid."""
    if isinstance(value, str):
        try:
            return decode_plist(value.encode(), max_bytes=MAX_DICTIONARY)
        except PlistInvalid as error:
            raise CommandInvalid(f"must be a property list: {error}") from error
    if not isinstance(value, dict) or not _fits_plist(value):
        raise CommandInvalid("must be a dictionary that a property list can hold")
    return value


def _fits_plist(value: Any) -> bool:
    """JSON's null is the one value that a property list has no word for."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_text(key) for key in value) and all(
            _fits_plist(child) for child in value.values()
        )
    if isinstance(value, list):
        return all(_fits_plist(child) for child in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= LARGEST
    return isinstance(value, bool | float | bytes) or (isinstance(value, str) and _is_text(value))


def _is_text(value: str) -> bool:
    """XML has no word for the other control characters."""
    return UNTYPED.search(value) is None


READERS: Mapping[ParameterType, Callable[[Any], Any]] = {
    TEXT: read_text,
    SECRET: read_text,
    INTEGER: read_integer,
    FLAG: read_flag,
    TEXTS: read_texts,
    DATA: read_data,
    DICTIONARY: read_dictionary,
}
