"""Later work: each task takes nothing or ids, and may run any number of times."""

from celery import shared_task
from django.utils import timezone

from enrollment.services.child_tokens import forget_unused_children
from enrollment.services.root_trust import note_vouching
from enrollment.services.sweep import expire_sessions, report_silent_sessions


@shared_task  # type: ignore[untyped-decorator]
def sweep_sessions() -> None:
    """Report silent sessions first: an expired one is not reported any more."""
    now = timezone.now()
    report_silent_sessions(now=now)
    expire_sessions(now=now)
    forget_unused_children(now=now)


@shared_task  # type: ignore[untyped-decorator]
def check_server_certificate() -> None:
    """Look whether people's devices trust this server's TLS certificate by themselves."""
    note_vouching(now=timezone.now())
