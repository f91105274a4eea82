"""Enrollment › Log › Sessions: each attempt to enroll, how far it came, and why no further."""

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern
from django.utils import timezone
from django.utils.translation import gettext_lazy

from devices.models import Device
from enrollment.forms import SessionFilter
from enrollment.models import EnrollmentSession, LogEntry, SessionState
from enrollment.selectors import list_sessions, put_devices
from enrollment.services.progress import is_over
from enrollment.services.standing import give_account, put_standings
from organization.console import PAST, ListPage, Section, Sort
from scep.models import IssuedCertificate

SHOWN_ENTRIES = 100


def _complete(sessions: list[EnrollmentSession]) -> None:
    put_standings(sessions, now=timezone.now())
    put_devices(sessions)


def _describe(request: HttpRequest, session: EnrollmentSession) -> dict[str, Any]:
    now = timezone.now()
    account = give_account(session, now=now)
    entries = LogEntry.objects.filter(session_id=session.public_id).order_by("id")
    return {
        "account": account,
        "device": Device.objects.filter(public_id=session.device_id).first(),
        "certificates": IssuedCertificate.objects.filter(session_id=session.public_id),
        "entries": entries[:SHOWN_ENTRIES],
        "is_moving": _is_moving(session) and not is_over(session, now=now),
    }


def _is_moving(session: EnrollmentSession) -> bool:
    """Whether the sweep has still to look at it, and so something may happen by itself."""
    return session.state != SessionState.EXPIRED and session.due_at is not None


SESSIONS = Section(
    name="sessions",
    item="session",
    route="enrollment/sessions/",
    page=ListPage(
        title=gettext_lazy("Sessions"),
        path=(gettext_lazy("Enrollment"), gettext_lazy("Log")),
        columns=(
            gettext_lazy("Session"),
            gettext_lazy("Status"),
            gettext_lazy("Reason"),
            gettext_lazy("Token"),
            gettext_lazy("Address"),
            Sort("created_at", gettext_lazy("Time"), PAST, ("pk",)),
        ),
        default_ordering="-created_at",
        template="console/session/list.html",
        row_template="console/session/row.html",
        get_rows=list_sessions,
        filterset=SessionFilter,
        complete=_complete,
        is_huge=True,
        empty_title=gettext_lazy("Nobody has enrolled yet"),
        empty_text=gettext_lazy("Each press of the enrollment page's button begins a session."),
    ),
    item_template="console/session/session.html",
    get_item_context=_describe,
)

urlpatterns: list[URLPattern] = SESSIONS.build_urls()
