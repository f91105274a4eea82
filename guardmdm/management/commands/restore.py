import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from guardmdm.backup import BackupFailed, read_passphrase, restore_backup
from guardmdm.database_fitness import DatabaseUnfit, require_fit_database
from guardmdm.exclusive import hold_set_up_lock
from organization.management.operator_command import OperatorCommand


class Command(OperatorCommand):
    help = "Load a backup into a new, empty installation, before its first start."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--passphrase-file", type=Path, required=True, help="its first line is the passphrase"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            passphrase = read_passphrase(options["passphrase_file"])
            require_fit_database()
            with hold_set_up_lock():
                call_command("migrate", verbosity=0, interactive=False)
                restored = restore_backup(options["file"], passphrase=passphrase)
        except (BackupFailed, DatabaseUnfit) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(restored)))
            return
        made_at = datetime.fromisoformat(restored.made_at)
        self.stdout.write(f"{restored.rows} rows of {made_at:%-d %b %Y, %H:%M %Z} are back.")
        for note in restored.notes:
            self.stdout.write(f"Note: {note}")
