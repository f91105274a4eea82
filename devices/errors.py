"""What can go wrong with a device's messages, its commands and its pushes."""

from collections.abc import Collection


class PlistInvalid(ValueError):
    """The bytes are not a property list that a device would send; answered with 400.

    `fingerprint` is the sender's certificate's, once proved; MessageInvalid and MessageRefused
    have it too.
    """

    fingerprint = ""


class PlistTooLarge(PlistInvalid):
    """More bytes than the door takes; answered with 413."""


class MessageInvalid(ValueError):
    """A property list that is no message: a key is missing or of a wrong type; 400.

    `udid` is the one that the message gives, once the sender is known.
    """

    code = "message_malformed"
    udid = ""
    fingerprint = ""


class MessageUnknown(MessageInvalid):
    """A MessageType, Endpoint or TokenServiceType that this server does not serve; 400."""

    code = "message_unknown"


class DeclarationMissing(Exception):
    """The device asks for a declaration that it does not have; 404."""


class UserChannelDeclined(Exception):
    """A user wants a channel of its own; 410 declines it for this login."""


class MessageRefused(Exception):
    """A message from a sender that is not trusted for it; 403, and `code` in the log.

    `udid` is the one that the message gives, `session_id` the certificate's, once known.
    """

    udid = ""
    session_id = ""
    fingerprint = ""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class AdmissionRefused(MessageRefused):
    """The device may not enroll; `code` is one of the enrollment log's."""


class CommandInvalid(ValueError):
    """A command that Apple's schema or the device's platform does not know.

    `field` says what of a program's request is wrong, beside the parameters; "" for the whole.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class CommandOver(Exception):
    """The command has been answered, cancelled or has expired: nothing is left to cancel."""


class ParameterInvalid(CommandInvalid):
    """A parameter that is missing, unknown or wrong; `field` says where a program gave it."""

    def __init__(self, message: str, *, parameter: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.reason = message
        self.field = f"parameters.{parameter}"


class ChoiceInvalid(CommandInvalid):
    """Of some parameters as many are given as cannot be; `fields` says where a program has them."""

    def __init__(self, message: str, *, parameters: Collection[str]) -> None:
        super().__init__(message)
        self.fields = [f"parameters.{each}" for each in parameters]


class CommandNotObeyable(CommandInvalid):
    """The device is known to be one that cannot obey the command; the message says why."""


class RenewalNotPossible(Exception):
    """The profile that renews an identity cannot be built now; the message is shown."""


class ReturnNotPossible(Exception):
    """The profile that an erased device comes back with cannot be built; the message is shown."""


class NotEnrolled(Exception):
    """The device has no live enrollment, so no command can reach it."""


class StillEnrolled(Exception):
    """The device's record cannot be deleted while it is enrolled, or enrolls."""


class WarningGone(Exception):
    """The device's warning is another one than what somebody has read, or there is none."""


class GroupInUse(Exception):
    """Devices, tokens or policies still refer to the group."""


class GroupGone(Exception):
    """The group was deleted meanwhile."""


class PushCertificateMissing(Exception):
    """There is no active APNs push certificate."""

    code = "push_certificate_missing"


class PushCertificateInvalid(ValueError):
    """The file is not a push certificate for a key that is stored here."""


class TopicChanged(PushCertificateInvalid):
    """The push certificate has another topic, which `lost` enrolled devices do not follow."""

    def __init__(self, lost: int) -> None:
        super().__init__(
            f"another topic would lose {lost} enrolled device{'' if lost == 1 else 's'}: renew the"
            " certificate with the"
            " same Apple Account instead of creating a new one"
        )
        self.lost = lost


class VendorCertificateInvalid(ValueError):
    """The file is not an MDM vendor certificate with its key and chain; says why."""
