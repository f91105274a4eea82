"""Names in issued certificates come from what the server knows, over HTTP (S5)."""

from typing import Any

import pytest
from cryptography import x509
from django.test import override_settings
from django.utils import timezone

from scep.models import IssuedCertificate, ScepProfile
from scep.protocol.description import describe_certificate
from scep.protocol.subject_template import SubjectAttributes
from scep.selectors import get_certificate
from scep.services.challenges import create_dynamic_challenge
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_csr

pytestmark = pytest.mark.django_db
SESSION = "ses_" + "n" * 20
PORT = "tests.scep.test_names.describe"


def describe(session_id: str, *, token_id: str, organization: str) -> SubjectAttributes:
    """Stand in for the port's owner, an app above this one."""
    return SubjectAttributes(
        serial="C02", udid="U1", group="Sales", owner="ann@example.com", session=session_id
    )


def set_up(profile: ScepProfile, **values: Any) -> ScepProfile:
    ScepProfile.objects.filter(pk=profile.pk).update(**values)
    profile.refresh_from_db()
    return profile


@override_settings(SCEP_SUBJECT_ATTRIBUTES=PORT)
def test_template_is_filled_by_the_server_when_the_request_names_somebody_else(
    dynamic_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    profile = set_up(
        dynamic_profile,
        subject=["OU={group}", "CN={serial}"],
        subject_alternative_names=["dns={serial}.example.com", "email={owner}"],
        key_usage=1,
        validity_days=30,
    )
    challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
    device = Device(name="the president")
    assert ask(profile, device.build_request(ra=ra, challenge=challenge)).status == "0"
    row = IssuedCertificate.objects.get()
    leaf = get_certificate(row)
    assert leaf.subject.rfc4514_string() == "CN=C02,OU=Sales"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {name.value for name in names} == {"c02.example.com", "ann@example.com"}
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, False)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 30
    assert not row.lacks_attributes


@override_settings(SCEP_SUBJECT_ATTRIBUTES=PORT)
def test_device_is_not_named_when_the_session_is_only_claimed(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """A static challenge is many people's; a session's id alone makes nobody its device."""
    profile = set_up(
        static_profile,
        subject=["OU={group}", "CN={serial}"],
        subject_alternative_names=["email={owner}"],
    )
    device = Device(name=SESSION)
    assert ask(profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE)).status == "0"
    row = IssuedCertificate.objects.get()
    leaf = get_certificate(row)
    assert leaf.subject.rfc4514_string() == f"CN={SESSION},OU=Sales"
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert row.lacks_attributes


@pytest.mark.parametrize(
    "make",
    [
        lambda key: make_csr(key, challenge=STATIC_CHALLENGE, names=["a", "b"]),
        lambda key: make_csr(
            key,
            challenge=STATIC_CHALLENGE,
            extensions=[(x509.SubjectAlternativeName([x509.DNSName("www.bank.com")]), False)],
        ),
        lambda key: make_csr(
            key,
            challenge=STATIC_CHALLENGE,
            extensions=[(x509.BasicConstraints(ca=True, path_length=0), True)],
        ),
        lambda key: make_csr(key, challenge=STATIC_CHALLENGE, names=["a\0b"]),
    ],
    ids=["two CNs", "foreign SAN", "CA:TRUE", "NUL"],
)
def test_greedy_request_is_refused(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, make: Any
) -> None:
    """S5 (VU#971035)."""
    device = Device()
    reply = ask(static_profile, device.build_request(ra=ra, csr=make(device.key)))
    assert (reply.status, reply.fail_info) == ("2", "2")
    assert not IssuedCertificate.objects.exists()


def test_usages_asked_for_are_left_out(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """S5."""
    usages = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
    device = Device()
    csr = make_csr(device.key, challenge=STATIC_CHALLENGE, extensions=[(usages, True)])
    assert ask(static_profile, device.build_request(ra=ra, csr=csr)).status == "0"
    leaf = get_certificate(IssuedCertificate.objects.get())
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_subject_is_written_as_its_template_when_it_has_an_address_and_a_serial_number(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    subject = ["E=it@example.com", "serialNumber=C02", "CN=Acme, Inc."]
    profile = set_up(static_profile, subject=subject)
    assert ask(profile, Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)).status == "0"
    row = IssuedCertificate.objects.get()
    assert row.subject == r"CN=Acme\, Inc.,serialNumber=C02,E=it@example.com"
    assert describe_certificate(bytes(row.certificate or b"")).subject == row.subject
