import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from organization.errors import NotSetUp
from organization.management.operator_command import OperatorCommand
from scep.errors import AuthorityInvalid
from scep.models import CertificateAuthority
from scep.selectors import get_issuing_ca
from scep.services.escrow import export_authority

ACTOR = "manage.py export_ca"


class Command(OperatorCommand):
    help = "Write a CA with its key to an encrypted PKCS#12 file, to be kept in a safe place."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the PKCS#12 file to make")
        parser.add_argument("--ca", help="the CA's id (ca_…); default: the active issuing CA")
        parser.add_argument(
            "--password-file", type=Path, required=True, help="its first line encrypts the file"
        )
        parser.add_argument("--json", action="store_true", help='print {"id", "name", "file"}')

    def handle(self, *args: Any, **options: Any) -> None:
        password = _read_password(options["password_file"])
        try:
            authority = _find_authority(options["ca"])
            with _make_file(options["file"]) as file:
                file.write(
                    export_authority(authority, password=password, actor=ACTOR, now=timezone.now())
                )
        except (AuthorityInvalid, NotSetUp) as error:
            raise CommandError(str(error)) from error
        made = {"id": authority.public_id, "name": authority.name, "file": str(options["file"])}
        text = f"{authority.name} ({authority.public_id}) is in {options['file']}"
        self.stdout.write(json.dumps(made) if options["json"] else text)


def _read_password(path: Path) -> str:
    try:
        return (path.read_text(encoding="utf-8").splitlines() or [""])[0]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The password cannot be read: {error}") from error


def _find_authority(public_id: str | None) -> CertificateAuthority:
    if public_id is None:
        return get_issuing_ca()
    authority = CertificateAuthority.objects.filter(public_id=public_id).first()
    if authority is None:
        raise CommandError(f"There is no CA {public_id}.")
    return authority


@contextmanager
def _make_file(path: Path) -> Iterator[IO[bytes]]:
    """Make a file readable by the owner only, gone again where nothing comes of it.

    Before the key is exported: the audit log is to tell of none that went nowhere.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except OSError as error:
        path.unlink()
        raise CommandError(f"{path}: {error.strerror}") from error
    except BaseException:
        path.unlink()
        raise
