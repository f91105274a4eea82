"""A device at the other end of the command queue, with its own idea of what it has."""

import plistlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.models import Command, Device, DeviceStatus, Enrollment, EnrollmentState, Group
from devices.protocol.connect import decode_report
from devices.services.answers import record_result
from devices.services.queue import enqueue, take_next
from policies.models import ItemStatus
from policies.services.apply import apply_policies
from scep.protocol.signed_content import extract_signed_content

Plist = dict[str, Any]
Answer = tuple[str, Plist]
# Near enough for commands that expire in days by the real clock.
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
REFUSAL = [{"ErrorCode": 4001, "ErrorDomain": "MCInstallationErrorDomain"}]
REFUSAL[0] |= {"LocalizedDescription": "Nein.", "USEnglishDescription": "Not this one."}


def enroll(group: Group | None, *, platform: str = "ios") -> Enrollment:
    """A live enrollment of a new device."""
    device = Device.objects.create(
        udid=str(uuid.uuid4()), platform=platform, group=group, status=DeviceStatus.ENROLLED
    )
    return Enrollment.objects.create(
        device=device,
        state=EnrollmentState.LIVE,
        certificate_sha256=uuid.uuid4().hex * 2,
        certificate_not_after=MIDNIGHT + timedelta(days=365),
        topic="com.apple.mgmt.External.test",
    )


@dataclass
class Handheld:
    """Answers commands; `answers` overrules what it would say to a RequestType."""

    enrollment: Enrollment
    now: datetime = MIDNIGHT
    profiles: dict[str, str] = field(default_factory=dict)
    apps: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Callable[[Plist], Answer]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def settle(self, *, rounds: int = 10) -> None:
        """The server applies and the device obeys until neither has anything to do."""
        for _ in range(rounds):
            self.apply()
            if not self.obey():
                return
        raise AssertionError("the server never stops asking")

    def apply(self) -> int:
        self.enrollment.refresh_from_db()
        return apply_policies(self.enrollment, now=self.now)

    def obey(self, *, is_new_session: bool = True) -> int:
        """Take and answer commands until none is offered; return how many."""
        count = 0
        while command := take_next(
            self.enrollment, now=self.now, is_new_session=is_new_session and not count
        ):
            self.answer(command)
            count += 1
        return count

    def answer(self, command: Command) -> None:
        assert command.body is not None
        body = plistlib.loads(command.body)
        self.seen.append(command.request_type)
        status, answer = self.answers.get(command.request_type, self.obey_one)(body)
        chain = answer.pop("ErrorChain", [])
        self.now += timedelta(seconds=1)
        names = {"UDID": self.enrollment.device.udid, "CommandUUID": command.uuid}
        report = decode_report({"Status": status, "ErrorChain": chain, **names, **answer})
        record_result(self.enrollment, report=report, now=self.now)

    def obey_one(self, body: Plist) -> Answer:
        match body["RequestType"]:
            case "InstallProfile":
                profile = plistlib.loads(extract_signed_content(body["Payload"]))
                self.profiles[profile["PayloadIdentifier"]] = profile["PayloadUUID"]
            case "RemoveProfile":
                if self.profiles.pop(body["Identifier"], None) is None:
                    return "Error", {"ErrorChain": REFUSAL}
            case "InstallApplication":
                identifier = body.get("Identifier") or f"app.{body.get('iTunesStoreID', 'x')}"
                self.apps[identifier] = "Managed"
                return "Acknowledged", {"Identifier": identifier, "State": "Installing"}
            case "RemoveApplication":
                if self.apps.pop(body["Identifier"], None) is None:
                    return "Error", {"ErrorChain": REFUSAL}
            case "ProfileList":
                listed = [
                    {"PayloadIdentifier": key, "PayloadUUID": value}
                    for key, value in self.profiles.items()
                ]
                return "Acknowledged", {"ProfileList": listed}
            case "ManagedApplicationList":
                listed_apps = {key: {"Status": value} for key, value in self.apps.items()}
                return "Acknowledged", {"ManagedApplicationList": listed_apps}
        return "Acknowledged", {}

    def report_profiles(self) -> None:
        enqueue(self.enrollment, command={"RequestType": "ProfileList"}, origin="somebody")
        self.obey()

    def report_apps(self) -> None:
        body = {"RequestType": "ManagedApplicationList"}
        enqueue(self.enrollment, command=body, origin="somebody")
        self.obey()

    def refuse(self, request_type: str) -> None:
        self.answers[request_type] = lambda body: ("Error", {"ErrorChain": REFUSAL})

    @property
    def status(self) -> str:
        return Device.objects.get(pk=self.enrollment.device_id).status

    @property
    def reason(self) -> str:
        return Device.objects.get(pk=self.enrollment.device_id).status_reason

    @property
    def states(self) -> dict[str, str]:
        """The state of each item by its name."""
        rows = ItemStatus.objects.filter(enrollment=self.enrollment)
        return dict(rows.values_list("name", "state"))

    def get(self, name: str) -> ItemStatus:
        return ItemStatus.objects.get(enrollment=self.enrollment, name=name)

    def count(self, request_type: str) -> int:
        """How many commands of this type were ever queued for it."""
        return self.enrollment.commands.filter(request_type=request_type).count()
