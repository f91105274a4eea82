"""What devices answer about themselves, as bounded values: odd types and long texts end here."""

from devices.protocol.inventory.applications import Application, decode_applications
from devices.protocol.inventory.certificates import ListedCertificate, list_certificates
from devices.protocol.inventory.facts import decode_information, decode_security
from devices.protocol.inventory.os_version import build_version_bounds, build_version_number
from devices.protocol.inventory.profiles import decode_profiles
from devices.protocol.inventory.users import decode_users
from devices.protocol.inventory.values import bound_facts, read_text

__all__ = [
    "Application",
    "ListedCertificate",
    "bound_facts",
    "build_version_bounds",
    "build_version_number",
    "decode_applications",
    "decode_information",
    "decode_profiles",
    "decode_security",
    "decode_users",
    "list_certificates",
    "read_text",
]
