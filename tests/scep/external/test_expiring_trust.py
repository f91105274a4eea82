"""A trusted CA of somebody else that ends takes all its devices with it: told in time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from enrollment.models import LogEntry
from guardmdm.console.dashboard import find_ca_notices
from guardmdm.health.set_up import check_authorities
from scep.models import ScepProfile
from scep.services.expiry import warn_expiring
from scep.services.profiles import create_scep_profile, update_scep_profile
from tests.scep.corporate_ca import CorporateCa

pytestmark = pytest.mark.django_db


def test_end_of_a_trusted_ca_is_told_until_its_new_certificate_is_trusted_too(
    external: ScepProfile, values: dict[str, Any]
) -> None:
    now = timezone.now()
    update_scep_profile(
        external, actor="tests", trusted_ca_pem=CorporateCa("Far away").pem.decode()
    )
    assert warn_expiring(now=now) == 0
    first = CorporateCa("NDES CA", days=40)
    update_scep_profile(external, actor="tests", trusted_ca_pem=first.pem.decode())
    assert warn_expiring(now=now) == 1
    entry = LogEntry.objects.get(code="ca_expiring")
    assert "NDES CA" in entry.message
    [notice] = find_ca_notices(now=now)
    assert "NDES CA" in notice.title
    assert "Add its new certificate to the SCEP profile" in notice.text
    finding = check_authorities()
    assert "NDES CA" in finding.text
    assert finding.fix == "Add the CA's new certificate to the SCEP profile."
    renewed = CorporateCa("NDES CA", days=900, key=first.key)
    both = (first.pem + renewed.pem).decode()
    update_scep_profile(external, actor="tests", trusted_ca_pem=both)
    assert external.trusted_cas.count() == 2
    assert find_ca_notices(now=now + timedelta(days=50)) == []


def test_ca_that_nobody_trusts_any_more_ends_in_silence(external: ScepProfile) -> None:
    old = CorporateCa("NDES CA", days=40)
    update_scep_profile(external, actor="tests", trusted_ca_pem=old.pem.decode())
    new = CorporateCa("Another CA")
    update_scep_profile(external, actor="tests", trusted_ca_pem=new.pem.decode())
    assert warn_expiring(now=timezone.now()) == 0


def test_end_is_told_where_only_another_profile_trusts_a_ca_of_the_name(
    external: ScepProfile, values: dict[str, Any]
) -> None:
    ending, lasting = CorporateCa("SCEP CA", days=40), CorporateCa("SCEP CA", days=900)
    update_scep_profile(external, actor="tests", trusted_ca_pem=ending.pem.decode())
    create_scep_profile(
        actor="tests", **values | {"name": "Other", "trusted_ca_pem": lasting.pem.decode()}
    )
    [notice] = find_ca_notices(now=timezone.now())
    assert "SCEP CA" in notice.title
