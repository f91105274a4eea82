"""Kiosks: a screen in a hall that always shows a code which enrolls one device.

Its browser holds a key to this one kiosk and nothing else. What it shows follows from the rows
each time it asks: the code is replaced once a device has taken it, and long before it ends.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from enrollment.models import EnrollmentSession, EnrollmentToken, Kiosk, SessionState, TokenState
from enrollment.selectors import get_token_state
from enrollment.services.child_tokens import create_child_token
from enrollment.services.profile import check_ready
from enrollment.services.tokens import check_not_stopped, check_token
from organization.services import audit

COOKIE = "kiosk"
"""In which the browser keeps its key."""
# Who scans a code at the end of SHOWN_FOR still has the rest of LIFETIME to enroll.
LIFETIME, SHOWN_FOR = timedelta(minutes=60), timedelta(minutes=15)
NEWS_FOR, MOST_NEWS = timedelta(minutes=3), 3
SEEN_EVERY = timedelta(minutes=1)
UNTAKEN = (SessionState.WAITING, SessionState.EXPIRED)


@dataclass(frozen=True)
class News:
    """What became of a device that took one of the kiosk's codes; nothing that names its owner."""

    platform: str
    state: str


@dataclass(frozen=True)
class Screen:
    """What the kiosk shows now; `version` changes with it."""

    code: EnrollmentToken
    news: tuple[News, ...]

    @property
    def version(self) -> str:
        said = "".join(f"{each.platform}{each.state}" for each in self.news)
        return hashlib.sha256(f"{self.code.jti}{said}".encode()).hexdigest()[:16]


@transaction.atomic
def start_kiosk(
    token: EnrollmentToken, *, language: str, actor: str, now: datetime
) -> tuple[Kiosk, str]:
    """Return a new kiosk and the key for its browser; raises TokenRefused, audited."""
    check_token(token, now=now)
    key = secrets.token_urlsafe(32)
    kiosk = Kiosk.objects.create(
        token=token, key_sha256=_digest(key), language=language, started_by=actor
    )
    audit.record(
        actor,
        action="kiosk.start",
        subject_id=kiosk.public_id,
        subject=token.name,
        detail={"token": token.jti},
    )
    return kiosk, key


@transaction.atomic
def end_kiosk(kiosk: Kiosk, *, actor: str, now: datetime) -> None:
    """The next time it asks, it shows nothing more; the code on it ends now."""
    if not Kiosk.objects.filter(pk=kiosk.pk, ended_at=None).update(ended_at=now, updated_at=now):
        return
    kiosk.refresh_from_db(fields=["code"])  # the screen may have got another since it was read
    # A device that has taken a code may finish: its code is no longer the one shown.
    shown = EnrollmentToken.objects.filter(pk__in=[kiosk.code_id], revoked_at=None, sessions=None)
    shown.update(revoked_at=now, revoked_by=actor, updated_at=now)
    audit.record(actor, action="kiosk.end", subject_id=kiosk.public_id, subject=kiosk.token.name)


def find_kiosk(public_id: str, *, key: str) -> Kiosk | None:
    """Return the kiosk that the key is for, ended or not; None for anybody else."""
    kiosk = (
        Kiosk.objects.select_related("token__organization", "token__parent")
        .filter(public_id=public_id[:40].replace("\0", ""))
        .first()
    )
    is_its_own = kiosk is not None and hmac.compare_digest(kiosk.key_sha256, _digest(key))
    return kiosk if is_its_own else None


def build_screen(kiosk: Kiosk, *, now: datetime) -> Screen | None:
    """Return what to show, with another code where the one shown is taken or grows old.

    None once the kiosk has ended. Raises EnrollmentRefused while nobody can enroll: the kiosk's
    token is over, enrollments are stopped, or the server is not ready.
    """
    if kiosk.ended_at is not None:
        return None
    check_ready(now=now)
    token = EnrollmentToken.objects.select_related("organization", "signing_key").get(
        pk=kiosk.token_id
    )
    check_token(token, now=now)
    check_not_stopped(token)
    # Screens ask every few seconds: without a lock, unless there is something to change.
    code = _find_code(kiosk, now=now) or _replace_code(kiosk, token=token, now=now)
    if code is None:
        return None
    if kiosk.seen_at is None or now - kiosk.seen_at > SEEN_EVERY:
        Kiosk.objects.filter(pk=kiosk.pk).update(seen_at=now)
    return Screen(code, tuple(_list_news(kiosk, now=now)))


@transaction.atomic
def _replace_code(kiosk: Kiosk, *, token: EnrollmentToken, now: datetime) -> EnrollmentToken | None:
    """Return a new code, or that of another request; None where the kiosk has ended meanwhile."""
    locked = Kiosk.objects.select_for_update().get(pk=kiosk.pk)
    if locked.ended_at is not None:
        return None
    code = _find_code(locked, now=now)
    if code is None:
        code = create_child_token(
            token, name=token.name, expires_at=now + LIFETIME, actor=locked.public_id, now=now
        )
        locked.code, locked.shown_at = code, now
        locked.save(update_fields=["code", "shown_at", "updated_at"])
    return code


def _find_code(kiosk: Kiosk, *, now: datetime) -> EnrollmentToken | None:
    """Return the code that is shown, unless it is time for another."""
    if kiosk.code_id is None or kiosk.shown_at is None or now - kiosk.shown_at > SHOWN_FOR:
        return None
    code = EnrollmentToken.objects.select_related("parent", "signing_key").get(pk=kiosk.code_id)
    is_taken = code.sessions.exclude(state__in=UNTAKEN).exists()
    is_active = get_token_state(code, now=now) == TokenState.ACTIVE
    return code if is_active and not is_taken else None


def _list_news(kiosk: Kiosk, *, now: datetime) -> list[News]:
    sessions = EnrollmentSession.objects.filter(
        token__parent=kiosk.token_id,
        token__created_by=kiosk.public_id,
        updated_at__gt=now - NEWS_FOR,
    ).exclude(state__in=UNTAKEN)
    rows = sessions.order_by("-updated_at").values_list("platform", "state")[:MOST_NEWS]
    return [News(platform, state) for platform, state in rows]


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
