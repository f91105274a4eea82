"""Certificates that end soon or are refused, as `doctor` and the dashboard tell of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.selectors import find_push_certificate
from devices.services.push.stops import refuse_certificate
from guardmdm.console.dashboard import find_ca_notices, find_push_notices
from guardmdm.health import check_authorities, check_push_certificate
from scep.models import CertificateAuthority, ServiceCertificate, ServicePurpose
from scep.selectors import get_issuing_ca

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def let_end(row: CertificateAuthority | ServiceCertificate, *, days: int) -> None:
    end = timezone.now() + days * DAY + timedelta(hours=1)
    type(row)._default_manager.filter(pk=row.pk).update(not_after=end)


def test_nothing_is_said_while_all_is_well() -> None:
    assert find_ca_notices(timezone.now()) == []
    finding = check_authorities()
    assert (finding.fix, finding.is_failure) == ("", False)


def test_administrator_is_told_what_to_do_when_the_issuing_ca_ends_soon() -> None:
    let_end(get_issuing_ca(), days=80)
    (notice,) = find_ca_notices(timezone.now())
    assert "Issuing CA: the certificate expires in 80 days" in notice.title
    assert "next CA" in notice.text
    finding = check_authorities()
    assert "Issuing CA ends on" in finding.text
    assert "next CA" in finding.fix
    assert not finding.is_failure


def test_administrator_is_told_of_the_scheduler_when_what_renews_itself_did_not() -> None:
    let_end(ServiceCertificate.objects.get(purpose=ServicePurpose.SCEP_RA), days=5)
    (notice,) = find_ca_notices(timezone.now())
    assert "scheduler" in notice.text
    assert "scheduler" in check_authorities().fix


def test_it_is_a_failure_when_a_certificate_has_ended() -> None:
    let_end(get_issuing_ca(), days=-2)
    (notice,) = find_ca_notices(timezone.now())
    assert (notice.level, "has expired" in notice.title) == ("error", True)
    finding = check_authorities()
    assert "Issuing CA expired on" in finding.text
    assert finding.is_failure


def test_doctor_names_the_first_step_when_there_is_no_ca() -> None:
    CertificateAuthority.objects.update(state="retired")
    assert "bootstrap" in check_authorities().fix
    assert "bootstrap" in find_ca_notices(timezone.now())[0].text


def test_administrator_is_told_when_apple_refuses_the_push_certificate_until_it_is_saved() -> None:
    row = find_push_certificate()
    assert row is not None
    assert find_push_notices(timezone.now()) == []
    refuse_certificate(row, reason="BadCertificate", now=timezone.now())
    (notice,) = find_push_notices(timezone.now())
    assert (notice.level, "BadCertificate" in notice.title) == ("error", True)
    finding = check_push_certificate()
    assert (finding.is_failure, "BadCertificate" in finding.text) == (True, True)
    row.save()  # as an import does
    assert find_push_notices(timezone.now()) == []
    assert not check_push_certificate().is_failure
