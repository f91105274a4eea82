"""The log codes of enrollments that stand still: what the administrator is told."""

from enrollment.protocol.log_code import LogCode, _


def _warning(code: str, title: str, cause: str, resolution: str) -> LogCode:
    return LogCode(code, "warning", title, cause, resolution)


FUNNEL_CODES = (
    _warning(
        "profile_not_downloaded",
        _("Profile not downloaded"),
        _("The button of the enrollment page was pressed, but the profile was never fetched."),
        _("Open the link again, press the button and allow the download when Safari asks."),
    ),
    _warning(
        "certificate_not_requested",
        _("Certificate not requested"),
        _("The device has read the SCEP server's certificates or capabilities and then stopped."),
        _("Check SCEP server connectivity: what answers between device and server, and whether the "
          "CA's fingerprint and the algorithms are those that the device accepts."),
    ),
    _warning(
        "authenticate_missing",
        _("Device has its certificate and does not register"),
        _("Network connectivity: the device cannot reach the check-in URL or does not trust it. "
          "It shows “Configuring Device” meanwhile."),
        _("Ensure that the device can reach GuardMDM, and that it trusts its TLS certificate."),
    ),
    _warning(
        "profile_service_missing",
        _("Device does not fetch its enrollment profile"),
        _("The device was identified and has the certificate for it, but has not come back."),
        _("Ensure that the device can reach GuardMDM; then download the profile again."),
    ),
    _warning(
        "token_update_missing",
        _("Device does not complete its registration"),
        _("The device has begun to register and not finished: it got no push token from Apple "
          "for the profile's topic, or lost its connection."),
        _("Ensure that the device can reach Apple's push service (TCP 5223 or 443 to "
          "*.push.apple.com), and that the push certificate is the one of the profile's topic."),
    ),
    _warning(
        "first_command_missing",
        _("Device has not come for its first command"),
        _("The device is enrolled, but no push has made it connect."),
        _("Ensure that the device can reach Apple's push service and GuardMDM; then push again."),
    ),
    _warning(
        "items_delayed",
        _("Settings are not all applied yet"),
        _("The device is connected, but has not answered for everything that its policies hold."),
        _("Unlock the device and keep it online; look at what waits on the device's page."),
    ),
)  # fmt: skip
