from devices.models.bulk_command import BulkCommand
from devices.models.certificate import DeviceCertificate
from devices.models.command import OPEN_STATES, Command, CommandState
from devices.models.device import LARGE_OF_DEVICE, Device, DeviceStatus, Platform
from devices.models.enrollment import GOING, LARGE_OF_ENROLLMENT, Enrollment, EnrollmentState
from devices.models.escrow import EscrowedSecret, SecretKind
from devices.models.group import Group
from devices.models.managed_application import ManagedApplication
from devices.models.push_certificate import PushCertificate, PushCertificateState
from devices.models.push_target import PushTarget
from devices.models.software import InstalledApplication, SoftwareTitle, SoftwareVersion
from devices.models.status_report import StatusReport
from devices.models.user_channel import UserChannel

__all__ = [
    "GOING",
    "LARGE_OF_DEVICE",
    "LARGE_OF_ENROLLMENT",
    "OPEN_STATES",
    "BulkCommand",
    "Command",
    "CommandState",
    "Device",
    "DeviceCertificate",
    "DeviceStatus",
    "Enrollment",
    "EnrollmentState",
    "EscrowedSecret",
    "Group",
    "InstalledApplication",
    "ManagedApplication",
    "Platform",
    "PushCertificate",
    "PushCertificateState",
    "PushTarget",
    "SecretKind",
    "SoftwareTitle",
    "SoftwareVersion",
    "StatusReport",
    "UserChannel",
]
