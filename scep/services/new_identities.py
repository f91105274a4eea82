"""Whether a device may get its first certificate at this moment, whatever proves its request."""

from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from scep.errors import ChallengeInvalid
from scep.selectors import ServedProfile


def check_not_stopped(served: ServedProfile) -> None:
    """Whoever has a certificate renews it; first ones wait until enrolling is allowed again."""
    if served.is_stopped:
        raise ChallengeInvalid("new enrollments are stopped", code="enrollment_stopped")


def check_session(session_id: str, *, now: datetime, is_identity: bool = True) -> None:
    """Ask the port SCEP_SESSION_CHECKER, which raises ChallengeInvalid once the session is over.

    A one-time challenge, and a request that waited, are older than this moment. `is_identity`:
    it is not the Profile Service's own certificate.
    """
    if session_id:
        check = import_string(settings.SCEP_SESSION_CHECKER)
        check(session_id, now=now, is_identity=is_identity)
