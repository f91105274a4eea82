"""What is deleted of certificates that ended long ago: what is not a certificate itself."""

from datetime import datetime

from scep.models import CertificateStatus, HeldRequest, IssuedCertificate

BATCH = 1000


def delete_records(*, before: datetime) -> int:
    """Delete approved requests whose certificate, and intents whose serial number, ended before it.

    While the certificate is good its request says who has approved it, and the check-in asks.
    An intent was signed for nobody: once its lists are over, nothing is left to be known of it.
    Returns how many rows; a run deletes at most BATCH of each.
    """
    requests = HeldRequest.objects.filter(certificate__not_after__lt=before)
    old = list(requests.order_by("pk").values_list("pk", flat=True)[:BATCH])
    intents = IssuedCertificate.objects.filter(
        status=CertificateStatus.REVOKED, not_after__lt=before, fingerprint=None
    )
    vain = list(intents.order_by("not_after").values_list("pk", flat=True)[:BATCH])
    count = HeldRequest.objects.filter(pk__in=old).delete()[0]
    return count + IssuedCertificate.objects.filter(pk__in=vain).delete()[0]
