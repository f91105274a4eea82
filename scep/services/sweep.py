"""What a killed process leaves behind: intents without a certificate, challenges out of time."""

from datetime import datetime, timedelta

from scep.models import CertificateStatus, DynamicChallenge, HeldRequest, IssuedCertificate
from scep.protocol.revocation_reasons import CEASED
from scep.services.issuance import revoke_certificate

ORPHAN_AGE = timedelta(minutes=10)
CHALLENGE_KEPT = timedelta(days=30)
"""Spent and expired challenges are kept this long, to tell "used" from "unknown" in the log."""
REQUEST_KEPT = timedelta(days=30)


def revoke_orphans(*, now: datetime) -> int:
    """Revoke intents older than ten minutes: something may have been signed. Return how many."""
    orphans = IssuedCertificate.objects.filter(
        status=CertificateStatus.INTENDED, created_at__lt=now - ORPHAN_AGE
    )
    count = 0
    for row in orphans.iterator():
        revoke_certificate(row, reason=CEASED, now=now)
        count += 1
    return count


def delete_old_challenges(*, now: datetime) -> int:
    """Delete challenges that expired a month ago. Return how many."""
    old = DynamicChallenge.objects.filter(expires_at__lt=now - CHALLENGE_KEPT)
    return old.delete()[0]


def delete_old_requests(*, now: datetime) -> int:
    """Delete requests that nobody decided, or asked for again, in a month. Return how many.

    Those that brought a certificate are kept with it (scep.services.retention).
    """
    old = HeldRequest.objects.filter(updated_at__lt=now - REQUEST_KEPT, certificate=None)
    return old.delete()[0]
