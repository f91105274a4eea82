"""Signatures of device messages and profiles; openssl makes the vectors and checks the results."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scep.errors import AlgorithmRefused, SignatureInvalid
from scep.protocol.certificates import encode_certificate
from scep.protocol.cms import build_degenerate, sign_attached, verify_detached
from tests.scep.device import make_key, make_self_signed, sign
from tests.scep.reply import run_openssl, write_pem

BODY = b"<plist><dict><key>MessageType</key><string>Authenticate</string></dict></plist>"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def write_signer(folder: Path, *, key: PrivateKey) -> tuple[x509.Certificate, list[str]]:
    certificate = make_self_signed(key)
    path = folder / "key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, ["-signer", write_pem(folder, "cert.pem", certificate), "-inkey", str(path)]


def sign_with_openssl(folder: Path, *options: str, key: PrivateKey | None = None) -> bytes:
    _, signer = write_signer(folder, key=key or make_key())
    return run_openssl(
        "cms", "-sign", "-binary", "-outform", "DER", *signer, *options, stdin=BODY
    )  # fmt: skip


def cut_content(ber: bytes) -> bytes:
    """Make openssl's streamed BER (which always embeds the content) detached, as devices send."""
    start = ber.index(bytes.fromhex("a0802480"))
    end = ber.index(bytes(4), start) + 4
    return ber[:start] + ber[end:]


@pytest.mark.parametrize(
    "options",
    [
        ["-md", "sha256"],
        ["-md", "sha384"],
        ["-md", "sha512"],
        ["-md", "sha256", "-noattr"],
        ["-md", "sha256", "-keyid"],
        ["-md", "sha1", "-noattr"],
    ],
)
def test_signer_is_returned_when_the_signature_fits(tmp_path: Path, options: list[str]) -> None:
    signature = sign_with_openssl(tmp_path, *options)
    signer = verify_detached(signature, content=BODY, allow_sha1=True)
    assert signer.public_key() == make_key().public_key()


@pytest.mark.parametrize("attributes", [[], ["-noattr"]])
def test_signature_is_read_when_it_is_ber_of_indefinite_length(
    tmp_path: Path, attributes: list[str]
) -> None:
    ber = sign_with_openssl(tmp_path, "-md", "sha1", "-stream", *attributes)
    assert ber[:2] == b"\x30\x80"
    signature = cut_content(ber)
    verify_detached(signature, content=BODY, allow_sha1=True)
    with pytest.raises(SignatureInvalid):
        verify_detached(signature, content=BODY + b" ", allow_sha1=True)


def test_signature_is_accepted_when_the_key_is_ec(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signature = sign_with_openssl(tmp_path, "-md", "sha256", key=key)
    assert verify_detached(signature, content=BODY, allow_sha1=False).public_key() == (
        key.public_key()
    )


@pytest.mark.parametrize("attributes", [[], ["-noattr"]])
def test_signature_is_refused_when_the_body_was_altered(
    tmp_path: Path, attributes: list[str]
) -> None:
    signature = sign_with_openssl(tmp_path, "-md", "sha256", *attributes)
    with pytest.raises(SignatureInvalid):
        verify_detached(signature, content=BODY.replace(b"Auth", b"auth"), allow_sha1=True)


def test_sha1_is_refused_when_the_switch_is_off(tmp_path: Path) -> None:
    signature = sign_with_openssl(tmp_path, "-md", "sha1")
    verify_detached(signature, content=BODY, allow_sha1=True)
    with pytest.raises(AlgorithmRefused):
        verify_detached(signature, content=BODY, allow_sha1=False)


@pytest.mark.parametrize("attributes", [[], ["-noattr"]])
def test_md5_is_refused_even_when_legacy_is_allowed(tmp_path: Path, attributes: list[str]) -> None:
    signature = sign_with_openssl(tmp_path, "-md", "md5", *attributes)
    with pytest.raises(AlgorithmRefused):
        verify_detached(signature, content=BODY, allow_sha1=True)


@pytest.mark.parametrize("attributes", [[], ["-noattr"]])
def test_signature_is_refused_when_its_algorithm_is_not_that_of_its_digest(
    tmp_path: Path, attributes: list[str]
) -> None:
    """Each of PKCS#1's algorithms in the place of rsaEncryption, which leaves the digest open."""
    signature = sign_with_openssl(tmp_path, "-md", "sha256", *attributes)
    pkcs_1 = bytes.fromhex("2a864886f70d0101")
    place = signature.rindex(pkcs_1) + len(pkcs_1)
    for number, is_taken in ((1, True), (11, True), (4, False), (10, False), (12, False)):
        changed = signature[:place] + bytes([number]) + signature[place + 1 :]
        if is_taken:
            verify_detached(changed, content=BODY, allow_sha1=True)
            continue
        with pytest.raises(AlgorithmRefused):
            verify_detached(changed, content=BODY, allow_sha1=True)


@pytest.mark.parametrize("options", [["-nodetach"], ["-nodetach", "-noattr"], ["-stream"]])
def test_signature_is_refused_when_it_embeds_content(tmp_path: Path, options: list[str]) -> None:
    signature = sign_with_openssl(tmp_path, "-md", "sha256", *options)
    with pytest.raises(SignatureInvalid, match="must not hold content"):
        verify_detached(signature, content=BODY, allow_sha1=True)


def test_signature_is_refused_when_there_are_two_signers() -> None:
    key = make_key()
    signature = sign(
        None, key=key, certificate=make_self_signed(key), attributes={}, signers=2, digest_of=BODY
    )
    with pytest.raises(SignatureInvalid, match="exactly one signer"):
        verify_detached(signature, content=BODY, allow_sha1=True)


def test_signature_is_refused_when_no_certificate_is_the_one_that_its_sid_names(
    tmp_path: Path,
) -> None:
    signature = sign_with_openssl(tmp_path, "-md", "sha256", "-nocerts")
    with pytest.raises(SignatureInvalid, match="certificate is missing"):
        verify_detached(signature, content=BODY, allow_sha1=True)
    other = write_pem(tmp_path, "other.pem", make_self_signed(make_key(1), name="other"))
    signature = sign_with_openssl(tmp_path, "-md", "sha256", "-nocerts", "-certfile", other)
    with pytest.raises(SignatureInvalid, match="certificate is missing"):
        verify_detached(signature, content=BODY, allow_sha1=True)


def test_signer_is_found_when_other_certificates_come_along(tmp_path: Path) -> None:
    others = write_pem(
        tmp_path, "others.pem", *(make_self_signed(make_key(1), name=n) for n in ("a", "z"))
    )
    signature = sign_with_openssl(tmp_path, "-md", "sha256", "-certfile", others)
    signer = verify_detached(signature, content=BODY, allow_sha1=False)
    assert signer.public_key() == make_key().public_key()


def test_signed_attributes_do_not_pass_as_signed_content(tmp_path: Path) -> None:
    """A signature over attributes, stripped of them, is one over the bytes of the attributes."""
    from asn1crypto import cms

    info = cms.ContentInfo.load(sign_with_openssl(tmp_path, "-md", "sha256"))
    signer = info["content"]["signer_infos"][0]
    attributes = signer["signed_attrs"].untag().dump()
    del signer["signed_attrs"]
    with pytest.raises(SignatureInvalid, match="SET of attributes"):
        verify_detached(info.dump(force=True), content=attributes, allow_sha1=True)


@pytest.mark.parametrize("data", [b"", b"\0", b"hello", b"\x30\x80", b"\x30\x80" * 20_000])
def test_signature_is_refused_when_it_is_no_cms(data: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify_detached(data, content=BODY, allow_sha1=True)


def test_every_single_altered_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    signature = sign_with_openssl(tmp_path, "-md", "sha256")
    for position in range(0, len(signature), 7):
        altered = bytearray(signature)
        altered[position] ^= 0x5A
        try:
            signer = verify_detached(bytes(altered), content=BODY, allow_sha1=True)
        except SignatureInvalid:
            continue
        assert signer.public_key() == make_key().public_key()


def test_openssl_accepts_when_content_is_signed_attached(tmp_path: Path) -> None:
    certificate, _ = write_signer(tmp_path, key=make_key())
    signed = sign_attached(BODY, certificate=certificate, key=make_key(), chain=[])
    trusted = write_pem(tmp_path, "root.pem", certificate)
    content = run_openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", trusted, "-purpose", "any",
        stdin=signed,
    )  # fmt: skip
    assert content == BODY
    broken = signed.replace(b"Authenticate", b"authenticate")
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-inform", "DER", "-CAfile", trusted, "-purpose", "any"],
        input=broken, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0


def test_openssl_lists_the_certificates_when_they_are_in_degenerate_signed_data() -> None:
    certificates = [make_self_signed(make_key(n), name=str(n)) for n in range(2)]
    text = run_openssl(
        "pkcs7",
        "-inform",
        "DER",
        "-print_certs",
        stdin=build_degenerate([encode_certificate(each) for each in certificates]),
    )
    assert sorted(x509.load_pem_x509_certificates(text), key=str) == sorted(certificates, key=str)
