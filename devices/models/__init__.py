from devices.models.command import Command, CommandState
from devices.models.device import Device, DeviceStatus, Platform
from devices.models.enrollment import Enrollment, EnrollmentState
from devices.models.group import Group
from devices.models.push_certificate import PushCertificate, PushCertificateState

__all__ = [
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
]
