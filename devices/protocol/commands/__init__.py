"""The commands this server sends: one file and one row of the table for each RequestType."""

from collections.abc import Mapping
from typing import Any

from devices.errors import CommandInvalid
from devices.protocol.commands.application_configuration import build_application_configuration
from devices.protocol.commands.device_information import build_device_information
from devices.protocol.commands.device_lock import build_device_lock
from devices.protocol.commands.erase_device import build_erase_device
from devices.protocol.commands.install_application import build_install_application
from devices.protocol.commands.install_enterprise_application import (
    build_install_enterprise_application,
)
from devices.protocol.commands.install_profile import build_install_profile
from devices.protocol.commands.installed_application_list import build_installed_application_list
from devices.protocol.commands.managed_application_configuration import (
    build_managed_application_configuration,
)
from devices.protocol.commands.managed_application_feedback import (
    build_managed_application_feedback,
)
from devices.protocol.commands.managed_application_list import build_managed_application_list
from devices.protocol.commands.pin import generate_pin
from devices.protocol.commands.profile_list import build_profile_list
from devices.protocol.commands.remove_application import build_remove_application
from devices.protocol.commands.remove_profile import build_remove_profile
from devices.protocol.commands.restart_device import build_restart_device
from devices.protocol.commands.security_info import build_security_info
from devices.protocol.commands.table import (
    ADMINISTRATOR,
    CommandType,
    read_data,
    read_data_list,
    read_dictionary,
    read_flag,
    read_integer,
    read_text,
    read_texts,
)

OUTRANKING = 100

_TYPES = (
    CommandType(
        "DeviceInformation",
        "Ask for its facts",
        build_device_information,
        needs_platform=True,
        is_unique=True,
    ),
    CommandType("SecurityInfo", "Ask for its security", build_security_info, is_unique=True),
    CommandType("ProfileList", "Ask for its profiles", build_profile_list, is_unique=True),
    CommandType(
        "InstallProfile",
        "Install a profile",
        build_install_profile,
        {"payload": read_data},
        minimum_role=ADMINISTRATOR,
    ),
    CommandType(
        "RemoveProfile",
        "Remove a profile",
        build_remove_profile,
        {"identifier": read_text},
        minimum_role=ADMINISTRATOR,
    ),
    CommandType(
        "InstallApplication",
        "Install an app",
        build_install_application,
        {
            "itunes_store_id": read_integer,
            "manifest_url": read_text,
            "identifier": read_text,
            "device_license": read_flag,
            "take_over": read_flag,
            "install_as_managed": read_flag,
            "ios_app": read_flag,
            "management_flags": read_integer,
            "configuration": read_dictionary,
            "attributes": read_dictionary,
        },
        needs_platform=True,
    ),
    CommandType(
        "InstallEnterpriseApplication",
        "Install a package",
        build_install_enterprise_application,
        {
            "manifest": read_dictionary,
            "manifest_url": read_text,
            "pinning_certificates": read_data_list,
            "check_revocation": read_flag,
            "install_as_managed": read_flag,
            "take_over": read_flag,
            "ios_app": read_flag,
            "configuration": read_dictionary,
        },
        needs_platform=True,
    ),
    CommandType(
        "InstalledApplicationList",
        "Ask for its apps",
        build_installed_application_list,
        {"identifiers": read_texts, "managed_only": read_flag},
    ),
    CommandType(
        "ManagedApplicationList",
        "Ask for its managed apps",
        build_managed_application_list,
        {"identifiers": read_texts},
    ),
    CommandType(
        "ManagedApplicationConfiguration",
        "Ask what apps are configured with",
        build_managed_application_configuration,
        {"identifiers": read_texts},
    ),
    CommandType(
        "ManagedApplicationFeedback",
        "Ask for the feedback of apps",
        build_managed_application_feedback,
        {"identifiers": read_texts, "delete_feedback": read_flag},
        needs_platform=True,
    ),
    CommandType(
        "Settings",
        "Configure an app",
        build_application_configuration,
        {"identifier": read_text, "configuration": read_dictionary},
    ),
    CommandType(
        "RemoveApplication",
        "Remove an app",
        build_remove_application,
        {"identifier": read_text},
    ),
    CommandType(
        "DeviceLock",
        "Lock",
        build_device_lock,
        {"pin": read_text, "message": read_text, "phone_number": read_text},
        needs_platform=True,
        is_unique=True,
        priority=OUTRANKING,
    ),
    CommandType(
        "EraseDevice",
        "Erase",
        build_erase_device,
        {
            "pin": read_text,
            "obliteration": read_text,
            "preserve_data_plan": read_flag,
            "disallow_proximity_setup": read_flag,
            "return_to_service": read_flag,
            "wifi_profile": read_data,
        },
        needs_platform=True,
        is_destructive=True,
        is_unique=True,
        minimum_role=ADMINISTRATOR,
        priority=OUTRANKING,
    ),
    CommandType("RestartDevice", "Restart", build_restart_device, is_unique=True),
)
COMMAND_TYPES: Mapping[str, CommandType] = {row.request_type: row for row in _TYPES}


def get_command_type(request_type: str) -> CommandType:
    """Return the row of a RequestType; raises CommandInvalid."""
    try:
        return COMMAND_TYPES[request_type]
    except KeyError as error:
        raise CommandInvalid(f"{request_type} is not a command that can be sent") from error


def build_command(
    request_type: str, *, platform: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the Command dictionary for parameters as a program gives them.

    Data is bytes or base64 text. Raises CommandInvalid for an unknown RequestType, an
    unknown parameter, a missing one, and a value that the schema or the platform refuses.
    """
    return get_command_type(request_type).build_body(parameters, platform=platform)


__all__ = [
    "COMMAND_TYPES",
    "OUTRANKING",
    "CommandType",
    "build_application_configuration",
    "build_command",
    "build_device_information",
    "build_device_lock",
    "build_erase_device",
    "build_install_application",
    "build_install_enterprise_application",
    "build_install_profile",
    "build_installed_application_list",
    "build_managed_application_configuration",
    "build_managed_application_feedback",
    "build_managed_application_list",
    "build_profile_list",
    "build_remove_application",
    "build_remove_profile",
    "build_restart_device",
    "build_security_info",
    "generate_pin",
    "get_command_type",
]
