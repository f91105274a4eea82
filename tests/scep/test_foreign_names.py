"""Clients that write names and challenges as strings of a type that may not hold them."""

from typing import Any

import pytest
from asn1crypto import core
from cryptography import x509
from django.utils import timezone

from scep.models import HeldRequest, IssuedCertificate, ScepProfile
from scep.protocol.csr import decode_csr
from scep.services.held_requests import approve_request
from scep.services.profiles import create_scep_profile, update_scep_profile
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, encrypt, make_key, sign
from tests.scep.malformed import (
    SEQUENCE,
    encode,
    encode_malformed,
    encode_malformed_request,
    encode_name,
)
from tests.scep.reply import decrypt_certificates, run_openssl

pytestmark = pytest.mark.django_db
UTF8, PRINTABLE, TELETEX, IA5, BMP = 0x0C, 0x13, 0x14, 0x16, 0x1E
NAMES = {
    "underscore in PrintableString": encode(PRINTABLE, b"ses_1"),
    "address in PrintableString": encode(PRINTABLE, b"jo@example.com"),
    "UTF-8 in PrintableString": encode(PRINTABLE, "Büro".encode()),
    "Latin-1 in PrintableString": encode(PRINTABLE, "Büro".encode("latin-1")),
    "Latin-1 in TeletexString": encode(TELETEX, "Büro".encode("latin-1")),
    "UTF-8 in TeletexString": encode(TELETEX, "Büro".encode()),
    "Latin-1 in IA5String": encode(IA5, "Büro".encode("latin-1")),
    "BMPString": encode(BMP, "Büro".encode("utf-16-be")),
}
CHALLENGE = encode(UTF8, STATIC_CHALLENGE.encode())


def read(name: bytes) -> str:
    return "Büro" if b"B" in name else name[2:].decode()


def ask_with(
    device: Device, *, ra: x509.Certificate, name: bytes, challenge: bytes = CHALLENGE
) -> tuple[bytes, bytes]:
    """Return the client's own certificate, and its PKCSReq."""
    own = encode_malformed(device.key, issuer=name, subject=name)
    request = encode_malformed_request(device.key, subject=name, challenge=challenge)
    enveloped = encrypt(request, recipients=[ra])
    attributes = device.get_attributes()
    return own, sign(enveloped, key=device.key, certificate=own, attributes=attributes)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_certificate_is_issued_when_a_name_is_against_the_rules(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, name: bytes
) -> None:
    device = Device()
    own, message = ask_with(device, ra=ra, name=name)
    reply = ask(static_profile, message)
    assert reply.status == "0"
    assert encode_name(name) in reply.enveloped  # by which the client finds its key
    [issued] = decrypt_certificates(reply, key=device.key, certificate=own)
    assert issued.public_key() == device.key.public_key()
    assert b"B\xfcro" not in issued.subject.public_bytes()
    assert IssuedCertificate.objects.get().scep_profile == static_profile


def test_certificate_is_issued_when_such_a_message_has_no_lengths(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    _, message = ask_with(Device(), ra=ra, name=NAMES["underscore in PrintableString"])
    assert ask(static_profile, b"\x30\x80" + message[4:] + bytes(2)).status == "0"


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_request_that_waits_is_polled_for_when_its_name_is_against_the_rules(
    static_profile: ScepProfile,
    ra: x509.Certificate,
    chain: list[x509.Certificate],
    ask: Any,
    name: bytes,
) -> None:
    update_scep_profile(static_profile, hold_for_approval=True, actor="tests")
    device = Device()
    own, message = ask_with(device, ra=ra, name=name)
    assert ask(static_profile, message).status == "3"
    held = HeldRequest.objects.get()
    assert held.common_name == read(name)
    approve_request(held, actor="tests", now=timezone.now())
    named = encode(SEQUENCE, chain[1].subject.public_bytes(), encode_name(name))
    attributes = device.get_attributes(message_type=[core.PrintableString("20")])
    envelope = encrypt(named, recipients=[ra])
    poll = sign(envelope, key=device.key, certificate=own, attributes=attributes)
    reply = ask(static_profile, poll)
    assert reply.status == "0"
    assert decrypt_certificates(reply, key=device.key, certificate=own)


def test_request_is_refused_when_another_key_has_signed_its_rewritten_form(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, refusals: list[dict[str, Any]]
) -> None:
    """What is signed is what came, not what was read."""
    device = Device()
    name = NAMES["underscore in PrintableString"]
    request = encode_malformed_request(device.key, subject=name, challenge=CHALLENGE)
    forged = request.replace(name, encode(PRINTABLE, b"ses@1"))
    enveloped = encrypt(forged, recipients=[ra])
    assert ask(static_profile, device.sign(enveloped)).fail_info == "1"
    assert "not signed with its own key" in refusals[0]["message"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("tag", [UTF8, PRINTABLE, TELETEX, IA5])
def test_challenge_is_understood_when_its_letters_are_not_of_its_type(
    ra: x509.Certificate, ask: Any, tag: int, encoding: str
) -> None:
    challenge = "Grüße & 100% geheim_"
    profile = create_scep_profile(
        name="Umlaut", challenge_type="static", static_challenge=challenge, actor="tests"
    )
    written = encode(tag, challenge.encode(encoding))
    name = encode(UTF8, b"device")
    _, message = ask_with(Device(), ra=ra, name=name, challenge=written)
    assert ask(profile, message).status == "0"


def test_common_name_is_read_when_openssl_writes_strings_as_it_once_did(tmp_path: Any) -> None:
    config = tmp_path / "request.cnf"
    config.write_text(
        "[req]\nprompt=no\nstring_mask=default\ndistinguished_name=name\nattributes=more\n"
        "[name]\nCN=Büro\n[more]\nchallengePassword=Grüße\n"
    )
    request = run_openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "key.pem"),
        "-config", str(config), "-utf8", "-outform", "DER",
    )  # fmt: skip
    assert b"\x14\x04B\xfcro" in request
    decoded = decode_csr(request, allow_sha1=False)
    assert (decoded.common_name, decoded.challenge) == ("Büro", "Grüße")


def test_name_that_cannot_be_read_is_refused_as_before_when_it_is_half_a_character(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    device = Device(key=make_key(1))
    request = encode_malformed_request(device.key, subject=encode(BMP, b"\0"), challenge=CHALLENGE)
    reply = ask(static_profile, device.sign(encrypt(request, recipients=[ra])))
    assert (reply.status, reply.fail_info) == ("2", "1")
