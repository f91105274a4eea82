"""Periodic work of the installation itself."""

from celery import shared_task
from django.utils import timezone

from guardmdm.exclusive import hold_set_up_lock
from guardmdm.tls import ensure_certificate, get_paths


@shared_task  # type: ignore[untyped-decorator]
def renew_server_certificate() -> None:
    """Renew the TLS certificate where this server made one; `serve` sees the new file."""
    certificate, _ = get_paths()
    if not certificate.exists():
        return  # a proxy speaks TLS, with a certificate of its own
    with hold_set_up_lock():
        ensure_certificate(now=timezone.now())
