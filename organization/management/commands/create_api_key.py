import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from organization.management.operator_command import OperatorCommand
from organization.models import Role
from organization.protocol.expiry import decode_expiry
from organization.services.api_keys import create_api_key


class Command(OperatorCommand):
    help = "Make a key for the REST interface. It is printed once; only its hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--expires", default="never", help="24h, 90d, never, ISO 8601")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["name"].strip():
            raise CommandError("--name must not be empty")
        try:
            expires_at = decode_expiry(options["expires"], now=timezone.now())
        except (ValueError, OverflowError) as error:
            raise CommandError(f"--expires: {error}") from error
        _, text = create_api_key(
            options["name"],
            role=options["role"],
            actor="manage.py",
            expires_at=expires_at,
            may_share_name=True,
        )
        self.stdout.write(json.dumps({"key": text}) if options["json"] else text)
