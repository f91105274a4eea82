from devices.models.bulk_command import BulkCommand
from devices.models.command import Command, CommandState
from devices.models.device import Device, DeviceStatus, Platform
from devices.models.enrollment import Enrollment, EnrollmentState
from devices.models.escrow import EscrowedSecret, SecretKind
from devices.models.group import Group
from devices.models.push_certificate import PushCertificate

__all__ = [
    "BulkCommand",
    "Command",
    "CommandState",
    "Device",
    "DeviceStatus",
    "Enrollment",
    "EnrollmentState",
    "EscrowedSecret",
    "Group",
    "Platform",
    "PushCertificate",
    "SecretKind",
]
