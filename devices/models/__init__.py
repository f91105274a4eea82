from devices.models.command import OPEN_STATES, Command, CommandState
from devices.models.device import Device, DeviceStatus, Platform
from devices.models.enrollment import Enrollment, EnrollmentState
from devices.models.group import Group
from devices.models.push_certificate import PushCertificate

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
]
