"""manage.py create_scep_profile: a SCEP profile from the command line."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from organization.errors import NotSetUp
from scep.errors import ProfileInvalid
from scep.models import ChallengeType
from scep.services.profiles import create_scep_profile

ACTOR = "manage.py"


class Command(BaseCommand):
    help = "Make a SCEP profile and print its id and URL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--challenge", required=True, choices=ChallengeType.values)
        parser.add_argument("--static-challenge", help="Only with --challenge static.")
        parser.add_argument(
            "--allow-legacy", action="store_true", help="Accept SHA-1 and 3DES from old devices."
        )
        parser.add_argument("--json", action="store_true", help='Print {"id", "url"}.')

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            profile = create_scep_profile(
                name=options["name"],
                challenge_type=options["challenge"],
                static_challenge=options["static_challenge"],
                allow_legacy=options["allow_legacy"],
                actor=ACTOR,
            )
        except (ProfileInvalid, NotSetUp) as error:
            raise CommandError(str(error)) from error
        url = settings.BASE_URL + reverse("scep", args=[profile.public_id])
        if options["json"]:
            self.stdout.write(json.dumps({"id": profile.public_id, "url": url}))
        else:
            self.stdout.write(f"{profile.name}: {profile.public_id}\n{url}")
