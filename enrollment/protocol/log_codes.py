"""The enrollment log's codes: what each means, why it happens and what to do about it.

Page, console and REST interface show these texts alike. The texts are marked for translation
by `_`, which does nothing here: the doors translate.
"""

from enrollment.protocol.certificate_codes import CERTIFICATE_CODES
from enrollment.protocol.funnel.codes import FUNNEL_CODES
from enrollment.protocol.log_code import LogCode, _, build_trouble
from enrollment.protocol.push_codes import PUSH_CODES
from enrollment.protocol.sign_in_codes import SIGN_IN_CODES
from enrollment.protocol.watch_codes import WATCH_CODES

_TOKENS = (
    build_trouble(
        "token_expired",
        _("Token expired"),
        _("The enrollment token is past its expiration."),
        _("Generate a new token."),
        _("This link has expired"),
    ),
    build_trouble(
        "token_exhausted",
        _("Token used up"),
        _("As many devices have enrolled with this token as it allows."),
        _("Generate a new token, or one with more uses."),
        _("This link has been used up"),
    ),
    build_trouble(
        "token_revoked",
        _("Token revoked"),
        _("An administrator has revoked this enrollment token."),
        _("Generate a new token."),
        _("This link is no longer valid"),
    ),
    build_trouble(
        "token_signature_invalid",
        _("Token signature invalid"),
        _("The token was altered, or was not signed by this server."),
        _("Regenerate the token and send its link again."),
        _("This link is not valid"),
    ),
    build_trouble(
        "token_malformed",
        _("Token malformed"),
        _("The link is incomplete or is not an enrollment link."),
        _("Copy the whole link from the token's page and send it again."),
        _("This link is incomplete"),
    ),
    build_trouble(
        "token_unknown",
        _("Token unknown"),
        _("The token is not among this server's tokens, or says something else than its entry."),
        _("Generate a new token."),
        _("This link is not valid"),
    ),
    build_trouble(
        "short_link_unknown",
        _("Short link unknown"),
        _("The link was mistyped, is incomplete, or is another server's."),
        _("Check what you typed."),
        _("No enrollment link has this address"),
    ),
    build_trouble(
        "group_missing",
        _("Group missing"),
        _("The device group that the token names no longer exists."),
        _("Generate a new token for a group that exists."),
        _("This link is no longer valid"),
    ),
)

_DEVICES_ALLOWED = (
    build_trouble(
        "serial_not_allowed",
        _("Device not on the token’s list"),
        _("This device’s serial number is not among those that may enroll with this link."),
        _("Generate a token whose list holds this device’s serial number, and send its link."),
        _("This device is not on the list"),
    ),
)

_APPROVALS = (
    build_trouble(
        "approval_pending",
        _("Not approved yet"),
        _("An administrator has to approve this enrollment first."),
        _("Once it is approved, the enrollment page goes on by itself."),
        _("Waiting for approval"),
        level="warning",
    ),
    build_trouble(
        "enrollment_rejected",
        _("Enrollment rejected"),
        _("An administrator has not approved this enrollment."),
        _("If the device should enroll after all, open the enrollment link again and approve it."),
        _("Your enrollment was not approved"),
        level="warning",
    ),
)

_SESSIONS = (
    build_trouble(
        "session_unknown",
        _("Session unknown"),
        _("The profile or page belongs to no enrollment session of this server."),
        _("Open the enrollment link again and download a new profile."),
        _("Please start again"),
    ),
    build_trouble(
        "session_expired",
        _("Session expired"),
        _("The profile was not installed within an hour."),
        _("Open the enrollment link again and download a new profile."),
        _("Please start again"),
    ),
    build_trouble(
        "session_used",
        _("Session already used"),
        _("A device has already enrolled with this profile."),
        _("Open the enrollment link on each device and download a profile of its own."),
        _("This profile has been used"),
    ),
    build_trouble(
        "profile_service_malformed",
        _("Device’s description not understood"),
        _("Something sent to the Profile Service is no message of an Apple device."),
        _("Open the enrollment link again and download a new profile."),
        _("Please start again"),
    ),
    build_trouble(
        "device_certificate_not_trusted",
        _("Not an Apple device’s certificate"),
        _("The message is not signed with the certificate that Apple gives its devices."),
        _("Use an iPhone, iPad or Mac as Apple delivers it; simulators need a test server."),
        _("This device cannot be enrolled"),
    ),
    build_trouble(
        "device_mismatch",
        _("Not the device that began"),
        _("The device that comes is not the one that began with this profile."),
        _("Open the enrollment link on each device and download a profile of its own."),
        _("This profile belongs to another device"),
    ),
    build_trouble(
        "device_not_identified",
        _("Device not identified"),
        _("The token asks devices what they are first, and this one has left that out."),
        _("Open the enrollment link again and install the profile from there."),
        _("Please start again"),
    ),
    build_trouble(
        "enrollment_silent",
        _("Nothing heard from the device"),
        _("The profile was downloaded, but the device has not contacted GuardMDM."),
        _("Install the profile in Settings, and ensure that the device can reach GuardMDM."),
        level="warning",
    ),
)

_DEVICES = (
    build_trouble(
        "message_malformed",
        _("Message not understood"),
        _("What came is no MDM message, is too large, or was cut off on the way."),
        _("Nothing to do, unless an enrolled device repeats it: look at the proxy and its limits."),
        level="warning",
    ),
    build_trouble(
        "message_unknown",
        _("Unknown kind of message"),
        _("A device sent a kind of MDM message that this server does not serve."),
        _("Nothing to do."),
        level="warning",
    ),
    build_trouble(
        "device_silent",
        _("Device fell silent"),
        _("Its pushes go unanswered; its profile was probably removed, or it was erased."),
        _("Switch it on and connect it. If its profile is gone, enroll it again or unenroll it."),
        level="warning",
    ),
    build_trouble(
        "enrollment_stopped",
        _("Enrollments are stopped"),
        _("An administrator has stopped all new enrollments."),
        _("Allow new enrollments again under Enrollment › OTA › Tokens; then start again."),
        _("Enrollment is paused"),
    ),
    build_trouble(
        "server_not_set_up",
        _("Server not set up"),
        _("The first-time set-up of this server is incomplete."),
        _("Run manage.py bootstrap."),
        _("This server is not ready yet"),
    ),
    build_trouble(
        "device_reenrolled",
        _("Device enrolled again"),
        _("A device that was known already has enrolled again."),
        _("Nothing to do."),
        level="info",
    ),
    build_trouble(
        "device_checked_out",
        _("Management profile removed"),
        _("Somebody removed it on the device, or an administrator unenrolled the device."),
        _("Enroll the device again if it should be managed."),
        level="warning",
    ),
    build_trouble(
        "recovery_key_lost",
        _("FileVault recovery key not kept"),
        _("The Mac has a new recovery key, and it sent none that can be opened here."),
        _("Rotate the recovery key again, with the password of somebody who can unlock the Mac."),
    ),
    build_trouble(
        "policy_item_failed",
        _("Policy item failed"),
        _("The device refused or failed to install something that its policies contain."),
        _("Read the device's message, correct the item and apply it again."),
    ),
)

_STEPS = (
    LogCode("session_opened", "info", _("Enrollment started")),
    LogCode("profile_downloaded", "info", _("Profile downloaded")),
    LogCode("scep_server_reachable", "info", _("SCEP server answers again")),
    LogCode("device_identified", "info", _("Device identified")),
    LogCode("service_certificate_issued", "info", _("Certificate for the Profile Service issued")),
    LogCode("profile_service_completed", "info", _("Enrollment profile sent to the device")),
    LogCode("certificate_issued", "info", _("Certificate issued")),
    LogCode("certificate_revoked", "info", _("Certificate revoked")),
    LogCode(
        "certificate_abandoned",
        "info",
        _("Certificate not completed: nobody has it, its serial number is revoked"),
    ),
    LogCode("enrollment_held", "info", _("Waiting for an administrator's approval")),
    LogCode("enrollment_approved", "info", _("Enrollment approved")),
    LogCode("certificate_held", "info", _("Waiting for an administrator's approval")),
    LogCode("certificate_approved", "info", _("Certificate request approved")),
    build_trouble(
        "certificate_rejected",
        _("Certificate request rejected"),
        _("An administrator has rejected the device's request for a certificate."),
        _("If the device should enroll after all, let it begin again and approve its request."),
        _("Your enrollment was not approved"),
        level="warning",
    ),
    LogCode("device_authenticated", "info", _("Device authenticated")),
    LogCode("device_enrolled", "info", _("Device enrolled")),
    LogCode("device_deleted", "info", _("Device deleted")),
    LogCode("identity_renewed", "info", _("Device’s certificate renewed")),
    LogCode("policies_queued", "info", _("Policies on their way")),
    LogCode("item_installed", "info", _("Policy item installed")),
    LogCode("device_managed", "info", _("Device managed")),
)

_ALL = (
    *_TOKENS, *_DEVICES_ALLOWED, *_APPROVALS, *_SESSIONS, *SIGN_IN_CODES, *FUNNEL_CODES,
    *CERTIFICATE_CODES, *PUSH_CODES, *_DEVICES, *_STEPS, *WATCH_CODES,
)  # fmt: skip
LOG_CODES = {entry.code: entry for entry in _ALL}


def get_log_code(code: str) -> LogCode:
    """Return the catalogue's entry; a code that a newer part sends is shown as an error by name."""
    return LOG_CODES.get(code) or LogCode(code, "error", code.replace("_", " ").capitalize())
