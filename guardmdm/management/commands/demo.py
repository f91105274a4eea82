from typing import Any

from django.core.management.base import CommandError, CommandParser

from guardmdm.demo import Demo, DemoFailed
from guardmdm.supervisor import write_line
from organization.management.operator_command import OperatorCommand


class Command(OperatorCommand):
    help = "The server with sample data and three simulated devices, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            Demo(port=options["port"], say=write_line).run()
        except DemoFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            write_line("Stopped.")
