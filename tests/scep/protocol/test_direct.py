"""The direct reader against asn1crypto: whatever it reads, both read alike."""

import tempfile
from pathlib import Path

import pytest
from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from asn1crypto.parser import parse
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scep.errors import AlgorithmRefused, RequestRejected, SignatureInvalid
from scep.protocol import der
from scep.protocol.csr import CertificateRequest, decode_any_csr, decode_familiar_csr
from scep.protocol.der import Reader, Unfamiliar
from scep.protocol.direct import read_issuer_and_serial
from scep.protocol.envelopes import (
    Envelope,
    decode_any_envelope,
    decode_envelope,
    decode_familiar_envelope,
)
from scep.protocol.reading import MALFORMED
from scep.protocol.signed_data import (
    Signature,
    decode_any_signature,
    decode_familiar_signature,
    decode_signature,
)
from tests.scep.device import Device, encrypt, make_csr, make_key, make_self_signed
from tests.scep.reply import run_openssl, write_pem
from tests.simulator.scep.pki_message import build_pki_message

OWN = make_self_signed(make_key(1), name="ra")
CONTENT = b"a certificate request " * 50
Mutation = tuple[float, int, bytes]


def sign_with_openssl(*options: str) -> bytes:
    """Return a SignedData of openssl's over CONTENT, with these options."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = folder / "key.pem"
        key.write_bytes(
            make_key().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        signer = write_pem(folder, "cert.pem", make_self_signed(make_key()))
        return run_openssl(
            "cms", "-sign", "-binary", "-outform", "DER", "-nosmimecap", "-nodetach",
            "-signer", signer, "-inkey", str(key), *options, stdin=CONTENT,
        )  # fmt: skip


def encrypt_with_openssl(*options: str) -> bytes:
    """Return an EnvelopedData of openssl's for OWN, with these options."""
    with tempfile.TemporaryDirectory() as name:
        recipient = write_pem(Path(name), "ra.pem", OWN)
        return run_openssl(
            "cms", "-encrypt", "-binary", "-outform", "DER", *options, recipient, stdin=CONTENT
        )


def simulate(*, ber: bool) -> bytes:
    key = make_key()
    return build_pki_message(
        CONTENT, recipient=OWN, key=key, certificate=make_self_signed(key), ber=ber
    )


SIGNED = {
    "definite lengths": Device().build_request(ra=OWN, challenge="words"),
    "indefinite lengths": simulate(ber=True),
    "another writer": simulate(ber=False),
    "openssl": sign_with_openssl(),
    "openssl, streamed": sign_with_openssl("-stream"),
    "openssl, no attributes": sign_with_openssl("-noattr"),
    "openssl, SHA-512": sign_with_openssl("-md", "sha512"),
}
ENVELOPED = {
    "definite lengths": encrypt(CONTENT, recipients=[OWN]),
    "indefinite lengths": decode_signature(simulate(ber=True)).content or b"",
    "openssl": encrypt_with_openssl("-aes128"),
    "openssl, streamed": encrypt_with_openssl("-aes256", "-stream"),
    "openssl, 3DES": encrypt_with_openssl("-des3"),
}


@pytest.mark.parametrize("name", SIGNED)
def test_signature_is_read_directly_when_a_client_really_sends_it(name: str) -> None:
    assert decode_familiar_signature(SIGNED[name]) == decode_any_signature(SIGNED[name])


@pytest.mark.parametrize("name", ENVELOPED)
def test_envelope_is_read_directly_when_a_client_really_sends_it(name: str) -> None:
    assert read_directly(ENVELOPED[name]) == read_generally(ENVELOPED[name])
    assert read_directly(ENVELOPED[name]) is not None


def test_rest_is_left_to_the_general_reader() -> None:
    two = encrypt(CONTENT, recipients=[make_self_signed(make_key(2)), OWN])
    by_key = encrypt(CONTENT, recipients=[OWN], by_key_id=True)
    for data in (two, by_key):
        assert read_directly(data) is None
        assert decode_envelope(data, recipient=OWN, allow_legacy=False) == read_generally(data)
    by_key = sign_with_openssl("-keyid")
    with pytest.raises(Unfamiliar):
        decode_familiar_signature(by_key)
    assert decode_signature(by_key) == decode_any_signature(by_key)


def mutate(data: bytes, mutations: list[Mutation]) -> bytes:
    """Replace, insert or cut bytes at places given as parts of the whole."""
    for place, cut, put in mutations:
        position = int(place * len(data))
        data = data[:position] + put + data[position + cut :]
    return data


# Small edits near each other keep most of a message intact, so that they reach the inside.
MUTATIONS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 3),
        st.one_of(
            st.binary(max_size=3),
            st.sampled_from([b"\0\0", b"\x30\x80", b"\x24\x80", b"\x05\0", b"\x31\0", b"\x81"]),
        ),
    ),
    min_size=1,
    max_size=3,
)
FUZZ = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZ
@given(st.sampled_from(list(SIGNED)), MUTATIONS)
@example("definite lengths", [(0.999, 0, b"\0")])
def test_no_altered_signature_is_read_otherwise_than_generally(
    name: str, mutations: list[Mutation]
) -> None:
    data = mutate(SIGNED[name], mutations)
    try:
        found = decode_familiar_signature(data)
    except (Unfamiliar, *MALFORMED):
        return
    assert found == decode_any_signature(data)


@FUZZ
@given(st.sampled_from(list(ENVELOPED)), MUTATIONS)
def test_no_altered_envelope_is_read_otherwise_than_generally(
    name: str, mutations: list[Mutation]
) -> None:
    data = mutate(ENVELOPED[name], mutations)
    found = read_directly(data)
    if found is not None:
        assert found == read_generally(data)


@pytest.mark.parametrize("name", SIGNED)
def test_no_signature_with_one_bit_off_is_read_otherwise_than_generally(name: str) -> None:
    """Every bit of what stands before and after the certificate and the content."""
    whole = SIGNED[name]
    places = [*range(70), *range(len(whole) - 560, len(whole) - 256)]
    for position in places:
        for bit in range(8):
            data = bytearray(whole)
            data[position] ^= 1 << bit
            try:
                found: Signature = decode_familiar_signature(bytes(data))
            except (Unfamiliar, *MALFORMED):
                continue
            assert found == decode_any_signature(bytes(data))


KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
REQUESTS = {
    "nothing": make_csr(make_key()),
    "a challenge": make_csr(make_key(), challenge="some words"),
    "a long one": make_csr(make_key(), challenge="x" * 300),
    "a key usage": make_csr(make_key(), challenge="words", extensions=[(KEY_USAGE, True)]),
}
UNFAMILIAR_REQUESTS = {
    "no ASCII": make_csr(make_key(), challenge="caf\u00e9"),
    "another name": make_csr(
        make_key(), extensions=[(x509.SubjectAlternativeName([x509.DNSName("device")]), False)]
    ),
}


def request_directly(data: bytes) -> CertificateRequest | None:
    try:
        return decode_familiar_csr(data, min_key_bits=2048, expected_key=make_key().public_key())
    except Unfamiliar:
        return None


def request_generally(data: bytes) -> CertificateRequest:
    return decode_any_csr(
        data,
        allow_sha1=False,
        min_key_bits=2048,
        expected_key=make_key().public_key(),
        known_names=(),
    )


def sign_anew(info: bytes) -> bytes:
    """Return a request of whatever `info` has become, with a signature that fits it."""
    signature = make_key().sign(info, padding.PKCS1v15(), hashes.SHA256())
    algorithm = der.encode_algorithm("1.2.840.113549.1.1.11")
    return der.encode(der.SEQUENCE, info, algorithm, der.encode(der.BIT_STRING, b"\0", signature))


@pytest.mark.parametrize("name", REQUESTS)
def test_request_is_read_directly_when_a_device_really_sends_it(name: str) -> None:
    found = request_directly(REQUESTS[name])
    assert found is not None
    assert found == request_generally(REQUESTS[name])


@pytest.mark.parametrize("name", UNFAMILIAR_REQUESTS)
def test_request_is_left_to_the_general_reader_when_it_is_unusual(name: str) -> None:
    assert request_directly(UNFAMILIAR_REQUESTS[name]) is None


def test_request_is_left_to_the_general_reader_when_its_key_is_not_the_signers() -> None:
    assert request_directly(make_csr(make_key(2), challenge="words")) is None


def test_request_is_left_to_the_general_reader_when_its_signature_is_wrong() -> None:
    whole = bytearray(REQUESTS["a challenge"])
    whole[-1] ^= 1
    assert request_directly(bytes(whole)) is None


@FUZZ
@given(st.sampled_from(list(REQUESTS)), MUTATIONS)
@example("a challenge", [(0.0, 2, b"\x30\x80"), (1 - 1e-9, 0, b"\0\0")])
def test_no_altered_request_is_read_otherwise_than_generally(
    name: str, mutations: list[Mutation]
) -> None:
    info = Reader(Reader(REQUESTS[name]).take(der.SEQUENCE)).take_whole(der.SEQUENCE)
    data = sign_anew(mutate(info, mutations))
    found = request_directly(data)
    if found is not None:
        assert found == request_generally(data)


@FUZZ
@given(st.sampled_from(list(REQUESTS)), MUTATIONS)
def test_no_request_altered_around_its_contents_is_read_otherwise_than_generally(
    name: str, mutations: list[Mutation]
) -> None:
    data = mutate(REQUESTS[name], mutations)
    found = request_directly(data)
    if found is not None:
        assert found == request_generally(data)


@pytest.mark.parametrize("name", ["nothing", "a key usage"])
def test_no_request_with_one_bit_off_is_read_otherwise_than_generally(name: str) -> None:
    """Every bit of what stands before and after the key, signed anew."""
    info = Reader(Reader(REQUESTS[name]).take(der.SEQUENCE)).take_whole(der.SEQUENCE)
    for position in (*range(70), *range(300, len(info))):
        for bit in range(8):
            data = bytearray(info)
            data[position] ^= 1 << bit
            signed = sign_anew(bytes(data))
            found = request_directly(signed)
            if found is not None:
                assert found == request_generally(signed)


def read_directly(data: bytes) -> Envelope | None:
    try:
        return decode_familiar_envelope(data, recipient=OWN, allow_legacy=True)
    except Unfamiliar:
        return None


def read_generally(data: bytes) -> Envelope:
    return decode_any_envelope(data, recipient=OWN, allow_legacy=True)


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x80", b"\x30\x80" * 30_000, b"\x30\x82\xff\xff", bytes(100)]
)
def test_refusal_is_the_general_readers_when_nothing_is_familiar(data: bytes) -> None:
    with pytest.raises(Unfamiliar):
        decode_familiar_signature(data)
    with pytest.raises((SignatureInvalid, *MALFORMED)):
        decode_signature(data)
    with pytest.raises(RequestRejected):
        decode_envelope(data, recipient=OWN, allow_legacy=True)


def test_cipher_is_refused_directly_as_well() -> None:
    with pytest.raises(AlgorithmRefused):
        decode_familiar_envelope(ENVELOPED["openssl, 3DES"], recipient=OWN, allow_legacy=False)


@given(st.binary(max_size=70_000), st.sampled_from([der.OCTET_STRING, der.SEQUENCE]))
def test_element_is_read_back_when_its_length_has_any_size(contents: bytes, tag: int) -> None:
    element = der.encode(tag, contents)
    assert parse(element, strict=True)[4] == contents
    if len(contents) < 1 << 16:
        assert Reader(element).take(tag) == contents


@given(st.integers(min_value=0, max_value=1 << 160))
def test_integer_is_written_as_asn1crypto_writes_it(value: int) -> None:
    assert der.encode_integer(value) == core.Integer(value).dump()


@pytest.mark.parametrize("oid", ["1.2.840.113549.1.1.1", "2.5.29.15", "2.16.840.1.113733.1.9.2"])
def test_oid_is_written_as_asn1crypto_writes_it(oid: str) -> None:
    assert der.encode_oid(oid) == core.ObjectIdentifier(oid).dump()


@pytest.mark.parametrize("length", ["8105", "820005", "8300000105", "8205"])
def test_length_is_unfamiliar_when_it_is_not_minimal(length: str) -> None:
    with pytest.raises(Unfamiliar):
        Reader(bytes.fromhex("04" + length) + bytes(300)).take(der.OCTET_STRING)


def test_certificate_is_named_as_asn1crypto_names_it() -> None:
    certificate = make_self_signed(make_key(), name="n\u00e4me").public_bytes(
        serialization.Encoding.DER
    )
    loaded = asn1_x509.Certificate.load(certificate)
    name = cms.IssuerAndSerialNumber(
        {"issuer": loaded.issuer, "serial_number": loaded.serial_number}
    )
    assert read_issuer_and_serial(certificate) == name.dump()
