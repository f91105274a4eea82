from devices.models.command import OPEN_STATES, Command, CommandState
from devices.models.device import Device, DeviceStatus, Platform
from devices.models.enrollment import Enrollment, EnrollmentState
from devices.models.group import Group
from devices.models.push_certificate import PushCertificate, PushCertificateState
from devices.models.push_target import PushTarget
from devices.models.status_report import StatusReport
from devices.models.user_channel import UserChannel

__all__ = [
    "OPEN_STATES",
    "Command",
    "CommandState",
    "Device",
    "DeviceStatus",
    "Enrollment",
    "EnrollmentState",
    "Group",
    "Platform",
    "PushCertificate",
    "PushCertificateState",
    "PushTarget",
    "StatusReport",
    "UserChannel",
]
