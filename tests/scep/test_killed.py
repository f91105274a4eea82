"""The server is killed between signing and storing: nothing stays unaccounted for (S12)."""

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.db import connections
from django.test import Client
from django.utils import timezone

from scep.models import CertificateStatus, DynamicChallenge, IssuedCertificate, ScepProfile
from scep.protocol.identity_certificate import build_identity_certificate
from scep.selectors import get_certificate
from scep.services import issuance
from scep.services.challenges import create_dynamic_challenge
from scep.services.pki_operation import handle_pki_operation
from scep.tasks import sweep_certificates
from tests.scep.device import Device
from tests.scep.relying_party import describe_list

pytestmark = pytest.mark.django_db(transaction=True)


def die_after_signing(message: bytes, *, profile: ScepProfile, pipe: int) -> None:
    """In a process of its own: tell the serial number that was signed, and be killed."""
    build = build_identity_certificate

    def build_and_die(*arguments: Any, **options: Any) -> bytes:
        der = build(*arguments, **options)
        certificate = x509.load_der_x509_certificate(der)
        os.write(pipe, f"{certificate.serial_number:x}".encode())
        os.kill(os.getpid(), signal.SIGKILL)
        return der

    setattr(issuance, "build_identity_certificate", build_and_die)  # noqa: B010 - imported there
    handle_pki_operation(message, scep_profile=profile, now=timezone.now())


def run_and_kill(message: bytes, *, profile: ScepProfile) -> str:
    """Return the serial number that the killed process had signed."""
    reading, writing = os.pipe()
    connections.close_all()  # a connection must not be shared with the child
    child = os.fork()
    if child == 0:
        try:
            die_after_signing(message, profile=profile, pipe=writing)
        finally:
            os._exit(1)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    with os.fdopen(reading) as pipe:
        return pipe.read()


def test_signature_ends_on_the_revocation_list_when_the_process_is_killed(
    dynamic_profile: ScepProfile, ra: x509.Certificate, ask: Any, client: Client, tmp_path: Path
) -> None:
    challenge = create_dynamic_challenge(dynamic_profile, session_id="", now=timezone.now())
    message = Device().build_request(ra=ra, challenge=challenge)
    serial = run_and_kill(message, profile=dynamic_profile)
    orphan = IssuedCertificate.objects.get()
    assert (orphan.serial, orphan.status) == (serial, CertificateStatus.INTENDED)
    assert DynamicChallenge.objects.get().consumed_at is None

    # The device tries again, with the same message, and gets its certificate.
    assert ask(dynamic_profile, message).status == "0"
    issued = IssuedCertificate.objects.get(status=CertificateStatus.ISSUED)
    assert issued.serial != serial

    IssuedCertificate.objects.filter(pk=orphan.pk).update(
        created_at=timezone.now() - timedelta(minutes=11)
    )
    sweep_certificates()
    orphan.refresh_from_db()
    assert orphan.status == CertificateStatus.REVOKED
    response = client.get(f"/pki/crl/{orphan.issuer.public_id}.crl")
    issuer = get_certificate(orphan.issuer)
    listed = describe_list(response.content, issuer=issuer, folder=tmp_path)
    assert f"Serial Number: {serial.zfill(len(serial) + len(serial) % 2).upper()}" in listed
    assert issued.serial.upper() not in listed
