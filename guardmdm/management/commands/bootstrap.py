import json
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from guardmdm.bootstrap import DEFAULT_ADMINISTRATOR, DEFAULT_ORGANIZATION, SetUp, set_up
from guardmdm.database_fitness import DatabaseUnfit, require_fit_database
from guardmdm.exclusive import hold_set_up_lock
from guardmdm.health.set_up import check_authorities
from organization.management.operator_command import OperatorCommand
from scep.protocol.certificates import KEY_TYPES
from scep.services.authorities import DEFAULT_KEY_TYPE


class Command(OperatorCommand):
    help = "First-time set-up: database, organization, keys, CA, administrator. Run it any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--org", help=f"default: {DEFAULT_ORGANIZATION}")
        parser.add_argument("--admin", help=f"e-mail address; default: {DEFAULT_ADMINISTRATOR}")
        parser.add_argument("--demo", action="store_true", help="sample group, policy and token")
        parser.add_argument(
            "--ca-key",
            choices=KEY_TYPES,
            default=DEFAULT_KEY_TYPE,
            help="key of a new issuing CA; RSA for SCEP clients that know nothing else",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_fit_database()
        except DatabaseUnfit as error:
            raise CommandError(str(error)) from error
        with hold_set_up_lock():
            call_command("migrate", verbosity=0, interactive=False)
            try:
                made = set_up(
                    organization_name=options["org"],
                    administrator_email=options["admin"],
                    demo=options["demo"],
                    ca_key=options["ca_key"],
                )
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(_as_json(made) if options["json"] else _as_text(made))
        self._warn_of_authorities()

    def _warn_of_authorities(self) -> None:
        """With other keys than the database's the server starts, and can issue nothing."""
        finding = check_authorities()
        if finding.is_failure:
            self.stderr.write(f"{finding.name}: {finding.text}. {finding.fix}")


def _as_json(made: SetUp) -> str:
    return json.dumps(
        {
            "organization": {"id": made.organization.public_id, "name": made.organization.name},
            "administrator": made.administrator.email,
            "one_time_password": made.one_time_password,
            "must_change_password": made.administrator.must_change_password,
            "enrollment_url": made.enrollment_url,
        }
    )


def _as_text(made: SetUp) -> str:
    lines = [
        f"Data folder     {settings.DATA_DIR}",
        f"Organization    {made.organization.name} ({made.organization.public_id})",
        f"Administrator   {made.administrator.email}",
    ]
    if made.one_time_password:
        lines.append(f"One-time password  {made.one_time_password}   (shown this once)")
    if made.enrollment_url:
        lines.append(f"Enrollment URL  {made.enrollment_url}")
    return "\n".join(lines)
