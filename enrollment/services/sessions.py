"""Enrollment sessions: one attempt of one person to enroll one device."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from enrollment.errors import SessionRefused, SignInRefused
from enrollment.models import EnrollmentSession, EnrollmentToken, SessionState
from enrollment.protocol.funnel.rules import get_silence
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.person import Person
from enrollment.selectors import find_invited_person, is_held_at_page
from enrollment.services.log import write_entry
from enrollment.services.steps import record_step
from organization.models import Given, PreparedSelect, PreparedUpdate, insert_row
from organization.protocol.caller import build_caller
from organization.protocol.public_id import is_public_id
from scep.models import HeldRequestState

LIFETIME = timedelta(minutes=60)
HELD_LIFETIME = timedelta(days=1)
SESSION_WITH_TOKEN = PreparedSelect(
    lambda: (
        EnrollmentSession.objects.filter(public_id=Given("session_id"))
        .select_related(
            "token__group",
            "token__scep_profile__issuing_ca__parent",
            "token__organization",
            "token__signing_key",
            "token__parent",
        )
        .defer(
            "token__scep_profile__issuing_ca__private_key",
            "token__scep_profile__issuing_ca__parent__private_key",
        )
        .order_by()
    )
)
# A failed session may go on: devices try again by themselves.
UNTAKEN_STATES = (
    SessionState.WAITING,
    SessionState.PROFILE_DOWNLOADED,
    SessionState.CERTIFICATE_ISSUED,
    SessionState.FAILED,
)
# Until a device is enrolled, the one that has begun may begin again.
OPEN_STATES = (*UNTAKEN_STATES, SessionState.AUTHENTICATED)
# What a state may follow; a late message never takes a session back.
PREDECESSORS = {
    SessionState.PROFILE_DOWNLOADED: (SessionState.WAITING, SessionState.FAILED),
    SessionState.CERTIFICATE_ISSUED: UNTAKEN_STATES,
    SessionState.AUTHENTICATED: UNTAKEN_STATES,
    SessionState.ENROLLED: OPEN_STATES,
    SessionState.FAILED: UNTAKEN_STATES,
    SessionState.EXPIRED: UNTAKEN_STATES,
}


@transaction.atomic
def open_session(
    token: EnrollmentToken,
    *,
    platform: str,
    user_agent: str,
    remote_address: str | None,
    now: datetime,
    lifetime: timedelta | None = None,
    person: Person | None = None,
    is_on_page: bool = False,
    is_return: bool = False,
) -> EnrollmentSession:
    """Start an attempt with a verified token; `platform` is a devices.Platform value or "".

    Without a `person` it is the one whom the token invites. `is_on_page`: by the button of the
    page, and not by a link straight to the profile. One that waits for approval has a day, for
    somebody has to look. Raises SignInRefused (sign_in_required).
    """
    person = person or find_invited_person(token)
    _check_signed_in(token, person)
    is_held = is_held_at_page(token)
    lifetime = lifetime or (HELD_LIFETIME if is_held else LIFETIME)
    session = EnrollmentSession(
        token=token,
        platform=platform,
        base_url=settings.BASE_URL,
        user_agent=user_agent.replace("\0", "")[:300],
        remote_address=remote_address,
        is_return=is_return,
        expires_at=now + lifetime,
        due_at=now + lifetime,
        approval=HeldRequestState.PENDING if is_held else "",
        person_name=person.name,
        person_email=person.email,
        person_subject=person.subject,
    )
    insert_row(session)
    if is_on_page:
        caller = build_caller(address=remote_address, agent=user_agent)
        record_step(session.public_id, StepKind.PAGE_OPENED, now=now, caller=caller)
    write_entry("session_opened", session=session, detail={"platform": platform})
    if is_held:
        write_entry("enrollment_held", session=session)
    return session


def get_session(session_id: str) -> EnrollmentSession:
    """Return the session, dead or alive; raises SessionRefused (session_unknown)."""
    # What is no id never reaches the database: PostgreSQL chokes on a NUL.
    is_id = is_public_id(session_id, prefix="ses")
    session = SESSION_WITH_TOKEN.first(session_id=session_id) if is_id else None
    if session is None:
        raise SessionRefused("session_unknown", "no session has this id")
    return session


def is_open(session: EnrollmentSession, *, now: datetime) -> bool:
    """Whether a device may still enroll with the session's profile."""
    return session.state in OPEN_STATES and session.expires_at > now


def check_open(session: EnrollmentSession, *, now: datetime) -> None:
    """Raise SessionRefused once the session has enrolled a device or is over.

    Raises SignInRefused (sign_in_required) where nobody has signed in who should have.
    """
    token_id = session.token.jti
    if session.state == SessionState.ENROLLED:
        raise SessionRefused(
            "session_used", "the session has enrolled its device", token_id=token_id
        )
    if not is_open(session, now=now):
        raise SessionRefused("session_expired", "the session is over", token_id=token_id)
    _check_signed_in(session.token, session.person)


def _check_signed_in(token: EnrollmentToken, person: Person) -> None:
    if token.sign_in_required and not person.subject:
        raise SignInRefused("sign_in_required", "nobody has signed in", token_id=token.jti)


def advance_session(
    session_id: str, *, state: SessionState, device_id: str = "", failure_code: str = ""
) -> bool:
    """Move the session on unless it is further already; returns whether it moved."""
    if not session_id:
        return False
    now = timezone.now()
    update = _prepare_advance(state, names_device=bool(device_id))
    return bool(
        update.run(
            session_id=session_id,
            failure_code=failure_code,
            device_id=device_id,
            now=now,
            due_at=now + get_silence(StepKind.PKI_OPERATION),
        )
    )


@cache
def _prepare_advance(state: SessionState, *, names_device: bool) -> PreparedUpdate:
    changes: dict[str, Any] = {
        "state": state,
        "failure_code": Given("failure_code"),
        "updated_at": Given("now"),
    }
    if names_device:
        changes["device_id"] = Given("device_id")
    if state == SessionState.ENROLLED:
        changes["enrolled_at"] = Given("now")
    if state == SessionState.CERTIFICATE_ISSUED:  # here, for that step is recorded by one statement
        changes["due_at"] = Given("due_at")
    return PreparedUpdate(
        lambda: EnrollmentSession.objects.filter(
            public_id=Given("session_id"), state__in=PREDECESSORS[state]
        ),
        **changes,
    )


def note_base_url(session: EnrollmentSession) -> None:
    """Remember where the session's profile sends its device, if that has changed meanwhile."""
    if session.base_url != settings.BASE_URL:
        session.base_url = settings.BASE_URL
        session.save(update_fields=["base_url", "updated_at"])


def fail_session(session_id: str, *, code: str) -> None:
    """Note why the device was refused; it may try again until the session is over."""
    if session_id:
        advance_session(session_id, state=SessionState.FAILED, failure_code=code)


def end_open_sessions(token: EnrollmentToken, *, code: str, now: datetime) -> int:
    """Tell everybody who is enrolling with the token why it is over; return how many that are.

    Nothing depends on it: a token is looked at whenever one of its sessions is used.
    """
    family = EnrollmentToken.objects.filter(Q(pk=token.pk) | Q(parent=token)).order_by()
    # No join: the state has to be asked of the row itself, which a device may be taking.
    begun = EnrollmentSession.objects.filter(token__in=family, state__in=UNTAKEN_STATES)
    # Those of earlier have ended for reasons of their own, and may be very many.
    going = begun.filter(expires_at__gt=now)
    return going.update(state=SessionState.FAILED, failure_code=code, due_at=None, updated_at=now)


def link_device(session_id: str, *, device_id: str) -> None:
    """Note which device (`dev_…`) the session has brought."""
    if session_id:
        EnrollmentSession.objects.filter(public_id=session_id).update(device_id=device_id)
