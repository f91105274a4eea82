"""Periodic work of the installation itself."""

from importlib import import_module

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from guardmdm.examination import is_due, run_examination
from guardmdm.exclusive import hold_set_up_lock
from guardmdm.heartbeat import record_heartbeat
from guardmdm.history import delete_old_history
from guardmdm.models import Heart
from guardmdm.tls import ensure_certificate, get_paths
from organization.services.second_factors import seal_clear_second_factors


@shared_task  # type: ignore[untyped-decorator]
def renew_server_certificate() -> None:
    """Renew the TLS certificate where this server made one; `serve` sees the new file."""
    certificate, _ = get_paths()
    if not certificate.exists():
        return  # a proxy speaks TLS, with a certificate of its own
    with hold_set_up_lock():
        ensure_certificate(now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def beat() -> None:
    """Tell that the way from the scheduler through the broker to a worker is open."""
    record_heartbeat(Heart.WORKER, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def examine() -> None:
    """Look at everything that the server needs, now and then, so that the dashboard knows."""
    now = timezone.now()
    if is_due(now=now):
        run_examination(now=now)


@shared_task  # type: ignore[untyped-decorator]
def clear_sessions() -> None:
    """Drop the browsers' sessions that are over, most of them of people who went to sign in."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


@shared_task  # type: ignore[untyped-decorator]
def seal_second_factors() -> None:
    """Seal what a version before kept in clear: not at once, for that may still be running."""
    seal_clear_second_factors()


@shared_task  # type: ignore[untyped-decorator]
def delete_history() -> None:
    """Delete what is older than the organization wants to look back."""
    delete_old_history(now=timezone.now())
