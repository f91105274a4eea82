"""An organization's CA that is trusted as an external one is to issue here."""

from typing import Any

import pytest
from django.utils import timezone

from scep.errors import AuthorityInvalid
from scep.models import CertificateAuthority, ScepProfile
from scep.services.authority_import import import_authority
from scep.services.external_identities import identify
from scep.services.profiles import create_scep_profile, update_scep_profile
from scep.services.rotation import activate_authority
from tests.scep.corporate_ca import CorporateCa, make_corporation
from tests.scep.device import make_key
from tests.scep.external.scep_server import Holder, make_identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def corporation() -> CorporateCa:
    return make_corporation(key=make_key(5))


@pytest.fixture
def trusting(bootstrapped: None, corporation: CorporateCa) -> ScepProfile:
    values: Any = {
        "server_type": "external",
        "challenge_type": "static",
        "static_challenge": "an external static challenge",
        "external_url": "https://scep.example.com/scep",
        "ca_fingerprint": "a" * 64,
        "trusted_ca_pem": corporation.pem.decode(),
    }
    return create_scep_profile(name="NDES", actor="tests", **values)


def bring(ca: CorporateCa) -> CertificateAuthority:
    return import_authority(ca.bundle, actor="tests", now=timezone.now())


def test_trusted_ca_is_imported_when_no_profile_trusts_it_any_more(
    trusting: ScepProfile, corporation: CorporateCa
) -> None:
    with pytest.raises(AuthorityInvalid, match=r"Take it from the trusted CAs of “NDES” first"):
        bring(corporation)
    other = CorporateCa("Another CA").pem.decode()
    update_scep_profile(trusting, actor="tests", trusted_ca_pem=other)
    assert bring(corporation).get_state_display() == "Next"


def test_trusted_ca_is_imported_certified_again_when_devices_have_certificates_of_it(
    trusting: ScepProfile, corporation: CorporateCa
) -> None:
    device = make_identity(Holder(make_key(5), corporation.certificate))
    row = identify(device.certificate, now=timezone.now())
    with pytest.raises(AuthorityInvalid, match=r"certified again with the same key"):
        bring(corporation)
    again = CorporateCa(corporation.name, parent=corporation.parent, key=corporation.key, days=800)
    own = activate_authority(bring(again), actor="tests", now=timezone.now())
    assert identify(device.certificate, now=timezone.now()) == row
    assert (row.issuer.get_role_display(), row.issuer == own) == ("External CA", False)
    newer = make_identity(Holder(make_key(5), corporation.certificate))
    assert identify(newer.certificate, now=timezone.now()).issuer == row.issuer
