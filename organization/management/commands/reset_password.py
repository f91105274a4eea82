import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from organization.management.operator_command import OperatorCommand
from organization.models import Administrator, Role
from organization.services.administrators import reset_password

MOST_NAMED = 5


class Command(OperatorCommand):
    help = (
        "Give somebody who has forgotten the console's password a new one. It is printed once, "
        "and its owner chooses another at the first sign-in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address that the person signs in with")
        parser.add_argument(
            "--remove-second-factor",
            action="store_true",
            help="forget authenticator app, passkeys and recovery codes too, where they are lost",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        administrator = Administrator.objects.filter(email__iexact=options["email"]).first()
        if administrator is None:
            raise CommandError(f"Nobody signs in as {options['email']}.{_name_some()}")
        text = reset_password(
            administrator,
            actor="manage.py",
            remove_second_factor=options["remove_second_factor"],
        )
        self.stdout.write(json.dumps({"password": text}) if options["json"] else text)


def _name_some() -> str:
    """The address may be what was forgotten, and nobody can look it up in the console."""
    rows = Administrator.objects.filter(role=Role.ADMINISTRATOR, is_active=True)
    emails = rows.order_by("pk").values_list("email", flat=True)[:MOST_NAMED]
    return f" Administrators: {', '.join(emails)}." if emails else ""
