"""Users of a Mac: each who is logged in has a channel, a token and a profile store of their own."""

import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any, cast

from . import checkin, commands
from .commands.outcome import CommandRefused, refuse
from .connection import MAX_COMMANDS, ObeyedCommand
from .errors import HttpRefused, SimulationFailure
from .profile_check import Plist, decode_plist
from .state import Identity, InstalledProfile

if TYPE_CHECKING:
    from .device import SimulatedDevice

PER_USER, ESCROW = "com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"
# Of the commands that this Mac knows, those that mean a user too.
ON_USER_CHANNEL = {
    "DeviceInformation",
    "InstallProfile",
    "ManagedApplicationList",
    "ProfileList",
    "RemoveProfile",
    "SecurityInfo",
}


class MacUser:
    """A person on one Mac; what is not theirs is the device's.

    user_id is the same whenever the same short name logs in to the same Mac.
    """

    def __init__(self, device: "SimulatedDevice", short_name: str, *, long_name: str = "") -> None:
        self.device = device
        self.short_name = short_name
        self.long_name = long_name or short_name.title()
        self.user_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{device.udid}/{short_name}")).upper()
        self.token = secrets.token_bytes(32)
        self.push_magic = str(uuid.uuid4()).upper()
        self.profiles: dict[str, InstalledProfile] = {}
        self.extra_identities: dict[str, list[Identity]] = {}
        self.obeyed: list[ObeyedCommand] = []
        self.wake = threading.Event()
        self.is_managed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.device, name)

    def identify(self) -> Plist:
        """The keys that make a message the user's."""
        names = {"UserShortName": self.short_name, "UserLongName": self.long_name}
        return {"UserID": self.user_id, **names}

    def log_in(self, *, network: bool = False) -> bool:
        """Logs in; whether the server manages this user. Only a network user is asked for."""
        capabilities = self.device.mdm.get("ServerCapabilities", [])
        if ESCROW in capabilities and self.device.state.bootstrap_token is None:
            self.device.escrow_bootstrap_token()
        if PER_USER not in capabilities or (network and not self._authenticate()):
            return False
        self.is_managed = True
        self.token_update()
        return True

    def _authenticate(self) -> bool:
        message = checkin.build_message(self.device.hardware, kind="UserAuthenticate")
        try:
            answer = decode_plist(self.device.check_in(message | self.identify()))
        except HttpRefused as refusal:
            if refusal.status == 410:
                return False
            raise
        if answer.get("DigestChallenge") != "":
            raise SimulationFailure("the server wants a digest of the user's password")
        return True

    def token_update(self) -> None:
        """Where the user's pushes go."""
        self.device.on_user(self)
        message = checkin.build_message(self.device.hardware, kind="TokenUpdate")
        message |= {"Topic": self.device.topic, "NotOnConsole": False, **self.identify()}
        self.device.check_in(message | {"Token": self.token, "PushMagic": self.push_magic})

    def connect(self) -> list[ObeyedCommand]:
        """One connection of the user's own; nothing of it touches the device's."""
        channel, done = self.device.channel(), list[ObeyedCommand]()
        body = channel.report(checkin.build_idle(self.device.hardware) | self.identify())
        while body and len(done) < MAX_COMMANDS:
            envelope = decode_plist(body)
            command = envelope["Command"]
            answer: Plist = {"UDID": self.device.udid, "CommandUUID": envelope["CommandUUID"]}
            answer |= self.identify() | self._obey(command)
            done.append(
                ObeyedCommand(
                    envelope["CommandUUID"],
                    command["RequestType"],
                    answer["Status"],
                    command,
                    answer,
                )
            )
            body = channel.report(answer)
        self.obeyed += done
        return done

    def _obey(self, command: Plist) -> Plist:
        try:
            if command["RequestType"] not in ON_USER_CHANNEL:
                raise refuse("The command is not for a user's channel.", code=12021)
        except CommandRefused as refusal:
            return {"Status": refusal.status, "ErrorChain": refusal.chain}
        return commands.obey(cast("SimulatedDevice", self), command)

    def remove(self) -> None:
        """The account is deleted: the user's CheckOut."""
        message = checkin.build_check_out(self.device.hardware, topic=self.device.topic)
        self.device.check_in(message | self.identify())
        self.is_managed = False
