import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from guardmdm.tls import ensure_certificate, get_paths
from organization.management.operator_command import OperatorCommand


class Command(OperatorCommand):
    help = "Make or renew the TLS certificate that `serve --host` uses without a proxy."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help='print {"made", "certificate"}')

    def handle(self, *args: Any, **options: Any) -> None:
        certificate, _ = get_paths()
        made = ensure_certificate(now=timezone.now())
        text = f"{'Made' if made else 'Kept'} {certificate}"
        said = {"made": made, "certificate": str(certificate)}
        self.stdout.write(json.dumps(said) if options["json"] else text)
