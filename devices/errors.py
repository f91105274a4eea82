"""What can go wrong with a device's messages, its commands and its pushes."""


class PlistInvalid(ValueError):
    """The bytes are not a property list that a device would send; answered with 400."""


class PlistTooLarge(PlistInvalid):
    """More bytes than the door takes; answered with 413."""


class MessageInvalid(ValueError):
    """A property list that is no message: a key is missing or of a wrong type; 400."""


class MessageUnknown(MessageInvalid):
    """A MessageType or Endpoint that this server does not serve; 400."""


class UserChannelDeclined(Exception):
    """A user wants a channel of its own; 410 declines it for this login."""


class MessageRefused(Exception):
    """A message from a sender that is not trusted for it; 403, and `code` in the log.

    `udid` is the one that the message gives, `session_id` the certificate's, once known.
    """

    udid = ""
    session_id = ""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class AdmissionRefused(MessageRefused):
    """The device may not enroll; `code` is one of the enrollment log's."""


class CommandInvalid(ValueError):
    """A command that Apple's schema or the device's platform does not know."""


class RenewalNotPossible(Exception):
    """The profile that renews an identity cannot be built now; the message is shown."""


class ReturnNotPossible(Exception):
    """The profile that an erased device comes back with cannot be built; the message is shown."""


class NotEnrolled(Exception):
    """The device has no live enrollment, so no command can reach it."""


class GroupInUse(Exception):
    """Devices, tokens or policies still refer to the group."""


class PushCertificateMissing(Exception):
    """There is no active APNs push certificate."""

    code = "push_certificate_missing"


class PushCertificateInvalid(ValueError):
    """The file is not a push certificate for a key that is stored here."""
