"""A row of the table of commands: what it does, who may send it, which devices obey it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from devices.errors import CommandInvalid, CommandNotObeyable, ParameterInvalid
from devices.protocol.commands.channels import is_kept_from_users
from devices.protocol.commands.parameters import Parameter
from devices.protocol.commands.requirements import (
    DeviceFacts,
    Needs,
    find_refusal,
    get_system,
)
from devices.protocol.platform import OTHER

OPERATOR, ADMINISTRATOR = "operator", "administrator"
OUTRANKING = 100
ONLY_ELEMENT = "[]"
Body = dict[str, Any]


class Kind(StrEnum):
    """What commands are grouped by on a page, in this order."""

    INFORMATION = "Information"
    PROFILES = "Profiles"
    APPS = "Apps and books"
    SETTINGS = "Settings"
    UPDATES = "Software updates"
    SECURITY = "Security"
    LOST_MODE = "Lost mode"
    USERS = "Users"
    SCREEN = "Screen and remote control"
    POWER = "Power"


@dataclass(frozen=True)
class CommandType:
    """One command. `needs`: by platform, what a device must be; elsewhere it does not exist.

    Without a `build` of its own the body has every parameter at its key. A builder that
    `needs_platform` gets the device's platform too, one that `needs_facts` all that is known of
    it. `item` is a setting's, whose RequestType is Settings. `is_unique`: one waiting is enough.
    `takes_back`: what it overtakes and would then be undone by. `note` is for the person who sends
    it.
    """

    request_type: str
    title: str
    kind: Kind
    needs: Mapping[str, Needs]
    parameters: tuple[Parameter, ...] = ()
    build: Callable[..., Body] | None = None
    needs_platform: bool = False
    needs_facts: bool = False
    item: str = ""
    note: str = ""
    needs_unlock_token: bool = False
    is_destructive: bool = False
    is_unique: bool = False
    takes_back: str = ""
    minimum_role: str = OPERATOR
    priority: int = 0

    @property
    def name(self) -> str:
        """What the table knows it by: the RequestType, `Settings.DeviceName` for a setting."""
        return f"{self.request_type}.{self.item}" if self.item else self.request_type

    @property
    def asked(self) -> tuple[Parameter, ...]:
        """The parameters that a form asks for and a program may give."""
        return tuple(parameter for parameter in self.parameters if not parameter.is_supplied)

    def exists_on(self, platform: str) -> bool:
        """Say whether the platform has the command, in some version; an unknown one may."""
        return platform == OTHER or get_system(platform) in self.needs

    def find_refusal(self, facts: DeviceFacts) -> str:
        """Return in plain words why the device cannot obey, "" where it may."""
        if facts.is_user_enrollment and is_kept_from_users(
            self.request_type, platform=facts.platform
        ):
            return "a User Enrollment does not allow it"
        reason = find_refusal(self.needs, facts)
        if not reason and self.needs_unlock_token and not facts.has_unlock_token:
            return "the device has not handed over an unlock token"
        return reason

    def takes(self, name: str, *, facts: DeviceFacts) -> bool:
        """Say whether the device knows this parameter; what is not known of it refuses nothing."""
        return next(each for each in self.parameters if each.name == name).is_known_to(facts)

    def read_given(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a door was given for a device that is not known yet; ParameterInvalid."""
        check_asked(self, parameters)
        made = {each.name for each in self.parameters if each.is_made or each.is_supplied}
        values = self._read(parameters, facts=DeviceFacts(), may_lack=made)
        if made <= set(parameters):
            self._check_buildable(parameters)
        return values

    def _check_buildable(self, parameters: Mapping[str, Any]) -> None:
        """Raise what building says, where no platform's devices could be told this."""
        refusals: dict[str, CommandInvalid] = {}
        for platform in self.needs:
            try:
                self.build_body(parameters, facts=DeviceFacts(platform=platform))
            except CommandInvalid as error:
                refusals[str(error)] = error
            else:
                return
        if len(refusals) == 1:
            raise refusals.popitem()[1]
        raise CommandInvalid("no device can be told this: " + "; ".join(refusals))

    def build_body(self, parameters: Mapping[str, Any], *, facts: DeviceFacts) -> Body:
        """Return the Command dictionary; raises ParameterInvalid, or CommandInvalid."""
        values = self._read(parameters, facts=facts)
        if self.build is None:
            return self._place(values)
        if self.needs_platform:
            values["platform"] = facts.platform
        if self.needs_facts:
            values["facts"] = facts
        return self.build(**values)

    def _read(
        self,
        parameters: Mapping[str, Any],
        *,
        facts: DeviceFacts,
        may_lack: Collection[str] = (),
    ) -> dict[str, Any]:
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in parameters:
            if name not in known:
                told = ", ".join(self._list_askable()) or "no parameters"
                raise ParameterInvalid(
                    f"{self.name} takes no {name[:40]}; it takes {told}", parameter=name[:40]
                )
        for name, parameter in known.items():
            if parameter.required and name not in parameters and name not in may_lack:
                raise ParameterInvalid("is missing", parameter=name)
        read = {name: known[name].read(value, facts=facts) for name, value in parameters.items()}
        return {name: value for name, value in read.items() if not known[name].is_unsaid(value)}

    def _list_askable(self) -> list[str]:
        return [each.name for each in self.parameters if not each.is_supplied]

    def _place(self, values: Mapping[str, Any]) -> Body:
        body: Body = {"RequestType": self.request_type}
        target = body
        if self.item:
            target = {"Item": self.item}
            body["Settings"] = [target]
        for parameter in self.parameters:
            if parameter.key and parameter.name in values:
                _place_at(target, path=parameter.key.split("."), value=values[parameter.name])
        return body


def check_obeyable(kind: CommandType, facts: DeviceFacts) -> None:
    """Raise CommandNotObeyable with the reason unless the device may obey."""
    if reason := kind.find_refusal(facts):
        raise CommandNotObeyable(f"{kind.name}: {reason}")


def check_asked(kind: CommandType, parameters: Mapping[str, Any]) -> None:
    """Raise ParameterInvalid for a parameter that only the server itself gives."""
    for parameter in kind.parameters:
        if parameter.is_supplied and parameter.name in parameters:
            raise ParameterInvalid(
                f"{kind.name} takes no {parameter.name}", parameter=parameter.name
            )


def _place_at(target: Body, *, path: list[str], value: Any) -> None:
    key, *rest = path
    if not rest:
        target[key] = value
    elif rest[0] == ONLY_ELEMENT:
        elements = target.setdefault(key, [{}])
        _place_at(elements[0], path=rest[1:], value=value)
    else:
        _place_at(target.setdefault(key, {}), path=rest, value=value)


__all__ = [
    "ADMINISTRATOR",
    "OPERATOR",
    "OUTRANKING",
    "Body",
    "CommandInvalid",
    "CommandType",
    "Kind",
    "check_asked",
    "check_obeyable",
]
