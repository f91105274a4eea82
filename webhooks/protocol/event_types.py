"""What a webhook can be told of. The names are part of the interface: none ever changes.

The texts are marked for translation by `_`, which does nothing here: the doors translate.
"""


def _(text: str) -> str:
    return text


TEST = "webhook.test"
"""Sent to one webhook because somebody asks for it; nobody chooses it."""

EVENT_TYPES = {
    "device.enrolled": _("A device has enrolled, or has enrolled again"),
    "device.managed": _("A device has everything that its policies want"),
    "device.not_managed": _("A device is not managed any more, or for another reason"),
    "device.unenrolled": _("A device has left"),
    "command.succeeded": _("A device has obeyed a command; of many devices, very many"),
    "command.failed": _("A device has refused a command"),
    "policy_item.failed": _("A policy's item has failed on a device"),
    "certificate.issued": _("A certificate was issued to a device"),
    "certificate.revoked": _("A device's certificate was revoked"),
    "token.created": _("An enrollment token was generated"),
    "token.revoked": _("An enrollment token was revoked"),
    "log.warning": _("A warning stands in the enrollment log"),
    "log.error": _("An error stands in the enrollment log"),
}
