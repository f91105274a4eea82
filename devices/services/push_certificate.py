"""The APNs push certificate's life: request, import, renew; its topic never changes by accident."""

import uuid
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction
from django.utils import timezone

from devices.errors import PushCertificateInvalid
from devices.models import Enrollment, EnrollmentState, PushCertificate
from devices.protocol.push_certificate import (
    TOPIC_PREFIX,
    PushIdentity,
    build_csr,
    build_demo_certificate,
    decode_key,
    decode_push_certificate,
    generate_key,
    is_key_of,
)
from devices.selectors import find_push_certificate
from organization.selectors import get_organization
from organization.services.audit import record

DEMO_TOPIC = TOPIC_PREFIX + "External."
DEMO_ACCOUNT = "demo"


@transaction.atomic
def create_csr(*, actor: str) -> bytes:
    """Return a certificate request (PEM); until its answer is imported, the same key again."""
    waiting = PushCertificate.objects.filter(certificate=None).order_by("-id").first()
    if waiting is None:
        waiting = PushCertificate.objects.create(private_key=generate_key())
        record(actor, action="push_certificate.csr")
    name = f"{get_organization().name} MDM push"
    return build_csr(bytes(waiting.private_key or b""), common_name=name)


@transaction.atomic
def import_push_certificate(
    data: bytes,
    *,
    key: bytes | None = None,
    password: str = "",
    apple_account: str = "",
    allow_new_topic: bool = False,
    now: datetime,
    actor: str,
) -> PushCertificate:
    """Make a certificate the active one: PEM or DER for a key that is stored here, or with its key.

    `key`: a PEM or DER file beside the certificate; `password` opens that or the PKCS#12.
    Raises PushCertificateInvalid. A new topic loses every enrolled device, which is refused
    unless `allow_new_topic`.
    """
    identity = decode_push_certificate(data, password=password)
    _check_validity(identity, now=now)
    if not allow_new_topic:
        _check_topic(identity)
    row = _find_or_make_row(identity, key=key, password=password)
    row.topic = identity.topic
    row.certificate = identity.certificate.public_bytes(Encoding.DER)
    row.not_after = identity.certificate.not_valid_after_utc
    row.apple_account = apple_account or row.apple_account
    _activate(row)
    record(actor, action="push_certificate.import", subject=row.topic)
    return row


def _activate(row: PushCertificate) -> None:
    PushCertificate.objects.exclude(pk=row.pk).update(is_active=False)
    row.is_active = True
    row.save()


def _check_validity(identity: PushIdentity, *, now: datetime) -> None:
    if identity.certificate.not_valid_after_utc <= now:
        raise PushCertificateInvalid("the certificate has expired")
    if identity.certificate.not_valid_before_utc > now:
        raise PushCertificateInvalid("the certificate is not valid yet")


def _check_topic(identity: PushIdentity) -> None:
    enrolled = Enrollment.objects.filter(state=EnrollmentState.LIVE)
    lost = enrolled.exclude(topic=identity.topic).count()
    if lost:
        raise PushCertificateInvalid(
            f"another topic would lose {lost} enrolled devices: renew the certificate with the"
            " same Apple Account instead of creating a new one"
        )


def _find_or_make_row(
    identity: PushIdentity, *, key: bytes | None, password: str
) -> PushCertificate:
    given = identity.private_key or (decode_key(key, password=password) if key else None)
    if given is not None:
        if not is_key_of(given, certificate=identity.certificate):
            raise PushCertificateInvalid("the key does not belong to the certificate")
        return PushCertificate(private_key=given)
    for row in PushCertificate.objects.order_by("-id"):
        if is_key_of(bytes(row.private_key or b""), certificate=identity.certificate):
            return row
    raise PushCertificateInvalid("no key stored here belongs to it: was it made from our CSR?")


@transaction.atomic
def ensure_demo_certificate(*, now: datetime | None = None) -> PushCertificate:
    """Return the active push certificate, a self-made one that only a fake APNs takes if none."""
    row = find_push_certificate()
    if row is None:
        key = generate_key()
        topic = DEMO_TOPIC + str(uuid.uuid4())
        der = build_demo_certificate(key, topic=topic, now=now or timezone.now())
        identity = decode_push_certificate(der)
        row = PushCertificate(
            private_key=key,
            topic=topic,
            certificate=der,
            not_after=identity.certificate.not_valid_after_utc,
            apple_account=DEMO_ACCOUNT,
        )
        _activate(row)
    return row
