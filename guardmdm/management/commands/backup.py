import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from guardmdm.backup import BackupFailed, describe_left_out, read_passphrase, write_backup
from organization.errors import SecretUnreadable
from organization.management.operator_command import OperatorCommand


class Command(OperatorCommand):
    help = "Write all data and keys into one file that only the passphrase opens."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--passphrase-file", type=Path, required=True, help="its first line is the passphrase"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            passphrase = read_passphrase(options["passphrase_file"])
            rows = write_backup(path, passphrase=passphrase, now=timezone.now())
        except (BackupFailed, SecretUnreadable) as error:
            raise CommandError(str(error)) from error
        left_out = describe_left_out()
        made = {"file": str(path), "rows": rows, "bytes": path.stat().st_size, "note": left_out}
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        self.stdout.write(f"{rows} rows and the keys are in {path} ({made['bytes']} bytes).")
        if left_out:
            self.stdout.write(left_out)
