"""manage.py create_scep_profile: a SCEP profile from the command line."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.urls import reverse

from organization.errors import NotSetUp
from organization.management.operator_command import OperatorCommand
from scep.errors import ProfileInvalid, ServerUnreachable
from scep.models import ChallengeType, HookType, KeyUsage, ScepProfile, ScepServerType
from scep.services.external_servers import fetch_ca_certificates
from scep.services.profile_checks import KEY_SIZES
from scep.services.profiles import VALUE_NAMES, ScepProfileValues, create_scep_profile

ACTOR = "manage.py"


class Command(OperatorCommand):
    help = "Make a SCEP profile and print its id and URL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--challenge", required=True, choices=ChallengeType.values)
        parser.add_argument("--static-challenge", help="Only with --challenge static.")
        parser.add_argument("--json", action="store_true", help='Print {"id", "url"}.')
        _add_certificate_options(parser)
        _add_external_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            profile = create_scep_profile(actor=ACTOR, **_read_values(options))
        except (ProfileInvalid, ServerUnreachable, NotSetUp) as error:
            raise CommandError(str(error)) from error
        url = _get_url(profile)
        if options["json"]:
            self.stdout.write(json.dumps({"id": profile.public_id, "url": url}))
        else:
            self.stdout.write(f"{profile.name}: {profile.public_id}\n{url}")


def _add_certificate_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("certificates")
    group.add_argument("--key-size", type=int, choices=KEY_SIZES)
    group.add_argument(
        "--key-usage", type=int, choices=KeyUsage.values, help="1 signing, 5 also encryption."
    )
    group.add_argument(
        "--subject", action="append", metavar="CN={serial}", help="Once for each part, in order."
    )
    group.add_argument(
        "--san",
        action="append",
        dest="subject_alternative_names",
        metavar="dns={serial}.example.com",
        help="An alternative name: dns, email, uri or upn; may be repeated.",
    )
    group.add_argument("--validity-days", type=int)
    group.add_argument("--renewal-days", type=int, help="Days before expiry.")
    group.add_argument(
        "--allow-legacy", action="store_true", help="Accept SHA-1 and 3DES from old devices."
    )
    group.add_argument(
        "--hold", action="store_true", dest="hold_for_approval", help="An administrator approves."
    )
    group.add_argument("--single-certificate", action="store_true", help="GetCACert without an RA.")


def _add_external_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("external SCEP server")
    group.add_argument("--external-url", help="https://…, without a question mark.")
    group.add_argument("--ca-name", help="Where the server has several CAs.")
    group.add_argument(
        "--ca-fingerprint", help="SHA-256 of its CA; without it, it is fetched and shown only."
    )
    group.add_argument(
        "--trusted-cas", type=Path, metavar="FILE", help="PEM: CAs whose identities are trusted."
    )
    group.add_argument("--hook", dest="hook_type", choices=HookType.values)
    group.add_argument("--hook-url", help="Where one-time challenges come from.")
    group.add_argument("--hook-username")
    group.add_argument(
        "--hook-password-file", type=Path, metavar="FILE", help="Its first line is the password."
    )


def _read_values(options: dict[str, Any]) -> ScepProfileValues:
    # Most options have the name of their value; what is not given is left out.
    given: Any = {
        name: options[name] for name in VALUE_NAMES if options.get(name) not in (None, False)
    }
    values: ScepProfileValues = given
    values["challenge_type"] = options["challenge"]
    if options["external_url"]:
        values["server_type"] = ScepServerType.EXTERNAL
        if not options["ca_fingerprint"]:
            _show_fingerprint(options["external_url"], ca_name=options["ca_name"] or "")
    if options["trusted_cas"]:
        values["trusted_ca_pem"] = _read_file(options["trusted_cas"])
    if options["hook_password_file"]:
        lines = _read_file(options["hook_password_file"]).splitlines()
        values["hook_password"] = lines[0] if lines else ""
    return values


def _show_fingerprint(url: str, *, ca_name: str) -> None:
    """Raise CommandError that tells the CA to be confirmed."""
    found = fetch_ca_certificates(url, ca_name=ca_name)
    raise CommandError(
        f"The server's CA is {found.subject}, valid until {found.not_after:%F}.\n"
        f"If it is the right one, add --ca-fingerprint {found.fingerprint}"
    )


def _read_file(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeError) as error:
        raise CommandError(f"{path} cannot be read.") from error


def _get_url(profile: ScepProfile) -> str:
    return profile.external_url or settings.BASE_URL + reverse("scep", args=[profile.public_id])
