"""Reads of the APNs push certificate, and of who listens to its topic."""

from devices.errors import PushCertificateMissing
from devices.models import Enrollment, EnrollmentState, PushCertificate
from organization.models import PreparedSelect

PUSH_CERTIFICATE = PreparedSelect(
    lambda: PushCertificate.objects.filter(is_active=True, certificate__isnull=False).order_by("pk")
)


def find_push_certificate() -> PushCertificate | None:
    """Return the active APNs certificate, expired or not."""
    return PUSH_CERTIFICATE.first()


def get_push_certificate() -> PushCertificate:
    """Like find_push_certificate, but raises PushCertificateMissing."""
    certificate = find_push_certificate()
    if certificate is None:
        raise PushCertificateMissing("no APNs push certificate has been imported")
    return certificate


def is_refused(certificate: PushCertificate) -> bool:
    """Whether APNs' last word on the certificate, since it was imported, was a refusal."""
    refused_at = certificate.refused_at
    return refused_at is not None and refused_at > certificate.updated_at


def find_refusal(certificate: PushCertificate) -> str:
    """Return APNs' reason for refusing the certificate, or ""."""
    return certificate.refusal if is_refused(certificate) else ""


def count_devices_on_topic(topic: str) -> int:
    """Return how many enrolled devices listen to this push topic."""
    return Enrollment.objects.filter(state=EnrollmentState.LIVE, topic=topic).count()


def count_devices_beyond_topic(topic: str) -> int:
    """Return how many enrolled devices listen to another push topic, and so are out of reach."""
    return Enrollment.objects.filter(state=EnrollmentState.LIVE).exclude(topic=topic).count()
