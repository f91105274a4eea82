"""The commands this server sends: one file and one row of the table for each of them."""

from collections.abc import Mapping
from typing import Any

from devices.errors import CommandInvalid
from devices.protocol.commands.activation_lock_bypass_code import ACTIVATION_LOCK_BYPASS_CODE
from devices.protocol.commands.active_ns_extensions import ACTIVE_NS_EXTENSIONS
from devices.protocol.commands.application_configuration import build_application_configuration
from devices.protocol.commands.apply_redemption_code import APPLY_REDEMPTION_CODE
from devices.protocol.commands.available_os_updates import AVAILABLE_OS_UPDATES
from devices.protocol.commands.certificate_list import CERTIFICATE_LIST, build_certificate_list
from devices.protocol.commands.channels import check_on_user_channel
from devices.protocol.commands.clear_activation_lock_bypass_code import (
    CLEAR_ACTIVATION_LOCK_BYPASS_CODE,
)
from devices.protocol.commands.clear_passcode import CLEAR_PASSCODE
from devices.protocol.commands.clear_restrictions_password import CLEAR_RESTRICTIONS_PASSWORD
from devices.protocol.commands.content_caching_information import CONTENT_CACHING_INFORMATION
from devices.protocol.commands.declarative_management import DECLARATIVE_MANAGEMENT
from devices.protocol.commands.delete_user import DELETE_USER
from devices.protocol.commands.device_information import (
    DEVICE_INFORMATION,
    build_device_information,
)
from devices.protocol.commands.device_location import DEVICE_LOCATION
from devices.protocol.commands.device_lock import DEVICE_LOCK, build_device_lock
from devices.protocol.commands.disable_lost_mode import DISABLE_LOST_MODE
from devices.protocol.commands.disable_remote_desktop import DISABLE_REMOTE_DESKTOP
from devices.protocol.commands.enable_lost_mode import ENABLE_LOST_MODE
from devices.protocol.commands.enable_remote_desktop import ENABLE_REMOTE_DESKTOP
from devices.protocol.commands.erase_device import ERASE_DEVICE, build_erase_device
from devices.protocol.commands.install_application import (
    INSTALL_APPLICATION,
    build_install_application,
)
from devices.protocol.commands.install_enterprise_application import (
    INSTALL_ENTERPRISE_APPLICATION,
    build_install_enterprise_application,
)
from devices.protocol.commands.install_media import INSTALL_MEDIA
from devices.protocol.commands.install_profile import INSTALL_PROFILE, build_install_profile
from devices.protocol.commands.install_provisioning_profile import INSTALL_PROVISIONING_PROFILE
from devices.protocol.commands.installed_application_list import (
    INSTALLED_APPLICATION_LIST,
    build_installed_application_list,
)
from devices.protocol.commands.invite_to_program import INVITE_TO_PROGRAM
from devices.protocol.commands.left_out import LEFT_OUT
from devices.protocol.commands.log_out_user import LOG_OUT_USER
from devices.protocol.commands.lom_device_request import LOM_DEVICE_REQUEST
from devices.protocol.commands.lom_setup_request import LOM_SETUP_REQUEST
from devices.protocol.commands.managed_application_attributes import MANAGED_APPLICATION_ATTRIBUTES
from devices.protocol.commands.managed_application_configuration import (
    MANAGED_APPLICATION_CONFIGURATION,
    build_managed_application_configuration,
)
from devices.protocol.commands.managed_application_feedback import (
    MANAGED_APPLICATION_FEEDBACK,
    build_managed_application_feedback,
)
from devices.protocol.commands.managed_application_list import (
    MANAGED_APPLICATION_LIST,
    build_managed_application_list,
)
from devices.protocol.commands.managed_media_list import MANAGED_MEDIA_LIST
from devices.protocol.commands.ns_extension_mappings import NS_EXTENSION_MAPPINGS
from devices.protocol.commands.os_update_status import OS_UPDATE_STATUS
from devices.protocol.commands.parameters import Parameter, ParameterType
from devices.protocol.commands.password import generate_password
from devices.protocol.commands.pin import generate_pin
from devices.protocol.commands.play_lost_mode_sound import PLAY_LOST_MODE_SOUND
from devices.protocol.commands.profile_list import PROFILE_LIST, build_profile_list
from devices.protocol.commands.provisioning_profile_list import PROVISIONING_PROFILE_LIST
from devices.protocol.commands.queueing import QUERIES, build_unique_key, find_lifetime
from devices.protocol.commands.refresh_cellular_plans import REFRESH_CELLULAR_PLANS
from devices.protocol.commands.remove_application import (
    REMOVE_APPLICATION,
    build_remove_application,
)
from devices.protocol.commands.remove_media import REMOVE_MEDIA
from devices.protocol.commands.remove_profile import REMOVE_PROFILE, build_remove_profile
from devices.protocol.commands.remove_provisioning_profile import REMOVE_PROVISIONING_PROFILE
from devices.protocol.commands.request_mirroring import REQUEST_MIRRORING
from devices.protocol.commands.request_unlock_token import REQUEST_UNLOCK_TOKEN
from devices.protocol.commands.requirements import USER_CHANNEL, DeviceFacts
from devices.protocol.commands.restart_device import RESTART_DEVICE
from devices.protocol.commands.restrictions import RESTRICTIONS
from devices.protocol.commands.rotate_filevault_key import ROTATE_FILEVAULT_KEY
from devices.protocol.commands.schedule_os_update import SCHEDULE_OS_UPDATE
from devices.protocol.commands.schedule_os_update_scan import SCHEDULE_OS_UPDATE_SCAN
from devices.protocol.commands.security_info import SECURITY_INFO, build_security_info
from devices.protocol.commands.set_auto_admin_password import SET_AUTO_ADMIN_PASSWORD
from devices.protocol.commands.set_firmware_password import SET_FIRMWARE_PASSWORD
from devices.protocol.commands.set_recovery_lock import SET_RECOVERY_LOCK
from devices.protocol.commands.settings import SETTINGS
from devices.protocol.commands.shut_down_device import SHUT_DOWN_DEVICE
from devices.protocol.commands.stop_mirroring import STOP_MIRRORING
from devices.protocol.commands.table import (
    ADMINISTRATOR,
    OUTRANKING,
    Body,
    CommandType,
    Kind,
    check_asked,
    check_obeyable,
)
from devices.protocol.commands.unlock_user_account import UNLOCK_USER_ACCOUNT
from devices.protocol.commands.user_list import USER_LIST, build_user_list
from devices.protocol.commands.validate_applications import VALIDATE_APPLICATIONS
from devices.protocol.commands.verify_firmware_password import VERIFY_FIRMWARE_PASSWORD
from devices.protocol.commands.verify_recovery_lock import VERIFY_RECOVERY_LOCK

# In the order in which a page lists them within their kind.
_TYPES: tuple[CommandType, ...] = (
    DEVICE_INFORMATION,
    SECURITY_INFO,
    PROFILE_LIST,
    CERTIFICATE_LIST,
    INSTALLED_APPLICATION_LIST,
    MANAGED_APPLICATION_LIST,
    MANAGED_APPLICATION_CONFIGURATION,
    MANAGED_APPLICATION_FEEDBACK,
    RESTRICTIONS,
    PROVISIONING_PROFILE_LIST,
    MANAGED_MEDIA_LIST,
    CONTENT_CACHING_INFORMATION,
    ACTIVE_NS_EXTENSIONS,
    NS_EXTENSION_MAPPINGS,
    INSTALL_PROFILE,
    REMOVE_PROFILE,
    INSTALL_PROVISIONING_PROFILE,
    REMOVE_PROVISIONING_PROFILE,
    INSTALL_APPLICATION,
    INSTALL_ENTERPRISE_APPLICATION,
    REMOVE_APPLICATION,
    VALIDATE_APPLICATIONS,
    MANAGED_APPLICATION_ATTRIBUTES,
    APPLY_REDEMPTION_CODE,
    INVITE_TO_PROGRAM,
    INSTALL_MEDIA,
    REMOVE_MEDIA,
    *SETTINGS,
    REFRESH_CELLULAR_PLANS,
    DECLARATIVE_MANAGEMENT,
    AVAILABLE_OS_UPDATES,
    SCHEDULE_OS_UPDATE_SCAN,
    SCHEDULE_OS_UPDATE,
    OS_UPDATE_STATUS,
    DEVICE_LOCK,
    CLEAR_PASSCODE,
    CLEAR_RESTRICTIONS_PASSWORD,
    REQUEST_UNLOCK_TOKEN,
    ACTIVATION_LOCK_BYPASS_CODE,
    CLEAR_ACTIVATION_LOCK_BYPASS_CODE,
    ROTATE_FILEVAULT_KEY,
    SET_RECOVERY_LOCK,
    VERIFY_RECOVERY_LOCK,
    SET_FIRMWARE_PASSWORD,
    VERIFY_FIRMWARE_PASSWORD,
    ERASE_DEVICE,
    ENABLE_LOST_MODE,
    DISABLE_LOST_MODE,
    PLAY_LOST_MODE_SOUND,
    DEVICE_LOCATION,
    USER_LIST,
    UNLOCK_USER_ACCOUNT,
    LOG_OUT_USER,
    DELETE_USER,
    SET_AUTO_ADMIN_PASSWORD,
    REQUEST_MIRRORING,
    STOP_MIRRORING,
    ENABLE_REMOTE_DESKTOP,
    DISABLE_REMOTE_DESKTOP,
    RESTART_DEVICE,
    SHUT_DOWN_DEVICE,
    LOM_SETUP_REQUEST,
    LOM_DEVICE_REQUEST,
)
COMMAND_TYPES: Mapping[str, CommandType] = {row.name: row for row in _TYPES}


def get_command_type(name: str) -> CommandType:
    """Return the row of a RequestType, or of `Settings.<Item>`; raises CommandInvalid."""
    try:
        return COMMAND_TYPES[name]
    except KeyError as error:
        raise CommandInvalid(f"{name[:80]} is not a command that can be sent") from error


def get_title(name: str) -> str:
    """Return what people call a command of the table; of what else is done to many, its name."""
    kind = COMMAND_TYPES.get(name)
    return kind.title if kind else name


def get_minimum_role(name: str) -> str:
    """Return who may send it, or take it back; of what the table does not list, administrators.

    `name` as in get_command_type; for the RequestType `Settings` it is who may send any setting.
    """
    kinds = [row for row in _TYPES if name in (row.name, row.request_type)]
    needed = {row.minimum_role for row in kinds}
    return ADMINISTRATOR if not kinds or ADMINISTRATOR in needed else kinds[0].minimum_role


def build_command(
    name: str, *, platform: str, parameters: Mapping[str, Any], os_version: str = ""
) -> Body:
    """Return the Command dictionary for parameters as a program gives them.

    Data is bytes or base64 text. Raises CommandInvalid for an unknown command, and
    ParameterInvalid for a parameter that is unknown or missing, or has a value that the
    schema or the platform refuses.
    """
    facts = DeviceFacts(platform=platform, os_version=os_version)
    return get_command_type(name).build_body(parameters, facts=facts)


__all__ = [
    "ADMINISTRATOR",
    "COMMAND_TYPES",
    "LEFT_OUT",
    "OUTRANKING",
    "QUERIES",
    "USER_CHANNEL",
    "Body",
    "CommandType",
    "DeviceFacts",
    "Kind",
    "Parameter",
    "ParameterType",
    "build_application_configuration",
    "build_certificate_list",
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
    "build_security_info",
    "build_unique_key",
    "build_user_list",
    "check_asked",
    "check_obeyable",
    "check_on_user_channel",
    "find_lifetime",
    "generate_password",
    "generate_pin",
    "get_command_type",
    "get_minimum_role",
    "get_title",
]
