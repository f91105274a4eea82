from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from guardmdm.tls import ensure_certificate, get_paths


class Command(BaseCommand):
    help = "Make or renew the TLS certificate that `serve --host` uses without a proxy."

    def handle(self, *args: Any, **options: Any) -> None:
        certificate, _ = get_paths()
        made = ensure_certificate(now=timezone.now())
        self.stdout.write(f"{'Made' if made else 'Kept'} {certificate}")
