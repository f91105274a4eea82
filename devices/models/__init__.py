from devices.models.command import Command, CommandState
from devices.models.device import Device, DeviceStatus, Platform
from devices.models.enrollment import Enrollment, EnrollmentState
from devices.models.group import Group
from devices.models.managed_application import ManagedApplication
from devices.models.push_certificate import PushCertificate

__all__ = [
    "Command",
    "CommandState",
    "Device",
    "DeviceStatus",
    "Enrollment",
    "EnrollmentState",
    "Group",
    "ManagedApplication",
    "Platform",
    "PushCertificate",
]
