"""`manage.py rotate_token_key`: another key signs enrollment tokens from now on."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from enrollment.models import TokenState
from enrollment.selectors import list_tokens
from enrollment.services.bootstrap import rotate_signing_key
from organization.management.operator_command import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Make a new key for enrollment tokens. Tokens that an earlier one signed stay good until "
        "they expire, are used up or revoked: where a key may have leaked, revoke them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        key = rotate_signing_key(actor="manage.py")
        active = list_tokens(now=timezone.now(), state=TokenState.ACTIVE)
        earlier = active.exclude(signing_key=key).order_by().count()
        if options["json"]:
            self.stdout.write(json.dumps({"kid": key.kid, "active_tokens_of_earlier": earlier}))
            return
        self.stdout.write(f"New tokens are signed by {key.kid}.")
        many = earlier != 1
        words = f"active token{'s' if many else ''} of earlier keys stay{'' if many else 's'} good"
        self.stdout.write(f"{earlier} {words}.")
