"""The simulator's CMS with openssl as the second opinion."""

import subprocess
from pathlib import Path

import pytest

from tests.simulator import CmsInvalid, build_csr, build_name, build_pki_message, sign_detached
from tests.simulator.cms import (
    Signer,
    build_envelope,
    build_signed_data,
    decrypt_envelope,
    verify_signed_data,
)

from .conftest import Holder

BODY = b"<plist>" + b"x" * 3000 + b"</plist>"


def openssl(*arguments: str | Path) -> bytes:
    """openssl's output; fails the test with its complaint."""
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("ber", [True, False])
@pytest.mark.parametrize("attributes", [True, False])
@pytest.mark.parametrize("digest", ["sha1", "sha256"])
def test_openssl_verifies_when_signed_detached(
    tmp_path: Path, root: Holder, device_holder: Holder, ber: bool, attributes: bool, digest: str
) -> None:
    signature = sign_detached(
        BODY,
        key=device_holder.key,
        certificate=device_holder.certificate,
        attributes=attributes,
        digest=digest,
        ber=ber,
    )
    assert (signature[1] == 0x80) is ber
    _, trusted = root.write(tmp_path, name="root")
    (tmp_path / "sig.der").write_bytes(signature)
    (tmp_path / "body").write_bytes(BODY)
    openssl(
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "sig.der"),
        *("-content", tmp_path / "body", "-CAfile", trusted, "-purpose", "any"),
        *("-out", tmp_path / "out"),
    )
    proof = verify_signed_data(signature, content=BODY)
    assert proof.signer == device_holder.certificate


@pytest.mark.parametrize("ber", [True, False])
@pytest.mark.parametrize("cipher", ["aes128", "aes256", "des3"])
def test_openssl_decrypts_when_enveloped(
    tmp_path: Path, registrar: Holder, ber: bool, cipher: str
) -> None:
    envelope = build_envelope(BODY, recipient=registrar.certificate, cipher=cipher, ber=ber)
    key, certificate = registrar.write(tmp_path, name="ra")
    (tmp_path / "in.der").write_bytes(envelope)
    opened = openssl(
        *("cms", "-decrypt", "-binary", "-inform", "DER", "-in", tmp_path / "in.der"),
        *("-inkey", key, "-recip", certificate),
    )
    assert opened == BODY
    own = decrypt_envelope(envelope, key=registrar.key, certificate=registrar.certificate)
    assert own == BODY


@pytest.mark.parametrize("ber", [True, False])
def test_openssl_opens_both_layers_when_pki_message(
    tmp_path: Path, registrar: Holder, device_holder: Holder, root: Holder, ber: bool
) -> None:
    csr = build_csr(device_holder.key, subject=build_name([[["CN", "x"]]]), challenge="c" * 700)
    message = build_pki_message(
        csr,
        recipient=registrar.certificate,
        key=device_holder.key,
        certificate=device_holder.certificate,
        ber=ber,
    )
    (tmp_path / "message.der").write_bytes(message)
    key, certificate = registrar.write(tmp_path, name="ra")
    _, trusted = root.write(tmp_path, name="root")
    openssl(
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "message.der"),
        *("-CAfile", trusted, "-purpose", "any", "-out", tmp_path / "envelope.der"),
    )
    opened = openssl(
        *("cms", "-decrypt", "-binary", "-inform", "DER", "-in", tmp_path / "envelope.der"),
        *("-inkey", key, "-recip", certificate),
    )
    assert opened == csr
    (tmp_path / "csr.der").write_bytes(opened)
    text = openssl("req", "-inform", "DER", "-in", tmp_path / "csr.der", "-noout", "-text")
    assert b"challengePassword" in text


@pytest.mark.parametrize("nodetach", [True, False])
def test_signature_is_verified_when_openssl_signs(
    tmp_path: Path, device_holder: Holder, nodetach: bool
) -> None:
    key, certificate = device_holder.write(tmp_path, name="device")
    (tmp_path / "body").write_bytes(BODY)
    signed = openssl(
        *("cms", "-sign", "-binary", "-in", tmp_path / "body", "-outform", "DER"),
        *("-signer", certificate, "-inkey", key, "-md", "sha256"),
        *(("-nodetach",) if nodetach else ()),
    )
    proof = verify_signed_data(signed, content=None if nodetach else BODY)
    assert proof.content == BODY


def test_signature_is_refused_when_tampered(device_holder: Holder) -> None:
    def sign(**knobs: object) -> bytes:
        pair = {"key": device_holder.key, "certificate": device_holder.certificate}
        return sign_detached(BODY, **pair, **knobs)  # type: ignore[arg-type]

    for blob, content in (
        (sign(), BODY + b"!"),
        (sign(attributes=False), BODY + b"!"),
        (sign(corrupt_signature=True), BODY),
        (sign(message_digest=b"\0" * 32), BODY),
        (sign(signers=2), BODY),
        (sign(signers=0), BODY),
        (sign(include_certificate=False), BODY),
        (sign(embed_content=True), BODY),
        (sign()[:-20], BODY),
        (b"", BODY),
    ):
        with pytest.raises(CmsInvalid):
            verify_signed_data(blob, content=content)


def test_content_is_returned_when_attached_in_chunks(device_holder: Holder) -> None:
    signer = Signer(device_holder.key, device_holder.certificate)
    blob = build_signed_data(
        BODY, signers=[signer], certificates=[device_holder.certificate], ber=True
    )
    assert verify_signed_data(blob).content == BODY


def test_envelope_is_refused_when_for_another(registrar: Holder, device_holder: Holder) -> None:
    envelope = build_envelope(BODY, recipient=registrar.certificate)
    with pytest.raises(CmsInvalid):
        decrypt_envelope(envelope, key=device_holder.key, certificate=device_holder.certificate)
