"""The device's signed PUTs to the MDM server."""

import base64
import plistlib
from dataclasses import dataclass

import httpx

from .checkin import CHECKIN_TYPE, CONNECT_TYPE
from .cms import sign_detached
from .errors import SimulationFailure
from .habits import Habits, Misbehaviour
from .hardware import Hardware
from .profile_check import Plist
from .state import Identity
from .web import require_ok


@dataclass(frozen=True)
class MdmChannel:
    """Where and how one device talks to its MDM server."""

    http: httpx.Client
    hardware: Hardware
    habits: Habits
    mdm: Plist
    identity: Identity

    def check_in(self, message: Plist) -> bytes:
        """PUTs a check-in message to CheckInURL, or ServerURL where it is absent."""
        url: str = self.mdm.get("CheckInURL") or self.mdm["ServerURL"]
        return self._put_once_or_twice(url, message, content_type=CHECKIN_TYPE)

    def report(self, message: Plist) -> bytes:
        """PUTs a status to ServerURL; the body is the next command, or empty."""
        return self._put_once_or_twice(self.mdm["ServerURL"], message, content_type=CONNECT_TYPE)

    def _put_once_or_twice(self, url: str, message: Plist, *, content_type: str) -> bytes:
        answer = self._put(url, message, content_type=content_type)
        twice = self.habits.does(Misbehaviour.DUPLICATE_MESSAGES)
        if twice and message.get("Status") != "Idle":
            self._put(url, message, content_type=content_type)
        return answer

    def _put(self, url: str, message: Plist, *, content_type: str) -> bytes:
        body = self.encode(message)
        headers = {
            "Content-Type": content_type,
            "User-Agent": self.hardware.platform.mdm_agent,
            **self.sign(body),
        }
        answer = self.http.put(url, content=body, headers=headers)
        what = message.get("MessageType") or message["Status"]
        return require_ok(answer, what=what).content

    def encode(self, message: Plist) -> bytes:
        """The body's bytes, XML unless the device prefers binary."""
        fmt = plistlib.FMT_BINARY if self.habits.binary_plist else plistlib.FMT_XML
        return plistlib.dumps(message, fmt=fmt)

    def sign(self, body: bytes) -> dict[str, str]:
        """The Mdm-Signature header, empty unless the profile asks for it."""
        if not self.mdm.get("SignMessage", False):
            self._require_signing_not_tested()
            return {}
        if self.habits.does(Misbehaviour.NO_SIGNATURE):
            return {}
        shape = self.habits.signature or self.hardware.platform.signature
        signature = sign_detached(
            body,
            key=self.identity.key,
            certificate=self.identity.certificate,
            attributes=shape.attributes,
            digest=shape.digest,
            ber=shape.ber,
            corrupt_signature=self.habits.does(Misbehaviour.BAD_SIGNATURE),
        )
        return {"Mdm-Signature": base64.b64encode(signature).decode()}

    def _require_signing_not_tested(self) -> None:
        if self.habits.misbehave in (Misbehaviour.BAD_SIGNATURE, Misbehaviour.NO_SIGNATURE):
            raise SimulationFailure("the profile does not ask for Mdm-Signature")
