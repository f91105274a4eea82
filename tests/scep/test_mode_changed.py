"""A SCEP profile that named an RA names one CA certificate now, or reverse: clients keep theirs."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from django.test import Client
from django.utils import timezone

from scep.models import CertificateAuthority, HeldRequest, ScepProfile
from scep.selectors import get_certificate, get_issuing_ca, get_profile_authority
from scep.services.authorities import ensure_single_authority
from scep.services.authority_end import revoke_authority, rotate_authority
from scep.services.held_requests import approve_request
from scep.services.profiles import update_scep_profile
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_key
from tests.scep.reply import Reply, decrypt_certificates, read_reply

pytestmark = pytest.mark.django_db
SUCCESS, FAILURE, PENDING = "0", "2", "3"
Ask = Callable[[bytes], Reply]
Change = Callable[[], ScepProfile]


def get_single() -> CertificateAuthority:
    return ensure_single_authority(now=timezone.now())


@pytest.fixture(params=["to one certificate", "to an RA"])
def to_single(request: Any) -> bool:
    return bool(request.param == "to one certificate")


@pytest.fixture
def known(static_profile: ScepProfile, ra: x509.Certificate, to_single: bool) -> x509.Certificate:
    """What a client encrypts to, from the profile's mode before it is changed."""
    update_scep_profile(static_profile, actor="a", single_certificate=not to_single)
    return ra if to_single else get_certificate(get_single())


@pytest.fixture
def change(static_profile: ScepProfile, to_single: bool) -> Change:
    return lambda: update_scep_profile(static_profile, actor="a", single_certificate=to_single)


@pytest.fixture
def ask_known(
    client: Client, static_profile: ScepProfile, known: x509.Certificate, chain: Any
) -> Ask:
    """Ask, and believe an answer by the certificate that is known and by no other."""
    above = [known, known] if known != chain[0] else [known, chain[1]]

    def ask(message: bytes) -> Reply:
        url = f"/scep/{static_profile.public_id}?operation=PKIOperation"
        response = client.post(url, message, content_type="application/x-pki-message")
        return read_reply(response.content, chain=[*above, chain[2]])

    return ask


def read_leaf(reply: Reply, *, device: Device) -> x509.Certificate:
    assert reply.status == SUCCESS
    (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    return leaf


def test_client_enrolls_and_renews_with_what_it_knows_when_the_mode_was_changed(
    static_profile: ScepProfile, known: x509.Certificate, change: Change, ask_known: Ask
) -> None:
    before = Device()
    old = read_leaf(
        ask_known(before.build_request(ra=known, challenge=STATIC_CHALLENGE)), device=before
    )
    change()
    ScepProfile.objects.update(renewal_days=400)  # from a certificate's first day on
    device = Device(key=make_key(1))
    leaf = read_leaf(
        ask_known(device.build_request(ra=known, challenge=STATIC_CHALLENGE)), device=device
    )
    static_profile.refresh_from_db()
    today = get_certificate(get_profile_authority(static_profile))
    leaf.verify_directly_issued_by(today)
    renewing = Device(key=make_key(2))
    reply = ask_known(renewing.build_renewal(ra=known, old=old, old_key=before.key))
    assert reply.status == SUCCESS
    (leaf,) = decrypt_certificates(reply, key=before.key, certificate=old)
    leaf.verify_directly_issued_by(today)
    # Its refusals are signed by whom it believes, too.
    assert ask_known(device.build_request(ra=known, challenge="wrong")).status == SUCCESS
    assert ask_known(Device().build_request(ra=known, challenge="wrong")).status == FAILURE


def test_device_polls_on_when_the_mode_was_changed_while_it_waited(
    static_profile: ScepProfile, known: x509.Certificate, change: Change, ask_known: Ask
) -> None:
    update_scep_profile(static_profile, actor="a", hold_for_approval=True)
    issuer = get_certificate(get_profile_authority(static_profile)).subject
    device = Device()
    reply = ask_known(device.build_request(ra=known, challenge=STATIC_CHALLENGE))
    assert reply.status == PENDING
    change()
    approve_request(HeldRequest.objects.get(), actor="a", now=timezone.now())
    read_leaf(ask_known(device.build_poll(ra=known, issuer=issuer)), device=device)


def test_device_is_shown_the_ca_that_it_has_pinned_when_the_mode_was_changed(
    client: Client, static_profile: ScepProfile, known: x509.Certificate, change: Change
) -> None:
    static_profile.refresh_from_db()
    pinned = get_profile_authority(static_profile)
    url = f"/scep/{static_profile.public_id}?operation=GetCACert&message="
    before = client.get(url)
    change()
    told, today = client.get(url + pinned.public_id), client.get(url)
    assert told["Content-Type"] == before["Content-Type"] != today["Content-Type"]
    assert bytes(pinned.certificate) in told.content
    assert bytes(pinned.certificate) not in today.content


def test_nothing_is_opened_by_a_revoked_ca_of_the_other_mode(
    static_profile: ScepProfile, ask: Any
) -> None:
    now, single = timezone.now(), get_single()
    message = Device().build_request(ra=get_certificate(single), challenge=STATIC_CHALLENGE)
    rotate_authority(single, actor="a", now=now)
    single.refresh_from_db()
    revoke_authority(single, reason="key_compromise", actor="a", now=now)
    assert get_profile_authority(static_profile) == get_issuing_ca()
    assert ask(static_profile, message).status == FAILURE
