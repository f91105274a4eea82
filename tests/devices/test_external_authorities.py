"""External CAs that are certified again, replaced or left out while devices have identities."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.utils import timezone

from scep.errors import IdentityNotTrusted, IdentityRevoked
from scep.models import CertificateAuthority, IssuedCertificate, ScepProfile
from scep.services.external_identities import identify
from scep.services.issuance import revoke_certificate
from scep.services.profiles import update_scep_profile
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import Identity, MdmDevice
from tests.devices.test_external_renewal import get_pin
from tests.scep.external.scep_server import (
    Holder,
    build_name,
    make_authority,
    make_identity,
    start,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="session")
def renewed(authority: Holder) -> Holder:
    """The external CA, certified again for 300 days with the key that it has."""
    subject, key = authority.certificate.subject, authority.key.public_key()
    builder = start(subject, key, issuer=None, days=(-1, 300))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    return Holder(authority.key, builder.sign(authority.key, hashes.SHA256()))


@pytest.fixture
def device(external: ScepProfile, authority: Holder, make_device: MakeDevice) -> MdmDevice:
    """Enrolled by a certificate of 200 days; its CA's own ends in 30."""
    holder = make_identity(authority, subject=build_name("phone"), days=(-1, 200))
    device = make_device()
    device.identity = Identity(holder.key, holder.certificate)
    device.enroll()
    device.answer_everything()
    return device


def trust(profile: ScepProfile, *holders: Holder) -> None:
    update_scep_profile(profile, actor="tests", trusted_ca_pem="".join(h.pem for h in holders))


def test_devices_are_let_in_when_only_their_cas_new_certificate_is_trusted(
    external: ScepProfile, device: MdmDevice, renewed: Holder
) -> None:
    trust(external, renewed)
    assert device.connect().status_code == 200
    assert device.connect().status_code == 200
    row = get_pin(device)
    assert row.issuer.fingerprint == renewed.fingerprint
    assert device.token_update().status_code == 200


def test_an_identity_outlives_its_cas_old_certificate_when_the_new_one_is_trusted_too(
    external: ScepProfile, device: MdmDevice, authority: Holder, renewed: Holder
) -> None:
    later = timezone.now() + timedelta(days=60)
    with pytest.raises(IdentityNotTrusted, match="its CA's certificate has expired"):
        identify(device.identity.certificate, now=later)
    trust(external, authority, renewed)
    assert (
        identify(device.identity.certificate, now=later).issuer.fingerprint == renewed.fingerprint
    )


def test_a_revoked_identity_stays_revoked_when_its_ca_is_certified_again(
    external: ScepProfile, device: MdmDevice, renewed: Holder
) -> None:
    revoke_certificate(get_pin(device), reason="superseded", now=timezone.now())
    trust(external, renewed)
    assert device.connect().status_code == 403
    with pytest.raises(IdentityRevoked):
        identify(device.identity.certificate, now=timezone.now())


def test_devices_are_refused_when_a_ca_of_the_same_name_has_another_key(
    external: ScepProfile, device: MdmDevice, authority: Holder
) -> None:
    trust(external, make_authority("External CA"))
    assert device.connect().status_code == 403
    assert get_pin(device).issuer.fingerprint == authority.fingerprint
    trust(external, authority)
    assert device.connect().status_code == 200


def test_the_old_certificate_is_forgotten_when_no_identity_stands_on_it(
    external: ScepProfile, device: MdmDevice, authority: Holder, renewed: Holder
) -> None:
    trust(external, renewed)
    device.connect()
    trust(external, renewed)
    known = CertificateAuthority.objects.filter(role="external")
    assert [row.fingerprint for row in known] == [renewed.fingerprint]


def test_another_certificate_of_a_compromised_key_is_refused(
    external: ScepProfile, authority: Holder
) -> None:
    lost = make_identity(authority)
    row = identify(lost.certificate, now=timezone.now())
    again = make_identity(authority, public_key=lost.key.public_key())
    revoke_certificate(row, reason="key_compromise", now=timezone.now())
    with pytest.raises(IdentityRevoked, match="compromised"):
        identify(again.certificate, now=timezone.now())
    assert IssuedCertificate.objects.count() == 1
