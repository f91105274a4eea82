"""Template tags of the console's enrollment pages."""

from datetime import timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy

from devices.models import Device, Group, Platform
from enrollment.models import (
    EnrollmentSession,
    EnrollmentToken,
    Invitation,
    InvitationState,
    LogEntry,
    LogLevel,
    TokenState,
)
from enrollment.protocol.access_rights import (
    RIGHTS_LEVELS,
    list_access_rights,
    list_refused_rights,
)
from enrollment.protocol.funnel.advice import STEP_TITLES
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.funnel.timeline import RowState
from enrollment.protocol.log_codes import get_log_code
from enrollment.selectors import (
    find_token_warnings,
    get_invitation_state,
    get_token_state,
    list_tokens,
)
from enrollment.services.standing import AbsentSessions, find_absent_sessions

SHORT = 10  # seconds that are told with a decimal
# What a name of an entry's details is called where its words alone are not right.
DETAIL_LABELS = {
    "fail_info": "failInfo",
    "scep_profile": gettext_lazy("SCEP profile"),
    "silent_seconds": gettext_lazy("Seconds without a step"),
    "transaction_id": gettext_lazy("Transaction ID"),
    "udid": "UDID",
}
register = template.Library()


@register.simple_tag
def token_state(token: EnrollmentToken) -> TokenState:
    return get_token_state(token, now=timezone.now())


@register.simple_tag
def token_warnings(token: EnrollmentToken) -> list[str]:
    """Return the titles of what will soon end the token."""
    codes = find_token_warnings(token, now=timezone.now())
    return [get_log_code(code).title for code in codes]


@register.filter
def detail_label(name: str) -> str:
    """Return what a log entry's detail is called; programs get it by its name."""
    return str(DETAIL_LABELS.get(name) or name.replace("_", " ").capitalize())


@register.simple_tag
def rights_levels() -> list[dict[str, Any]]:
    """Return the levels, each with the words of what it asks for and what it does not."""
    return [
        {
            "level": level,
            "can": [right.text for right in list_access_rights(level.rights)],
            "cannot": [right.text for right in list_refused_rights(level.rights)],
        }
        for level in RIGHTS_LEVELS.values()
    ]


@register.simple_tag
def invitation_state(invitation: Invitation) -> InvitationState:
    return get_invitation_state(invitation, now=timezone.now())


@register.filter
def translated(text: str) -> str:
    """Return a text of protocol/, where it is only marked, in the administrator's language."""
    return gettext(text)


@register.filter
def code_title(code: str) -> str:
    """Return the log code's title."""
    return get_log_code(code).title


@register.filter
def headline(entry: LogEntry) -> str:
    """Return what an entry is called: of a trouble what it is, of a step what has happened."""
    code = get_log_code(entry.code)
    return gettext(code.title) if entry.level != LogLevel.INFO else entry.message or code.title


@register.filter
def particulars(entry: LogEntry) -> str:
    """Return a trouble's own words, "" where its headline says all."""
    title = get_log_code(entry.code).title
    return entry.message if entry.level != LogLevel.INFO and entry.message != title else ""


@register.filter
def step_title(kind: str) -> str:
    """Return what a step is called in the console; a newer part's by its own name."""
    return STEP_TITLES[StepKind(kind)] if kind in STEP_TITLES else kind


@register.filter
def row_tone(state: str) -> str:
    """Return the colour of a row of the steps."""
    tones = {RowState.DONE: "green", RowState.WAITING: "amber", RowState.AHEAD: "gray"}
    return tones.get(RowState(state), "red")


@register.filter
def platform_name(platform: str) -> str:
    """Return how Apple writes the platform, "" for none."""
    return str(Platform(platform).label) if platform in Platform.values else platform


@register.filter
def session_name(session: EnrollmentSession, device: Device | None = None) -> str:
    """Return by what people recognize a session: the person, the device, or when it began."""
    if person := session.person_name or session.person_email:
        return person
    if device:
        return str(device)
    if hasattr(session, "reported_device"):
        told = session.reported_device
        return f"{told.product} {told}".strip()
    began = date_format(timezone.localtime(session.created_at), "j M Y, H:i:s")
    return f"{platform_name(session.platform) or gettext('Device')}, {began}"


@register.filter
def duration(value: timedelta) -> str:
    """Return a time in two units at most: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    seconds = max(value.total_seconds(), 0)
    if seconds < SHORT:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


@register.simple_tag
def count_tokens(group: Group) -> int:
    """Return how many tokens of a group their list has; those made from others stand for them."""
    return list_tokens(now=timezone.now()).filter(group=group).count()


@register.simple_tag
def absent_sessions(status: str) -> AbsentSessions:
    """Return the enrollments that stand beside devices of a status ("" for all of them)."""
    return find_absent_sessions(status, now=timezone.now())
