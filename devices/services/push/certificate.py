"""The APNs push certificate's life: request, import, renew; its topic never changes by accident."""

import uuid
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction
from django.utils import timezone

from devices.errors import PushCertificateInvalid, TopicChanged
from devices.models import PushCertificate
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
from devices.protocol.push_request import build_push_request, decode_vendor_identity
from devices.selectors import (
    count_devices_beyond_topic,
    find_push_certificate,
    get_push_certificate,
)
from organization.models import lock_until_commit
from organization.selectors import get_organization
from organization.services.audit import record

DEMO_TOPIC = TOPIC_PREFIX + "External."
DEMO_ACCOUNT = "demo"


@transaction.atomic
def create_csr(*, actor: str) -> bytes:
    """Return a certificate request (PEM); until its answer is imported, the same key again."""
    _wait_for_turn()
    waiting = PushCertificate.objects.filter(certificate=None).order_by("-id").first()
    if waiting is None:
        waiting = PushCertificate.objects.create(private_key=generate_key())
        record(actor, action="push_certificate.csr")
    name = f"{get_organization().name} MDM push"
    return build_csr(bytes(waiting.private_key or b""), common_name=name)


def create_push_request(
    vendor: bytes, *, key: bytes | None = None, password: str = "", now: datetime, actor: str
) -> bytes:
    """Return our CSR signed by an MDM vendor: the file that Apple's push portal takes.

    `vendor`: the vendor certificate with its chain, PEM or PKCS#12; `key`: its key where that is
    a file of its own. Neither is stored. Raises VendorCertificateInvalid.
    """
    identity = decode_vendor_identity(vendor, key=key, password=password, now=now)
    request = build_push_request(create_csr(actor=actor), vendor=identity)
    name = identity.certificate.subject.rfc4514_string()
    record(actor, action="push_certificate.request", detail={"vendor": name})
    return request


@transaction.atomic
def import_push_certificate(
    data: bytes,
    *,
    key: bytes | None = None,
    password: str = "",
    apple_account: str = "",
    note: str = "",
    accepted_loss: int | None = 0,
    now: datetime,
    actor: str,
) -> PushCertificate:
    """Make a certificate the active one: PEM or DER for a key that is stored here, or with its key.

    `key`: a PEM or DER file beside the certificate; `password` opens that or the PKCS#12.
    Another topic than the enrolled devices' loses them: TopicChanged where they are more than
    `accepted_loss`, None for any number. Raises PushCertificateInvalid.
    """
    identity = decode_push_certificate(data, password=password)
    _check_validity(identity, now=now)
    _wait_for_turn()
    _check_topic(identity, accepted_loss=accepted_loss)
    row = _find_or_make_row(identity, key=key, password=password)
    row.topic = identity.topic
    row.certificate = identity.certificate.public_bytes(Encoding.DER)
    row.not_after = identity.certificate.not_valid_after_utc
    _annotate(row, apple_account=apple_account, note=note)
    row.warned_days = None
    _activate(row)
    record(actor, action="push_certificate.import", subject=row.topic)
    return row


@transaction.atomic
def annotate_push_certificate(
    *, apple_account: str | None = None, note: str | None = None, actor: str
) -> PushCertificate:
    """Note whose Apple Account renews the certificate; None leaves what was noted.

    Raises PushCertificateMissing.
    """
    row = get_push_certificate()
    row.apple_account = row.apple_account if apple_account is None else apple_account
    row.note = row.note if note is None else note
    # Not updated_at: that would forgive a refusal, and nothing has changed for Apple.
    row.save(update_fields=["apple_account", "note"])
    record(actor, action="push_certificate.update", subject=row.topic)
    return row


def _annotate(row: PushCertificate, *, apple_account: str, note: str) -> None:
    """A renewal keeps what was noted of the topic's certificate before it, also of a past topic."""
    earlier = PushCertificate.objects.filter(topic=row.topic).exclude(pk=row.pk)
    known = earlier.order_by("-is_active", "-id").first() or row
    row.apple_account = apple_account or row.apple_account or known.apple_account
    row.note = note or row.note or known.note


def _wait_for_turn() -> None:
    """One after another: else two that come at once are both the active one, of two topics."""
    lock_until_commit("the active push certificate")


def _activate(row: PushCertificate) -> None:
    PushCertificate.objects.exclude(pk=row.pk).update(is_active=False)
    row.is_active = True
    row.save()


def _check_validity(identity: PushIdentity, *, now: datetime) -> None:
    if identity.certificate.not_valid_after_utc <= now:
        raise PushCertificateInvalid("the certificate has expired")
    if identity.certificate.not_valid_before_utc > now:
        raise PushCertificateInvalid("the certificate is not valid yet")


def _check_topic(identity: PushIdentity, *, accepted_loss: int | None) -> None:
    lost = count_devices_beyond_topic(identity.topic)
    if accepted_loss is not None and lost > accepted_loss:
        raise TopicChanged(lost)


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
def ensure_demo_certificate() -> PushCertificate:
    """Return the active push certificate, a self-made one that only a fake APNs takes if none."""
    _wait_for_turn()
    row = find_push_certificate()
    if row is None:
        key = generate_key()
        topic = DEMO_TOPIC + str(uuid.uuid4())
        der = build_demo_certificate(key, topic=topic, now=timezone.now())
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
