"""What goes of certificates that ended long ago, and what stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from guardmdm.history import delete_old_history
from scep.models import (
    CertificateStatus,
    HeldRequest,
    HeldRequestState,
    IssuedCertificate,
    ScepProfile,
)
from scep.services.issuance import revoke_certificate
from scep.services.ocsp import answer_ocsp
from tests.scep.asking import ask_about
from tests.scep.certifying import certify
from tests.scep.relying_party import read_statuses

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def make(ended_at: Any, *, is_handed_out: bool = True) -> IssuedCertificate:
    row = certify(now=timezone.now())[1]
    changed: dict[str, Any] = {"not_after": ended_at}
    if not is_handed_out:
        changed |= {"fingerprint": None, "status": CertificateStatus.REVOKED}
    IssuedCertificate.objects.filter(pk=row.pk).update(**changed)
    row.refresh_from_db()
    return row


def test_request_goes_when_its_certificate_ended_long_ago(
    static_profile: ScepProfile, settings: Any
) -> None:
    """Not before: whose certificate was approved may still be asked."""
    now = timezone.now()
    ends = {"old": now - settings.HISTORY_KEPT - HOUR, "ended": now - HOUR, "good": now + HOUR}
    for name, end in ends.items():
        HeldRequest.objects.create(
            scep_profile=static_profile,
            transaction_id=name,
            public_key_sha256="0" * 64,
            state=HeldRequestState.APPROVED,
            certificate=make(end),
        )
    HeldRequest.objects.update(updated_at=now - timedelta(days=5000))
    assert delete_old_history(now=now) == 1
    assert {each.transaction_id for each in HeldRequest.objects.all()} == {"ended", "good"}
    assert IssuedCertificate.objects.count() == 3


def test_serial_number_that_was_never_handed_out_goes_long_after_its_end(settings: Any) -> None:
    now = timezone.now()
    old = now - settings.HISTORY_KEPT - HOUR
    kept = [make(old), make(now - HOUR, is_handed_out=False)]
    revoked = make(old)
    revoke_certificate(revoked, reason="superseded", now=now)
    make(old, is_handed_out=False)
    assert delete_old_history(now=now) == 1
    assert set(IssuedCertificate.objects.all()) == {*kept, revoked}
    answer = answer_ocsp(ask_about(revoked), authority=revoked.issuer, now=now)
    assert read_statuses(answer.der) == ["revoked"]
