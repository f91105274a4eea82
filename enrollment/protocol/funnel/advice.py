"""What the administrator is told in depth: each step's title, and what to look at by code."""

from dataclasses import dataclass

from enrollment.protocol.funnel.diagnosis import Diagnosis
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.funnel.words import FAIL_INFO_CODES
from enrollment.protocol.log_code import _
from enrollment.protocol.log_codes import get_log_code

STEP_TITLES = {
    StepKind.PAGE_OPENED: _("Download asked for"),
    StepKind.PROFILE_DOWNLOADED: _("Profile downloaded"),
    StepKind.INSTALLATION: _("Profile installed by the person"),
    StepKind.PROFILE_SERVICE_2: _("Profile Service: device described"),
    StepKind.GET_CA_CAPS: _("Certificate server’s abilities read (GetCACaps)"),
    StepKind.GET_CA_CERT: _("Certificate server’s certificates read (GetCACert)"),
    StepKind.PKI_OPERATION: _("Certificate asked for (PKIOperation)"),
    StepKind.PROFILE_SERVICE_3: _("Profile Service: final profile"),
    StepKind.AUTHENTICATE: _("Registration begun (Authenticate)"),
    StepKind.TOKEN_UPDATE: _("Registration complete (TokenUpdate)"),
    StepKind.FIRST_COMMAND: _("First command asked for"),
    StepKind.ITEMS_APPLIED: _("Settings applied"),
}


@dataclass(frozen=True)
class Advice:
    """`checks`: what to look at, the likeliest first."""

    title: str
    cause: str
    resolution: str
    checks: tuple[str, ...] = ()


FAIL_INFOS = {
    0: Advice(
        "badAlg",
        _("The request uses a digest, cipher or key that this SCEP profile does not accept."),
        _("Update the device. For old devices allow legacy algorithms in the SCEP profile; a "
          "smaller key than the profile's is refused as well."),
    ),
    1: Advice(
        "badMessageCheck",
        _("The request's signature or encryption does not hold: it was altered on the way, or was "
          "made for another server's certificate."),
        _("Check that no proxy alters requests and that GetCACert is answered by this server, not "
          "from a cache; then download a new profile."),
    ),
    2: Advice(
        "badRequest",
        _("The request breaks a rule: its challenge, its subject or its kind is not what this "
          "profile allows."),
        _("Read the entry's message: it says which. A challenge is good for one device and an "
          "hour: download a new profile."),
    ),
    3: Advice(
        "badTime",
        _("The request's time is wrong, or its certificate is not valid now."),
        _("Correct the device's and the server's clock (manage.py doctor tells the server's)."),
    ),
    4: Advice(
        "badCertId",
        _("The request names a certificate or transaction that is unknown here."),
        _("Download a new profile; the device has kept something of an earlier attempt."),
    ),
}  # fmt: skip

CHECKS = {
    "token_expired": (
        _("“Profile won't install” is what people say of a profile that was downloaded before and "
          "installed afterwards: with the new token they download a new one."),
    ),
    "token_signature_invalid": (
        _("The device calls what it gets by such a link “Invalid Profile”."),
        _("Links are cut or changed by chats and mail programs: the QR code and the short link are "
          "not."),
    ),
    "enrollment_silent": (
        _("iOS and iPadOS drop a downloaded profile after 8 minutes; a Mac keeps the file."),
        _("Stolen Device Protection can ask the person to wait an hour before installing."),
        _("“Not verified” in the profile's sheet is no hindrance; a TLS certificate that the "
          "device does not trust is: install the root CA profile first."),
        _("The device must reach this server at the address in the profile, from its own network."),
    ),
    "root_ca_not_trusted": (
        _("This server's TLS certificate comes from its own CA: “Profile is untrusted” and "
          "“Not verified” are shown until the root CA profile is installed."),
        _("On iPhone and iPad the root also needs Settings › General › About › Certificate Trust "
          "Settings."),
        _("A certificate of a public CA in front of this server makes the whole step needless."),
    ),
    "certificate_not_requested": (
        _("A device that compares the CA's fingerprint with its profile and finds another stops "
          "here, without a word: does a proxy or cache answer for this server?"),
        _("A device that finds no digest or cipher of its own in GetCACaps stops here too."),
        _("Making a key of 4096 bits takes an old device half a minute."),
    ),
    "certificate_not_issued": (
        _("A check-in message that came without a signature: does a proxy drop the header "
          "Mdm-Signature, or cut it short?"),
        _("With an external SCEP server its last check failed: see Enrollment › SCEP."),
        _("The device talks to that server itself: it must reach it from its own network."),
    ),
    "authenticate_missing": (
        _("The certificate is on the device: SCEP's address works, the check-in URL's may not."),
        _("A proxy must pass PUT requests, large headers (Mdm-Signature) and query strings."),
        _("Where a proxy ends TLS, its certificate must be one that devices trust."),
    ),
    "token_update_missing": (
        _("The profile's topic must be the push certificate's (com.apple.mgmt…)."),
        _("A firewall that inspects TLS breaks Apple's push service."),
        _("A device that was restored meanwhile begins anew."),
    ),
    "first_command_missing": (
        _("The push was accepted by Apple, or is still on its way: see the device's page."),
        _("A device in Low Power Mode or without network gets it later."),
    ),
    "push_failed": (
        _("Apple's answer stands on the device's page and in the log."),
        _("manage.py doctor tries the connection to api.push.apple.com."),
    ),
    "items_delayed": (
        _("What was put off (NotNow) is mostly put off because the device is locked."),
        _("Apps wait for the App Store, packages for Wi-Fi."),
    ),
    "policy_item_failed": (_("The item's own log entry holds the device's words."),),
    "scep_challenge_invalid": (
        _("A profile's challenge is good for 60 minutes from its download."),
        _("A token that was revoked or has expired takes its challenges with it."),
    ),
    "approval_pending": (_("Approve or reject it here, or under Enrollment › OTA."),),
    "profile_service_missing": (
        _("The certificate is on the device, but nothing signed with it has come: does a proxy "
          "pass POST requests to /enroll/?"),
    ),
    "device_certificate_not_trusted": (
        _("A simulator's or a virtual machine's identity is not Apple's: see GUARDMDM_DEVICE_CA."),
    ),
    "certificate_held": (_("Approve or reject it under System › Certificates."),),
    "signature_invalid": (
        _("A proxy that rewrites or re-encodes bodies breaks the device's signature."),
    ),
    "identity_not_trusted": (
        _("Was the device restored from another's backup? Then it brings that one's certificate."),
    ),
}  # fmt: skip


def advise(code: str, *, fail_info: int | None = None) -> Advice:
    """Return what an administrator is told of a log code; of SCEP's refusals, by their failInfo."""
    entry = get_log_code(code)
    special = FAIL_INFOS.get(fail_info) if fail_info is not None else None
    if special is not None and code in FAIL_INFO_CODES:
        title = f"{entry.title} ({special.title})"
        return Advice(title, special.cause, special.resolution, CHECKS.get(code, ()))
    return Advice(entry.title, entry.cause, entry.resolution, CHECKS.get(code, ()))


def advise_on(diagnosis: Diagnosis) -> Advice:
    """Return what an administrator is told of a diagnosis."""
    return advise(diagnosis.code, fail_info=diagnosis.fail_info)
