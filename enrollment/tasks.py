"""Later work: each task takes nothing or ids, and may run any number of times."""

from celery import shared_task
from django.utils import timezone

from enrollment.services.anomalies import report_anomalies
from enrollment.services.child_tokens import forget_unused_children
from enrollment.services.mail_delivery import BATCH, send_due_mails
from enrollment.services.root_trust import note_vouching
from enrollment.services.sweep import sweep_due_sessions
from enrollment.services.token_warnings import report_ending_tokens


@shared_task  # type: ignore[untyped-decorator]
def watch_sessions() -> None:
    """Every few seconds, for people wait: one statement through an index where nothing is due."""
    sweep_due_sessions(now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def sweep_sessions() -> None:
    now = timezone.now()
    sweep_due_sessions(now=now)
    forget_unused_children(now=now)
    report_ending_tokens(now=now)
    report_anomalies(now=now)


@shared_task  # type: ignore[untyped-decorator]
def check_server_certificate() -> None:
    """Look whether people's devices trust this server's TLS certificate by themselves."""
    note_vouching(now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def send_mails() -> None:
    """Send the mails that are due, a batch a task, so that a worker may stop in between."""
    if send_due_mails(now=timezone.now()) == BATCH:
        send_mails.delay()
