"""`manage.py push_certificate csr|import|status`."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from devices.errors import PushCertificateInvalid, VendorCertificateInvalid
from devices.models import PushCertificate
from devices.selectors import find_push_certificate, find_refusal
from devices.services.push.certificate import (
    create_csr,
    create_push_request,
    import_push_certificate,
)
from organization.errors import NotSetUp
from organization.management.operator_command import OperatorCommand

ACTOR = "manage.py"


class Command(OperatorCommand):
    help = "The APNs push certificate: request it, import it, see when it expires."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        csr = actions.add_parser("csr", help="print a certificate request (PEM)")
        csr.add_argument("--output", type=Path, help="write it to this file instead")
        csr.add_argument(
            "--vendor", type=Path, help="sign it with this MDM vendor certificate: PEM, PKCS#12"
        )
        csr.add_argument("--vendor-key", type=Path, help="its private key, if not in the file")
        csr.add_argument("--password-file", type=Path, help="what opens the vendor's key")
        load = actions.add_parser("import", help="import the certificate that Apple issued")
        load.add_argument("file", type=Path, help="PEM, DER or PKCS#12")
        load.add_argument("--key", type=Path, help="its private key, if not made by csr")
        load.add_argument("--password-file", type=Path, help="what opens the key or PKCS#12")
        load.add_argument("--apple-account", default="", help="whose portal to renew it in")
        load.add_argument("--note", default="", help="a remark for whoever renews it")
        load.add_argument("--new-topic", action="store_true", help="lose every enrolled device")
        status = actions.add_parser("status", help="topic, Apple Account and expiry")
        for each in (csr, load, status):
            each.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            {"csr": self._csr, "import": self._import, "status": self._status}[options["action"]](
                options
            )
        except (PushCertificateInvalid, VendorCertificateInvalid, NotSetUp, OSError) as error:
            raise CommandError(str(error)) from error

    def _csr(self, options: dict[str, Any]) -> None:
        pem = self._build_request(options).decode()
        if options["output"]:
            options["output"].write_text(pem)
        elif options["json"]:
            self._print({"csr": pem})
        else:
            self.stdout.write(pem, ending="")

    def _build_request(self, options: dict[str, Any]) -> bytes:
        if not options["vendor"]:
            return create_csr(actor=ACTOR)
        return create_push_request(
            options["vendor"].read_bytes(),
            key=options["vendor_key"].read_bytes() if options["vendor_key"] else None,
            password=_read_password(options["password_file"]),
            now=timezone.now(),
            actor=ACTOR,
        )

    def _import(self, options: dict[str, Any]) -> None:
        row = import_push_certificate(
            options["file"].read_bytes(),
            key=options["key"].read_bytes() if options["key"] else None,
            password=_read_password(options["password_file"]),
            apple_account=options["apple_account"],
            note=options["note"],
            accepted_loss=None if options["new_topic"] else 0,
            now=timezone.now(),
            actor=ACTOR,
        )
        self._show(row, as_json=options["json"])

    def _status(self, options: dict[str, Any]) -> None:
        row = find_push_certificate()
        if row is not None:
            self._show(row, as_json=options["json"])
        elif options["json"]:
            self._print({"topic": None})
        else:
            self.stdout.write("No push certificate yet: start with push_certificate csr.")
        if row is None or find_refusal(row) or (row.not_after and row.not_after <= timezone.now()):
            sys.exit(1)

    def _show(self, row: PushCertificate, *, as_json: bool) -> None:
        not_after = row.not_after.isoformat() if row.not_after else None
        if as_json:
            self._print(
                {
                    "topic": row.topic,
                    "state": row.get_state(timezone.now()),
                    "refusal": find_refusal(row),
                    "apple_account": row.apple_account,
                    "serial": row.serial,
                    "not_after": not_after,
                }
            )
        else:
            self.stdout.write(f"{row.topic}\nApple Account: {row.apple_account or 'unknown'}")
            has_expired = row.not_after is not None and row.not_after <= timezone.now()
            end = "Expired on" if has_expired else "Valid until"
            self.stdout.write(f"Serial {row.serial}\n{end} {not_after}")
            if refusal := find_refusal(row):
                self.stdout.write(f"Apple refuses it: {refusal}")

    def _print(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value))


def _read_password(path: Path | None) -> str:
    return path.read_text().rstrip("\r\n") if path else ""
