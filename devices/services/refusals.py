"""A message that was not accepted: told to whoever keeps the log."""

from collections.abc import Iterator
from contextlib import contextmanager

from devices.errors import MessageInvalid, MessageRefused
from devices.models import Enrollment
from devices.selectors import find_pinned_enrollment
from devices.signals import device_message_refused
from organization.protocol.caller import NOBODY, Caller
from scep.models import IssuedCertificate


@contextmanager
def naming_sender(certificate: IssuedCertificate, *, udid: str) -> Iterator[None]:
    """Add to a refusal inside whose it is, as far as the certificate and the message say."""
    try:
        yield
    except MessageRefused as error:
        error.udid, error.session_id = udid, certificate.session_id
        raise
    except MessageInvalid as error:
        error.udid = udid  # and no session: what an enrolled device sends fails no enrollment
        raise


def report_refusal(
    error: Exception, *, path: str, caller: Caller = NOBODY, challenge: str = ""
) -> None:
    """Send device_message_refused with what the error knows; never with the message itself.

    Whose enrollment a proved certificate is, or was, says of which device that was; a message that
    could not be read says nothing, and an identity that is over may say anything.
    """
    session_id = getattr(error, "session_id", "")
    device_message_refused.send(
        Enrollment,
        code=getattr(error, "code", MessageInvalid.code),
        message=str(error),
        udid=getattr(error, "udid", "") or _find_udid(getattr(error, "fingerprint", "")),
        session_id=session_id,
        caller=caller,
        challenge="" if session_id else challenge,  # a secret goes no further than it must
        detail={"path": path},
    )


def _find_udid(fingerprint: str) -> str:
    enrollment = find_pinned_enrollment(fingerprint) if fingerprint else None
    return enrollment.device.udid if enrollment else ""
