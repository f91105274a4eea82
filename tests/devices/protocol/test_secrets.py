"""Passwords for Macs are hashed as macOS checks them, recovery keys opened with our key alone."""

import hashlib
import plistlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from devices.protocol.commands import build_command, generate_password
from devices.protocol.recovery_key import build_reply_key, get_reply_certificate, open_recovery_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX"


@pytest.fixture(scope="module")
def reply_key() -> bytes:
    return build_reply_key(now=NOW)


def encrypt(text: bytes, reply_key: bytes, *, form: Encoding = Encoding.DER) -> bytes:
    recipient = x509.load_der_x509_certificate(get_reply_certificate(reply_key))
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(text).add_recipient(recipient)
    builder = builder.set_content_encryption_algorithm(algorithms.AES256)
    return builder.encrypt(form, [pkcs7.PKCS7Options.Binary])


def test_a_recovery_key_is_opened_when_it_was_encrypted_to_our_certificate(
    reply_key: bytes,
) -> None:
    assert open_recovery_key(encrypt(KEY.encode(), reply_key), reply_key=reply_key) == KEY


def test_nothing_is_opened_when_it_is_for_somebody_else_or_no_key(reply_key: bytes) -> None:
    stranger = build_reply_key(now=NOW)
    for envelope in (
        encrypt(KEY.encode(), stranger),
        encrypt(b"\xff\xfe", reply_key),
        encrypt(b"A" * 500, reply_key),
        encrypt(b"", reply_key),
        b"not an envelope",
        b"",
    ):
        with pytest.raises(ValueError, match="recovery key"):
            open_recovery_key(envelope, reply_key=reply_key)


def test_a_mac_gets_a_hash_that_it_can_check_and_no_password() -> None:
    parameters = {"guid": "G", "password": "correct horse"}
    command = build_command("SetAutoAdminPassword", platform="macos", parameters=parameters)
    assert b"correct horse" not in plistlib.dumps(command)
    told = plistlib.loads(command["passwordHash"])["SALTED-SHA512-PBKDF2"]
    again = hashlib.pbkdf2_hmac(
        "sha512", b"correct horse", told["salt"], told["iterations"], dklen=len(told["entropy"])
    )
    assert again == told["entropy"]
    assert (len(told["salt"]), len(told["entropy"])) == (32, 128)


def test_no_password_is_made_twice() -> None:
    assert len({generate_password() for _ in range(100)}) == 100
