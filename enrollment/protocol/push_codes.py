"""The log's codes of pushes: what keeps the server, or Apple's push service, from waking devices.

What ends by itself, what a device has to end and what an administrator has to are codes of their
own, so that each says what to do (docs/adr/0266).
"""

from enrollment.protocol.log_code import _, build_trouble

PUSH_CODES = (
    build_trouble(
        "push_certificate_missing",
        _("Push certificate missing"),
        _("No APNs push certificate has been imported yet."),
        _("Import the push certificate under System › Push certificate."),
        _("This server is not ready yet"),
    ),
    build_trouble(
        "push_certificate_expired",
        _("Push certificate expired"),
        _("The APNs push certificate is past its expiration."),
        _("Renew it with the same Apple Account and import it."),
        _("This server is not ready yet"),
    ),
    build_trouble(
        "push_certificate_expiring",
        _("Push certificate expires soon"),
        _("The APNs push certificate comes to its end; without it no device can be woken."),
        _("Renew it with the same Apple Account under System › Push certificate."),
        level="warning",
    ),
    build_trouble(
        "push_certificate_refused",
        _("Push certificate refused"),
        _("Apple's push service does not accept the APNs push certificate."),
        _("Renew it with the same Apple Account and import it."),
        _("This server is not ready yet"),
    ),
    build_trouble(
        "push_failed",
        _("Push failed"),
        _("Apple's push service is out of reach or busy, or takes no push for a device now."),
        _(
            "Nothing while it passes: it is tried again. Else check the connection to "
            "api.push.apple.com:443 and the push certificate."
        ),
        level="warning",
    ),
    build_trouble(
        "push_token_dead",
        _("Push token no longer valid"),
        _(
            "Apple's push service does not know the device's push token: the device is being "
            "restored, or was erased, or its profile is from another server."
        ),
        _(
            "The device is not woken until it sends another token, as it does once it is restored. "
            "If it stays away for a day it is Not Managed: then enroll it again."
        ),
        level="warning",
    ),
    build_trouble(
        "device_unregistered",
        _("Device has left"),
        _(
            "Apple's push service says that the device takes no pushes any more: its management "
            "profile was removed, or it was erased."
        ),
        _(
            "Nothing, if it was meant to leave. Else enroll it again; it is managed again as soon "
            "as it is heard of."
        ),
        level="warning",
    ),
    build_trouble(
        "push_refused",
        _("Push refused"),
        _("Apple's push service takes the server's request itself for wrong."),
        _(
            "Make sure that nothing inspects or changes the connection to api.push.apple.com:443, "
            "and that this server is up to date. The push is tried again, ever less often, down "
            "to every six hours."
        ),
        level="warning",
    ),
)
