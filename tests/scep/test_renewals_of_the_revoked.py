"""What a certificate has brought by RenewalReq, when it is revoked itself."""

from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from scep.models import IssuedCertificate, ScepProfile
from scep.selectors import get_certificate
from scep.services.issuance import revoke_certificate
from scep.services.revocation import ensure_crl
from tests.scep.device import Device, make_key
from tests.scep.renewing import Certify

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain_of_three(
    renewable_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> list[IssuedCertificate]:
    """One that was renewed, with another key each time, and its renewal as well."""
    old, row = enroll(renewable_profile)
    rows, key = [row], make_key()
    for number in (1, 2):
        device = Device(key=make_key(number))
        reply = ask(renewable_profile, device.build_renewal(ra=ra, old=old, old_key=key))
        assert reply.status == "0"
        rows.append(IssuedCertificate.objects.get(renews=rows[-1]))
        IssuedCertificate.objects.update(not_after=row.not_after, not_before=row.not_before)
        old, key = get_certificate(rows[-1]), make_key(number)
    return rows


def list_statuses(rows: list[IssuedCertificate]) -> list[tuple[str, str]]:
    for row in rows:
        row.refresh_from_db()
    return [(row.status, row.revocation_reason) for row in rows]


@pytest.mark.parametrize("reason", ["key_compromise", "cessation_of_operation", "unspecified"])
def test_renewals_go_too_when_nobody_says_that_they_replace_it(
    chain_of_three: list[IssuedCertificate], reason: str
) -> None:
    """Whoever had the key may have got them."""
    revoke_certificate(chain_of_three[0], reason=reason, now=timezone.now())
    assert list_statuses(chain_of_three) == [("revoked", reason)] * 3
    made = ensure_crl(chain_of_three[0].issuer, now=timezone.now())
    listed = {each.serial_number for each in x509.load_der_x509_crl(bytes(made.der or b""))}
    assert listed == {int(row.serial, 16) for row in chain_of_three}


def test_renewals_stay_when_they_have_replaced_it(chain_of_three: list[IssuedCertificate]) -> None:
    revoke_certificate(chain_of_three[0], reason="superseded", now=timezone.now())
    assert list_statuses(chain_of_three) == [("revoked", "superseded"), *[("issued", "")] * 2]


def test_what_it_has_renewed_stays_when_a_renewal_is_revoked(
    chain_of_three: list[IssuedCertificate],
) -> None:
    revoke_certificate(chain_of_three[1], reason="key_compromise", now=timezone.now())
    assert list_statuses(chain_of_three) == [("issued", ""), *[("revoked", "key_compromise")] * 2]
