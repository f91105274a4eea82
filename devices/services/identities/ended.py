"""The end of identities whose enrollment is over: revoked, so that nobody anywhere takes them.

In a transaction of its own, after the one that ends the enrollment: who revokes holds the CA's
list until the end, and must not hold a device beside it that another revocation waits for.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from devices.models import Enrollment, EnrollmentState
from organization.services.rounds import take_portion
from scep.models import CertificateStatus, IssuedCertificate
from scep.protocol.revocation_reasons import CEASED, SUPERSEDED
from scep.services.issuance import revoke_certificate

REASONS = {
    EnrollmentState.SUPERSEDED.value: SUPERSEDED,
    EnrollmentState.CHECKED_OUT.value: CEASED,
    EnrollmentState.REMOVED.value: CEASED,
}
# How long the sweep looks after what a lost task has left.
LOOK_BACK = timedelta(days=30)
JUST_NOW = timedelta(minutes=10)
AT_ONCE, PORTION = 200, 2000
PINS = ("certificate_sha256", "previous_certificate_sha256")


def revoke_ended_identity(enrollment: Enrollment, *, now: datetime) -> int:
    """Revoke what the enrollment's device spoke with, if it is over; return how many that were.

    The certificates' renewals go with them: see identities.replaced.
    """
    reason = REASONS.get(enrollment.state)
    if reason is None:
        return 0
    identities = list(_list_issued().filter(_build_pins(enrollment)))
    for identity in identities:
        revoke_certificate(identity, reason=reason, now=now)
    return len(identities)


def revoke_ended(*, now: datetime) -> int:
    """Do so for the enrollments that have ended lately, AT_ONCE at most; return how many.

    In rounds through all of LOOK_BACK; those that have ended just now are looked at each time.
    """
    ended = Enrollment.objects.filter(state__in=REASONS, ended_at__gt=now - LOOK_BACK).order_by()
    portion = take_portion("ended identities", Enrollment.objects.all(), size=PORTION)
    pinned = set(ended.filter(portion).values_list("pk", *PINS))
    newest = ended.filter(ended_at__gt=now - JUST_NOW).order_by("-ended_at")
    pinned.update(newest.values_list("pk", *PINS)[:PORTION])
    fingerprints = {each for _, *both in pinned for each in both} - {""}
    issued = _list_issued().filter(fingerprint__in=fingerprints).order_by()
    alive = set(issued.values_list("fingerprint", flat=True))
    due = ended.filter(pk__in=[pk for pk, *both in pinned if alive.intersection(both)])
    first = due.order_by("ended_at")[:AT_ONCE]
    return sum(revoke_ended_identity(enrollment, now=now) for enrollment in first)


def find_ended_identity(fingerprint: str) -> IssuedCertificate | None:
    """Return the certificate that was revoked because its enrollment is over, and for no worse.

    What its enrollment's end says to its device is more than that it was revoked.
    """
    ended = Enrollment.objects.filter(
        Q(certificate_sha256=fingerprint) | Q(previous_certificate_sha256=fingerprint),
        state__in=REASONS,
    )
    revoked = IssuedCertificate.objects.filter(
        fingerprint=fingerprint,
        status=CertificateStatus.REVOKED,
        revocation_reason__in=(SUPERSEDED, CEASED),
    )
    identity = revoked.select_related("issuer").defer("issuer__private_key").first()
    return identity if identity is not None and ended.exists() else None


def _list_issued() -> QuerySet[IssuedCertificate]:
    return IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED)


def _build_pins(enrollment: Enrollment) -> Q:
    pins = {enrollment.certificate_sha256, enrollment.previous_certificate_sha256} - {""}
    return Q(fingerprint__in=pins)
