"""A renewal port of the tests' own, and the device's side of a renewal."""

import plistlib
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from django.utils import timezone

from devices.errors import RenewalNotPossible
from devices.models import Enrollment
from scep.models import IssuedCertificate
from scep.selectors import get_certificate
from scep.services.issuance import issue_identity
from tests.devices.mdm_device import Identity, MdmDevice
from tests.scep.certifying import certify

SESSION = "ses_renewals"


def build(enrollment: Enrollment, *, now: datetime) -> bytes:
    """Something that a device of these tests takes a new identity from."""
    pinned = IssuedCertificate.objects.get(fingerprint=enrollment.certificate_sha256)
    package, password, row = issue_identity(
        session_id=SESSION, token_id="", common_name="device", now=now, renews=pinned
    )
    return plistlib.dumps({"package": package, "password": password, "row": row.pk})


def build_nothing(enrollment: Enrollment, *, now: datetime) -> bytes:
    raise RenewalNotPossible("the SCEP server is away")


def install(payload: bytes) -> Identity:
    """Return the identity inside a payload of `build`."""
    content: dict[str, Any] = plistlib.loads(payload)
    password = content["password"].encode()
    key, certificate, _ = pkcs12.load_key_and_certificates(content["package"], password)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert certificate is not None
    return Identity(key, certificate, IssuedCertificate.objects.get(pk=content["row"]))


def renew(device: MdmDevice, *, of: Identity | None = None) -> Identity:
    """Return another identity, which renews the device's; the device does not use it yet."""
    row = (of or device.identity).row
    key, new = certify(session_id=SESSION, now=timezone.now(), renews=row)
    return Identity(key, get_certificate(new), new)


def make_due(device: MdmDevice, *, days: int = 10) -> None:
    """Its certificate, of a year's life, expires in so many days."""
    until = timezone.now() + timedelta(days=days)
    rows = IssuedCertificate.objects.filter(fingerprint=device.enrollment.certificate_sha256)
    rows.update(not_before=until - timedelta(days=365), not_after=until)
    Enrollment.objects.filter(pk=device.enrollment.pk).update(
        certificate_not_after=until, renewal_not_before=None
    )
