import json
from typing import Any

from django.core.management.base import CommandError

from organization.errors import SecretUnreadable
from organization.management.operator_command import OperatorCommand
from organization.protocol.sealing import generate_key
from organization.services.key_rotation import reseal_everything


class Command(OperatorCommand):
    help = (
        "Seal every secret again with the first key of GUARDMDM_ENCRYPTION_KEYS. "
        "Put a new key (--generate prints one) before the old one, restart, run this, "
        "then remove the old key."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--generate", action="store_true", help="print a new key and stop")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["generate"]:
            key = generate_key()
            self.stdout.write(json.dumps({"key": key}) if options["json"] else key)
            return
        columns: dict[str, int] = {}
        try:
            total = reseal_everything(report=columns.__setitem__)
        except SecretUnreadable as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"resealed": total, "columns": columns}))
            return
        for column, count in columns.items():
            self.stdout.write(f"  {column}: {count}")
        self.stdout.write(f"{total} values sealed again; every value now uses the newest key.")
