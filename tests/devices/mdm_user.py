"""A user of a Mac as the server sees them: the device's identity, keys of their own."""

import plistlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse

from devices.models import UserChannel
from tests.devices.mdm_device import CHECKIN, CONNECT, MdmDevice


@dataclass
class MdmUser:
    """Sends what a Mac sends for a user who is logged in."""

    device: MdmDevice
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    short_name: str = "anna"
    long_name: str = "Anna Example"
    token: bytes = field(default_factory=lambda: uuid.uuid4().bytes * 2)
    magic: str = field(default_factory=lambda: str(uuid.uuid4()).upper())

    @property
    def names(self) -> dict[str, Any]:
        key = "EnrollmentUserID" if self.device.is_user_enrollment else "UserID"
        return {
            key: self.user_id,
            "UserShortName": self.short_name,
            "UserLongName": self.long_name,
        }

    def check_in(self, message_type: str, **more: Any) -> HttpResponse:
        return self.device.put(CHECKIN, self.device.message(message_type, **(self.names | more)))

    def token_update(self, **more: Any) -> HttpResponse:
        facts = {"Token": self.token, "PushMagic": self.magic, "NotOnConsole": False}
        return self.check_in("TokenUpdate", **(facts | more))

    def log_in(self) -> "MdmUser":
        assert self.token_update().status_code == 200
        return self

    def take(self, status: str = "Idle", command: str = "", **more: Any) -> dict[str, Any] | None:
        """Return the command that the server answers with, or None."""
        message = {"Status": status, **self.device.names, **self.names, **more}
        response = self.device.put(CONNECT, message | ({"CommandUUID": command} if command else {}))
        assert response.status_code == 200, response.content
        return plistlib.loads(response.content) if response.content else None

    @property
    def row(self) -> UserChannel:
        return UserChannel.objects.get(enrollment=self.device.enrollment, user_id=self.user_id)
