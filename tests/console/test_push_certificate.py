"""System › Push certificate as an administrator uses it."""

import plistlib
from base64 import b64decode
from typing import Any

import pytest
from cryptography import x509
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from devices.models import Enrollment, PushCertificate
from devices.selectors import get_push_certificate
from devices.services.push.stops import refuse_certificate
from tests.console.conftest import World
from tests.devices.test_push_certificate import TOPIC, answer_csr
from tests.devices.test_push_request import Vendor
from tests.simulator.apns import ApnsAuthority, make_authority

pytestmark = pytest.mark.django_db
PAGE = "/console/system/push-certificate/"


@pytest.fixture(scope="module")
def apple() -> ApnsAuthority:
    return make_authority()


def upload(client: Client, data: bytes, *, key: bytes = b"", **values: Any) -> Any:
    files = {"certificate": SimpleUploadedFile("certificate.pem", data)}
    if key:
        files["key"] = SimpleUploadedFile("key.pem", key)
    return client.post(f"{PAGE}import", {**values, **files})


def test_a_first_certificate_is_requested_and_imported(
    world: World, administrator: Client, apple: ApnsAuthority
) -> None:
    PushCertificate.objects.all().delete()
    Enrollment.objects.update(topic=TOPIC)
    assert "Missing" in administrator.get(PAGE).content.decode()
    csr = administrator.post(f"{PAGE}csr")
    assert csr["Content-Disposition"] == 'attachment; filename="push.csr"'
    answer = upload(
        administrator, answer_csr(apple, csr.content, topic=TOPIC), apple_account="it@example.com"
    )
    assert answer.status_code == 302
    page = administrator.get(PAGE).content.decode()
    assert "Valid" in page
    assert TOPIC in page
    assert "it@example.com" in page


def test_a_vendor_signs_the_request_in_the_console(world: World, administrator: Client) -> None:
    vendor = Vendor()
    files = {"certificate": SimpleUploadedFile("v.pem", vendor.pem + vendor.key_pem)}
    answer = administrator.post(f"{PAGE}request", files)
    assert answer["Content-Disposition"].endswith('"PushCertificateRequest.plist"')
    chain = plistlib.loads(b64decode(answer.content))["PushCertCertificateChain"]
    assert x509.load_pem_x509_certificates(chain.encode())[0] == vendor.certificate
    files = {"certificate": SimpleUploadedFile("v.pem", vendor.pem)}
    refused = administrator.post(f"{PAGE}request", files).content.decode()
    assert "no private key" in refused


def test_another_topic_wants_typed_words_that_say_how_many_are_lost(
    world: World, administrator: Client, apple: ApnsAuthority
) -> None:
    before = get_push_certificate().topic
    lost = Enrollment.objects.filter(state="live")
    lost.update(topic=before)
    assert lost.count() == 2
    pair = apple.issue_push_certificate("com.apple.mgmt.External.other")
    page = upload(administrator, pair.pem).content.decode()
    assert "2 enrolled devices would be lost" in page
    assert "lose 2 devices" in page
    for words in ("lose 1 device", "lose two devices", "lose 02 devices", "yes"):
        upload(administrator, pair.pem, confirmation=words)
        assert get_push_certificate().topic == before
    assert upload(administrator, pair.pem, confirmation="lose 2 devices").status_code == 302
    assert get_push_certificate().topic == "com.apple.mgmt.External.other"
    assert "2 enrolled devices listen to another topic" in administrator.get(PAGE).content.decode()


def test_account_and_note_are_kept_for_the_next_renewal(
    world: World, administrator: Client
) -> None:
    values = {"apple_account": "it@example.com", "note": "Two-factor phone is with Ada"}
    administrator.post(f"{PAGE}edit", values)
    page = administrator.get(PAGE).content.decode()
    assert "it@example.com" in page
    assert "Two-factor phone is with Ada" in page


def test_the_page_says_that_apple_refuses_the_certificate_until_another_is_imported(
    world: World, administrator: Client, apple: ApnsAuthority
) -> None:
    row = get_push_certificate()
    Enrollment.objects.update(topic=row.topic)
    refuse_certificate(row, reason="BadCertificate", now=timezone.now())
    page = administrator.get(PAGE).content.decode()
    assert "Apple refuses this certificate: BadCertificate" in page
    assert ("Refused" in page, "Valid" in page) == (True, False)
    administrator.post(f"{PAGE}edit", {"apple_account": "it@example.com", "note": "n"})
    assert "Apple refuses this certificate" in administrator.get(PAGE).content.decode()
    assert upload(administrator, apple.issue_push_certificate(row.topic).pem).status_code == 302
    page = administrator.get(PAGE).content.decode()
    assert ("Refused" in page, "Valid" in page) == (False, True)
