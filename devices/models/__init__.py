from devices.models.certificate import DeviceCertificate
from devices.models.command import Command, CommandState
from devices.models.device import Device, DeviceStatus, Platform
from devices.models.enrollment import Enrollment, EnrollmentState
from devices.models.group import Group
from devices.models.push_certificate import PushCertificate
from devices.models.software import InstalledApplication, SoftwareTitle, SoftwareVersion

__all__ = [
    "Command",
    "CommandState",
    "Device",
    "DeviceCertificate",
    "DeviceStatus",
    "Enrollment",
    "EnrollmentState",
    "Group",
    "InstalledApplication",
    "Platform",
    "PushCertificate",
    "SoftwareTitle",
    "SoftwareVersion",
]
