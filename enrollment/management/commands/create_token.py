"""`manage.py create_token`: an enrollment token from a script."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from devices.models import Group
from enrollment.errors import NotReady, TokenInvalid
from enrollment.protocol.access_rights import FULL, RIGHTS_LEVELS
from enrollment.services.token_texts import build_enrollment_url, build_token_text
from enrollment.services.tokens import create_token
from organization.management.operator_command import OperatorCommand
from organization.protocol.expiry import decode_expiry
from scep.models import ScepProfile


class Command(OperatorCommand):
    help = "Generate an enrollment token and print its URL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--group", help="name or grp_…; without: the only or first group")
        parser.add_argument(
            "--expires", default="7d", help="24h, 7d (default), 30d, never, ISO 8601"
        )
        parser.add_argument("--max-uses", type=int, default=100, help="0 = unlimited; default 100")
        parser.add_argument("--scep-profile", help="name or scep_…; without: none")
        parser.add_argument("--rights", choices=list(RIGHTS_LEVELS), default=FULL)
        parser.add_argument(
            "--profile-service",
            action="store_true",
            help="devices tell serial number and UDID before they get a certificate",
        )
        parser.add_argument(
            "--hold-for-approval",
            action="store_true",
            help="each device waits until an administrator has approved it",
        )
        parser.add_argument(
            "--sign-in",
            action="store_true",
            help="people sign in at the identity provider before they enroll",
        )
        parser.add_argument(
            "--allow-serial",
            action="append",
            default=[],
            metavar="SERIAL",
            help="only this device may enroll, and others so named; without: every device",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = create_token(
                name=options["name"],
                group=self._get_group(options["group"]),
                expires_at=decode_expiry(options["expires"], now=timezone.now()),
                max_uses=options["max_uses"],
                scep_profile=self._get_scep_profile(options["scep_profile"]),
                rights=options["rights"],
                profile_service=options["profile_service"],
                hold_for_approval=options["hold_for_approval"],
                sign_in_required=options["sign_in"],
                allowed_serials=options["allow_serial"],
                actor="manage.py",
            )
        except (NotReady, TokenInvalid, ValueError) as error:
            raise CommandError(str(error)) from error
        text, url = build_token_text(token), build_enrollment_url(token)
        if options["json"]:
            self.stdout.write(json.dumps({"jti": token.jti, "token": text, "url": url}))
        else:
            self.stdout.write(f"{token.name} ({token.jti})\n{url}")

    @staticmethod
    def _get_group(text: str | None) -> Group:
        groups = Group.objects.order_by("id")
        if text is not None:  # "" is what a script hands over whose variable is not set
            groups = groups.filter(Q(public_id=text) | Q(name=text))
        group = groups.first()
        if group is None:
            raise CommandError(
                "there is no group" if text is None else f"there is no group “{text}”"
            )
        return group

    @staticmethod
    def _get_scep_profile(text: str | None) -> ScepProfile | None:
        if text is None:
            return None
        profile = ScepProfile.objects.filter(Q(public_id=text) | Q(name=text)).first()
        if profile is None:
            raise CommandError(f"there is no SCEP profile “{text}”")
        return profile
