"""GetCACert, GetNextCACert and who decrypts, while CAs come and go."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from django.test import Client
from django.utils import timezone

from scep.models import (
    CertificateAuthority,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.selectors import get_certificate, get_issuing_ca, list_recipients
from scep.services.authorities import ensure_single_authority
from scep.services.rotation import activate_authority, prepare_authority
from scep.services.service_certificates import rotate_service_certificate
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_key
from tests.scep.reply import decrypt_certificates, read_reply, run_openssl, write_pem

pytestmark = pytest.mark.django_db


def prepare() -> CertificateAuthority:
    return prepare_authority(
        key_type="ec_p256", activates_at=None, actor="tests", now=timezone.now()
    )


def get_certificates(client: Client, profile: ScepProfile, *, name: str = "") -> set[Any]:
    response = client.get(f"/scep/{profile.public_id}?operation=GetCACert&message={name}")
    text = run_openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=response.content)
    return set(x509.load_pem_x509_certificates(text))


def get_capabilities(client: Client, profile: ScepProfile) -> set[str]:
    response = client.get(f"/scep/{profile.public_id}?operation=GetCACaps")
    return set(response.content.decode().split())


def test_next_ca_is_announced_and_signed_by_todays_ra_when_there_is_one(
    client: Client, static_profile: ScepProfile, chain: list[x509.Certificate], tmp_path: Any
) -> None:
    url = f"/scep/{static_profile.public_id}?operation=GetNextCACert"
    assert client.get(url).status_code == 400
    assert "GetNextCACert" not in get_capabilities(client, static_profile)
    before = get_certificates(client, static_profile)
    upcoming = get_certificate(prepare())
    assert "GetNextCACert" in get_capabilities(client, static_profile)
    response = client.get(url)
    assert response["Content-Type"] == "application/x-x509-next-ca-cert"
    trusted = write_pem(tmp_path, "ca.pem", *chain[1:])
    content = run_openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", trusted, "-purpose", "any",
        stdin=response.content,
    )  # fmt: skip
    text = run_openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=content)
    announced = x509.load_pem_x509_certificates(text)
    assert upcoming in announced
    assert chain[1] not in announced
    assert get_certificates(client, static_profile) == before  # nothing has changed today


def test_old_ra_is_understood_and_the_new_ca_signs_after_a_rotation(
    client: Client, static_profile: ScepProfile, ra: x509.Certificate, chain: Any
) -> None:
    """A device that asked GetCACert before the rotation and sends its request after it."""
    old_ca = get_issuing_ca()
    upcoming = prepare()
    activate_authority(upcoming, actor="tests", now=timezone.now())
    static_profile.refresh_from_db()
    device = Device()
    response = client.post(
        f"/scep/{static_profile.public_id}?operation=PKIOperation",
        device.build_request(ra=ra, challenge=STATIC_CHALLENGE),
        content_type="application/x-pki-message",
    )
    reply = read_reply(response.content, chain=chain)  # signed by the RA that it knows
    (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    leaf.verify_directly_issued_by(get_certificate(upcoming))
    assert get_certificate(upcoming) in get_certificates(client, static_profile)
    told_before = get_certificates(client, static_profile, name=old_ca.public_id)
    assert {ra, chain[1], chain[2]} <= told_before


def test_both_ras_are_understood_when_the_ra_was_rotated(
    client: Client, static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    rotate_service_certificate(ServicePurpose.SCEP_RA, actor="tests", now=timezone.now())
    new_ra = list_recipients(static_profile)[0].certificate
    assert new_ra != ra
    assert new_ra in get_certificates(client, static_profile)
    for number, recipient in enumerate((ra, new_ra)):
        device = Device(key=make_key(number))
        message = device.build_request(ra=recipient, challenge=STATIC_CHALLENGE)
        assert ask(static_profile, message).status == "0"


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": timezone.now()}, {"not_after": timezone.now() - timedelta(seconds=1)}],
    ids=["revoked", "expired"],
)
def test_ra_that_is_over_decrypts_nothing(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, change: dict[str, Any]
) -> None:
    old = ServiceCertificate.objects.filter(purpose=ServicePurpose.SCEP_RA).latest("id")
    rotate_service_certificate(ServicePurpose.SCEP_RA, actor="tests", now=timezone.now())
    ServiceCertificate.objects.filter(pk=old.pk).update(**change)
    reply = ask(static_profile, Device().build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert (reply.status, reply.fail_info) == ("2", "1")


@pytest.fixture
def single_profile(static_profile: ScepProfile) -> ScepProfile:
    static_profile.single_certificate = True
    static_profile.issuing_ca = ensure_single_authority(now=timezone.now())
    static_profile.save()
    return static_profile


def test_one_certificate_is_returned_and_its_key_does_everything_when_it_is_a_single_profile(
    client: Client, single_profile: ScepProfile, chain: Any
) -> None:
    """S7: a CA of its own, so that the issuing CA's key still decrypts nothing."""
    response = client.get(f"/scep/{single_profile.public_id}?operation=GetCACert")
    assert response["Content-Type"] == "application/x-x509-ca-cert"
    single = x509.load_der_x509_certificate(response.content)
    assert single not in chain
    assert single.public_key() not in [each.public_key() for each in chain]
    usage = single.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True,) * 3
    device = Device()
    url = f"/scep/{single_profile.public_id}?operation=PKIOperation"
    response = client.post(
        url,
        device.build_request(ra=single, challenge=STATIC_CHALLENGE),
        content_type="application/x-pki-message",
    )
    reply = read_reply(response.content, chain=[single, single, chain[2]])
    (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    leaf.verify_directly_issued_by(single)
    assert "GetNextCACert" not in get_capabilities(client, single_profile)


def test_external_servers_profile_is_not_found_here(
    client: Client, static_profile: ScepProfile
) -> None:
    ScepProfile.objects.update(server_type="external", issuing_ca=None)
    for operation in ("GetCACaps", "GetCACert", "GetNextCACert", "PKIOperation"):
        response = client.get(f"/scep/{static_profile.public_id}?operation={operation}")
        assert response.status_code == 404


def test_device_comes_later_when_the_ca_has_expired(
    client: Client, static_profile: ScepProfile, ra: x509.Certificate
) -> None:
    from unittest.mock import patch

    late = get_certificate(get_issuing_ca()).not_valid_after_utc + timedelta(days=1)
    message = Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)
    url = f"/scep/{static_profile.public_id}?operation=PKIOperation"
    with patch("scep.views.scep.timezone.now", return_value=late):
        response = client.post(url, message, content_type="application/x-pki-message")
    assert response.status_code == 503
    assert not IssuedCertificate.objects.exists()
