"""What the person's page says of a session: one dictionary for the page and for its script."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from devices.protocol.platform import MACOS
from enrollment.models import EnrollmentSession, SessionState
from enrollment.protocol.funnel.advice import Advice, advise
from enrollment.protocol.funnel.diagnosis import Diagnosis, Kind
from enrollment.protocol.funnel.words import OTHER, PARTS, WORDS, Words, find_words
from enrollment.protocol.log_codes import get_log_code
from enrollment.services.progress import EXPIRED_CODE, MANAGED, SessionProgress


def build_state(session: EnrollmentSession, progress: SessionProgress) -> dict[str, Any]:
    """Return the session's state in the visitor's language.

    `text` and `fix` are for the person, `where` names the part of the enrollment that stands
    still; `cause` and `resolution` are the log's, for whoever helps.
    """
    words, diagnosis = _find_words(progress), progress.diagnosis
    advice = _find_advice(progress)
    return {
        "id": session.public_id,
        "state": progress.state,
        "text": _build_text(progress, words),
        "fix": _build_fix(words, is_mac=session.platform == MACOS),
        "where": _build_where(diagnosis),
        "installed": progress.installed,
        "total": progress.total,
        "is_final": progress.is_final,
        "awaits_approval": progress.awaits_approval,
        "code": progress.code,
        "step": diagnosis.step.value if diagnosis and progress.code else "",
        "cause": _translate(advice.cause) if advice else "",
        "resolution": _translate(advice.resolution) if advice else "",
        "profile_url": reverse("enroll_session_profile", args=[session.public_id]),
        "status_url": reverse("enroll_session", args=[session.public_id]),
    }


def _find_words(progress: SessionProgress) -> Words | None:
    if progress.code == EXPIRED_CODE or progress.diagnosis is None:
        return WORDS.get(progress.code, OTHER) if progress.code else None
    return find_words(progress.diagnosis)


def _find_advice(progress: SessionProgress) -> Advice | None:
    diagnosis = progress.diagnosis
    if not progress.code:
        return None
    return advise(progress.code, fail_info=diagnosis.fail_info if diagnosis else None)


def _build_text(progress: SessionProgress, words: Words | None) -> str:
    if words is not None:
        entry = get_log_code(progress.code)
        return _translate(words.sentence or entry.headline or entry.title)
    match progress.state:
        case SessionState.WAITING:
            return gettext("Waiting for your device…")
        case SessionState.PROFILE_DOWNLOADED:
            return gettext("Profile downloaded. Waiting for you to install it…")
        case SessionState.CERTIFICATE_ISSUED | SessionState.AUTHENTICATED:
            return gettext("Certificate issued. Registering your device…")
        case SessionState.ENROLLED if progress.total:
            return gettext("Enrolled. Applying settings (%(installed)d of %(total)d)…") % {
                "installed": progress.installed,
                "total": progress.total,
            }
        case SessionState.ENROLLED:
            return gettext("Enrolled. Applying settings…")
        case value if value == MANAGED:
            return gettext("You’re all set")
    return ""


def _build_fix(words: Words | None, *, is_mac: bool) -> str:
    if words is None:
        return ""
    return _translate((is_mac and words.fix_mac) or words.fix)


def _build_where(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None or diagnosis.kind == Kind.WAITING:
        return ""
    return gettext("Stopped at: %(part)s") % {"part": gettext(PARTS[diagnosis.step])}


def _translate(text: str) -> str:
    return gettext(text) if text else ""  # the empty text is the catalogue's own header
