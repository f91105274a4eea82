"""Envelopes: what openssl makes is opened, what is made openssl opens, failures look alike."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from scep.errors import AlgorithmRefused, FailInfo, RequestRejected
from scep.protocol.algorithms import get_cipher
from scep.protocol.envelopes import build_envelope, decode_envelope, open_envelope
from tests.scep.device import CIPHERS, encrypt, make_key, make_self_signed
from tests.scep.reply import run_openssl, write_pem

CONTENT = b"a certificate request " * 50
OWN = make_self_signed(make_key(), name="ra")
OTHER = make_self_signed(make_key(1), name="ca")


def encrypt_with_openssl(folder: Path, *options: str) -> bytes:
    recipients = [
        write_pem(folder, f"{n}.pem", certificate) for n, certificate in enumerate([OTHER, OWN])
    ]
    return run_openssl(
        "cms", "-encrypt", "-binary", "-outform", "DER", *options, *recipients, stdin=CONTENT
    )


@pytest.mark.parametrize("cipher", ["-aes128", "-aes192", "-aes256"])
@pytest.mark.parametrize("shape", [[], ["-stream"], ["-keyid"], ["-stream", "-keyid"]])
def test_content_is_read_when_openssl_encrypts_for_two(
    tmp_path: Path, cipher: str, shape: list[str]
) -> None:
    data = encrypt_with_openssl(tmp_path, cipher, *shape)
    assert (data[1] == 0x80) == ("-stream" in shape)
    envelope = decode_envelope(data, recipient=OWN, allow_legacy=False)
    assert open_envelope(envelope, key=make_key()) == CONTENT


def test_triple_des_is_read_only_when_legacy_is_allowed(tmp_path: Path) -> None:
    data = encrypt_with_openssl(tmp_path, "-des3")
    envelope = decode_envelope(data, recipient=OWN, allow_legacy=True)
    assert open_envelope(envelope, key=make_key()) == CONTENT
    with pytest.raises(AlgorithmRefused):
        decode_envelope(data, recipient=OWN, allow_legacy=False)


def test_des_is_refused_even_when_legacy_is_allowed() -> None:
    with pytest.raises(AlgorithmRefused):
        decode_envelope(
            encrypt(CONTENT, recipients=[OWN], cipher="des"), recipient=OWN, allow_legacy=True
        )


def test_envelope_is_refused_when_it_is_for_somebody_else() -> None:
    data = encrypt(CONTENT, recipients=[OTHER])
    with pytest.raises(RequestRejected) as caught:
        decode_envelope(data, recipient=OWN, allow_legacy=False)
    assert caught.value.fail_info == FailInfo.BAD_MESSAGE_CHECK


@pytest.mark.parametrize(("key", "padding"), [(True, False), (False, True)])
def test_nothing_is_inside_when_key_or_padding_is_wrong(key: bool, padding: bool) -> None:
    data = encrypt(CONTENT, recipients=[OWN], break_key=key, break_padding=padding)
    envelope = decode_envelope(data, recipient=OWN, allow_legacy=False)
    # A random key can leave a padding that looks right, one time in 256: then it is noise.
    assert CONTENT[:16] not in open_envelope(envelope, key=make_key())


@pytest.mark.parametrize("name", ["aes128_cbc", "aes192_cbc", "aes256_cbc", "3des"])
def test_openssl_decrypts_when_an_envelope_was_built(tmp_path: Path, name: str) -> None:
    cipher = get_cipher(CIPHERS[name][0], allow_legacy=True)
    key = tmp_path / "key.pem"
    key.write_bytes(
        make_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    data = build_envelope(CONTENT, recipient=OWN, cipher=cipher)
    done = subprocess.run(
        ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER",
         "-recip", write_pem(tmp_path, "own.pem", OWN), "-inkey", str(key)],
        input=data, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == CONTENT
