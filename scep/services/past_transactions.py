"""SCEP transactions that are over: their certificate has expired, or nobody has let them have one.

Clients that derive the transactionID from their key come with the same one whenever they enroll
with that key. While its certificate is good they get it again (S8); afterwards they may begin anew,
and so they may where the enrollment or its static challenge was over before an administrator had
decided, or before they came for what was approved.
"""

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Concat

from scep.models import CertificateStatus, HeldRequest, HeldRequestState, IssuedCertificate
from scep.protocol.csr import CertificateRequest
from scep.services.challenges import check_challenge
from scep.services.exchange import Exchange, get_key_id
from scep.services.held_requests import UNDECIDED


def end_transaction(exchange: Exchange, *, csr: CertificateRequest) -> None:
    """Let the transactionID begin another transaction, of the same key and with a good challenge.

    Raises ChallengeInvalid or ChallengeReused. Nothing is changed while its certificate is good, or
    where it was revoked, nor where the request waits or was rejected. Called for a transaction that
    is over: what was approved and brought nothing has nothing to bring any more.
    """
    profile, now = exchange.scep_profile, exchange.now
    check_challenge(csr.challenge, scep_profile=profile, common_name=csr.common_name, now=now)
    of_transaction = {
        "scep_profile": profile,
        "transaction_id": exchange.message.transaction_id,
        "public_key_sha256": get_key_id(csr.public_key),
    }
    with transaction.atomic():
        expired = IssuedCertificate.objects.filter(
            **of_transaction, status=CertificateStatus.ISSUED, not_after__lte=now
        )
        over = Q(state__in=UNDECIDED)
        over |= Q(state=HeldRequestState.APPROVED, certificate=None)
        if expired.update(transaction_id=None, updated_at=now):
            over |= Q(certificate__not_after__lte=now)
        # `#` is in no transactionID on the wire.
        HeldRequest.objects.filter(over, **of_transaction).update(
            transaction_id=Concat(Value("#"), F("public_id")), updated_at=now
        )
