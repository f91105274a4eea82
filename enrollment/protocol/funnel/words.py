"""What the person with the device is told, by log code: what has happened and what to do now.

The texts are marked for translation by `_`, which does nothing here: the doors translate.
"""

from dataclasses import dataclass

from enrollment.protocol.funnel.diagnosis import Diagnosis
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.log_code import _

_AGAIN = _("Download the profile again and install it. If it stops here again, tell your IT team.")
_NEW_LINK = _("Ask your IT team for a new enrollment link.")
_WHOLE_LINK = _(
    "Open the whole link as it was sent to you, or scan its code. If that does not help, "
    "ask your IT team for a new one."
)
_LATER = _("Ask your IT team, and try again later.")
_START_AGAIN = _("Open the enrollment link again and download a new profile.")
_ONE_EACH = _("Open the enrollment link on each device and download a profile of its own.")
_KEEP_ONLINE = _("Unlock your device and keep it connected to the internet.")


@dataclass(frozen=True)
class Words:
    """`fix_mac`: where a Mac's person does something else."""

    sentence: str
    fix: str
    fix_mac: str = ""


_REFUSED_CERTIFICATE = Words(
    _("The server refused to give your device a certificate."),
    _AGAIN,
)
_REFUSED_DEVICE = Words(
    _("The server did not accept your device’s registration."),
    _("Remove the profile in Settings if it is there, and open the enrollment link again."),
)

WORDS = {
    "profile_not_downloaded": Words(
        _("The profile has not been downloaded."),
        _("Tap the download button again, then Allow."),
        _("Click the download button again and allow the download."),
    ),
    "enrollment_silent": Words(
        _("The profile was not installed within 8 minutes."),
        _("Your device drops it after that: download it again, then open Settings at once."),
        _("Open the downloaded file again and install it in System Settings."),
    ),
    "root_ca_not_trusted": Words(
        _("Your device does not trust this server, or the profile was not installed in time."),
        _("Install the root CA profile first and switch its trust on. Then download this profile "
          "again and install it at once."),
    ),
    "certificate_not_requested": Words(
        _("Your device stopped before it asked for its certificate."),
        _AGAIN,
    ),
    "certificate_not_issued": Words(
        _("Your device has received no certificate."),
        _("Tell your IT team: the certificate server cannot be reached. Then try again."),
    ),
    "scep_request_rejected": _REFUSED_CERTIFICATE,
    "certificate_names_forbidden": _REFUSED_CERTIFICATE,
    "scep_challenge_invalid": Words(
        _("The profile’s one-time password is no longer valid."), _START_AGAIN
    ),
    "scep_challenge_reused": Words(
        _("This profile has been used on another device already."), _START_AGAIN
    ),
    "scep_server_unreachable": Words(_("The certificate server does not answer."), _LATER),
    "certificate_held": Words(
        _("Your request waits for an administrator’s approval."),
        _("Leave your device on and connected: it asks again by itself."),
    ),
    "certificate_rejected": Words(
        _("An administrator has rejected your request."), _("Ask your IT team.")
    ),
    "approval_pending": Words(
        _("Waiting for your IT team to approve this enrollment…"),
        _("Leave this page open: it goes on by itself."),
    ),
    "enrollment_rejected": Words(_("Your enrollment was not approved"), _("Ask your IT team.")),
    "serial_not_allowed": Words(
        _("This device is not on the list"),
        _("Ask your IT team to make a link with this device’s serial number."),
    ),
    "device_mismatch": Words(_("This profile belongs to another device"), _ONE_EACH),
    "device_certificate_not_trusted": Words(
        _("This device cannot be enrolled"),
        _("Use an iPhone, iPad or Mac as Apple delivers it; simulators need a test server."),
    ),
    "device_not_identified": Words(_("Your device has not said what it is."), _START_AGAIN),
    "profile_service_malformed": Words(
        _("Your device has sent something that the server does not understand."), _START_AGAIN
    ),
    "profile_service_missing": Words(
        _("Your device has not fetched its enrollment profile."), _AGAIN
    ),
    "authenticate_missing": Words(
        _("Your device has its certificate, but does not reach the server."),
        _("Try another network and switch VPN off. Then download the profile again."),
    ),
    "identity_not_trusted": _REFUSED_DEVICE,
    "client_certificate_unreadable": Words(_REFUSED_DEVICE.sentence, _LATER),
    "identity_revoked": _REFUSED_DEVICE,
    "signature_invalid": _REFUSED_DEVICE,
    "message_malformed": _REFUSED_DEVICE,
    "message_unknown": _REFUSED_DEVICE,
    "token_update_missing": Words(
        _("Your device has not completed its registration."),
        _("Try another network, such as mobile data: Apple’s push service has to be reachable."),
    ),
    "first_command_missing": Words(
        _("Your device is enrolled, but has not come for its settings."), _KEEP_ONLINE
    ),
    "push_failed": Words(
        _("Your device is enrolled, but cannot be told that its settings wait."), _KEEP_ONLINE
    ),
    "items_delayed": Words(
        _("Some settings take longer than usual."), _KEEP_ONLINE
    ),
    "policy_item_failed": Words(
        _("Your device is enrolled, but one of its settings could not be applied."),
        _("You need not do anything. Your IT team sees which one."),
    ),
    "device_checked_out": Words(
        _("The management profile was removed from your device."), _START_AGAIN
    ),
    "device_silent": Words(_("Nothing has been heard from your device for long."), _KEEP_ONLINE),
    "token_expired": Words(_("This link has expired"), _NEW_LINK),
    "token_exhausted": Words(_("This link has been used up"), _NEW_LINK),
    "token_revoked": Words(_("This link is no longer valid"), _NEW_LINK),
    "token_signature_invalid": Words(_("This link is not valid"), _WHOLE_LINK),
    "token_malformed": Words(_("This link is incomplete"), _WHOLE_LINK),
    "token_unknown": Words(_("This link is not valid"), _NEW_LINK),
    "short_link_unknown": Words(
        _("No enrollment link has this address"), _("Check what you typed.")
    ),
    "group_missing": Words(_("This link is no longer valid"), _NEW_LINK),
    "session_expired": Words(_("Please start again"), _START_AGAIN),
    "session_used": Words(_("This profile has been used"), _ONE_EACH),
    "session_unknown": Words(_("Please start again"), _START_AGAIN),
    "push_certificate_missing": Words(_("This server is not ready yet"), _LATER),
    "push_certificate_expired": Words(_("This server is not ready yet"), _LATER),
    "ca_expired": Words(_("This server is not ready yet"), _LATER),
    "server_not_set_up": Words(_("This server is not ready yet"), _LATER),
    "push_certificate_refused": Words(_("This server is not ready yet"), _LATER),
    "enrollment_stopped": Words(_("Enrollment is paused"), _LATER),
    "sign_in_required": Words(
        _("Sign in first"), _("Open the enrollment link in Safari and sign in there.")
    ),
    "sign_in_failed": Words(
        _("You are not signed in"), _("Open the enrollment link again and sign in once more.")
    ),
    "sign_in_unavailable": Words(_("You cannot sign in at the moment"), _LATER),
}  # fmt: skip
OTHER = Words("", _AGAIN)
# A refusal's page stays as it is, where the enrollment's own goes on by itself.
ELSEWHERE = {"approval_pending": _("Once it is approved, the enrollment page goes on by itself.")}

# By SCEP's failInfo, where the person can do something about it.
FAIL_INFO_WORDS = {
    0: Words(
        _("Your device uses encryption that the server does not accept."),
        _("Update your device’s software. If it stays refused, tell your IT team."),
    ),
    3: Words(
        _("Your device’s date and time are wrong."),
        _("Set them automatically in Settings › General › Date & Time, then start again."),
    ),
}
FAIL_INFO_CODES = ("scep_request_rejected", "signature_invalid", "identity_not_trusted")

CHECK_IN = (StepKind.AUTHENTICATE, StepKind.TOKEN_UPDATE)

# The five parts of an enrollment, as a person sees them.
PARTS = {
    StepKind.PAGE_OPENED: _("Download"),
    StepKind.PROFILE_DOWNLOADED: _("Download"),
    StepKind.INSTALLATION: _("Installation"),
    StepKind.PROFILE_SERVICE_2: _("Certificate"),
    StepKind.GET_CA_CAPS: _("Certificate"),
    StepKind.GET_CA_CERT: _("Certificate"),
    StepKind.PKI_OPERATION: _("Certificate"),
    StepKind.PROFILE_SERVICE_3: _("Certificate"),
    StepKind.AUTHENTICATE: _("Registration"),
    StepKind.TOKEN_UPDATE: _("Registration"),
    StepKind.FIRST_COMMAND: _("Settings of your organization"),
    StepKind.ITEMS_APPLIED: _("Settings of your organization"),
}


def find_words(diagnosis: Diagnosis) -> Words:
    """Return what the person is told; for a code that only the log knows, no sentence."""
    if diagnosis.code in FAIL_INFO_CODES and diagnosis.step == StepKind.PKI_OPERATION:
        special = None if diagnosis.fail_info is None else FAIL_INFO_WORDS.get(diagnosis.fail_info)
        return special or _REFUSED_CERTIFICATE
    if diagnosis.code == "certificate_not_issued" and diagnosis.step in CHECK_IN:
        return _REFUSED_DEVICE  # its message came without a signature
    return WORDS.get(diagnosis.code, OTHER)


def find_way_on(code: str) -> str:
    """Return what to do for whom a public door has refused; any other code is the link's fault."""
    words = WORDS.get(code)
    return ELSEWHERE.get(code) or (words.fix if words else _NEW_LINK)
