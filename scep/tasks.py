"""Periodic work of the certificate authority."""

from celery import shared_task
from django.utils import timezone

from scep.services.sweep import delete_old_challenges, revoke_orphans


@shared_task  # type: ignore[untyped-decorator]
def sweep_certificates() -> None:
    """Revoke intents that never became certificates; forget old challenges."""
    now = timezone.now()
    revoke_orphans(now=now)
    delete_old_challenges(now=now)
