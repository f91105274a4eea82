"""Revocation lists as bytes: what other libraries read in them, and how long they take."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from scep.protocol.crl import Revocation, build_crl
from scep.protocol.issuing import Links, Signer, Subject, build_root_certificate, build_validity

NOW = datetime(2026, 5, 17, 12, 30, 15, 999, tzinfo=UTC)
WEEK = timedelta(days=7)
LINKS = Links("http://a/crl", "http://a/ocsp", "http://a/cer")


def build_signer(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Signer:
    certificate = build_root_certificate(
        key,
        subject=Subject("Root CA", "Ünïversal"),
        serial=7,
        validity=build_validity(NOW, lifetime=timedelta(days=365)),
    )
    return Signer(certificate, key, LINKS)


def build(
    signer: Signer, *revocations: Revocation, number: int = 1
) -> x509.CertificateRevocationList:
    der = build_crl(
        signer, number=number, this_update=NOW, next_update=NOW + WEEK, revocations=revocations
    )
    return x509.load_der_x509_crl(der)


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        (rsa.generate_private_key(65537, 2048), hashes.SHA256),
        (ec.generate_private_key(ec.SECP256R1()), hashes.SHA256),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384),
    ],
    ids=["RSA", "P-256", "P-384"],
)
def test_list_is_signed_whatever_the_cas_key(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, digest: type[hashes.HashAlgorithm]
) -> None:
    listed = build(build_signer(key))
    assert listed.is_signature_valid(key.public_key())
    assert isinstance(listed.signature_hash_algorithm, digest)
    assert len(listed) == 0


def test_every_part_is_read_back() -> None:
    signer = build_signer(ec.generate_private_key(ec.SECP256R1()))
    entries = [
        Revocation(1, NOW, "unspecified"),
        Revocation(127, NOW, "key_compromise"),
        Revocation(128, NOW, "superseded"),
        Revocation(2**128 - 1, NOW, "privilege_withdrawn"),
        Revocation(2**159 + 1, datetime(2050, 1, 1, tzinfo=UTC), "ca_compromise"),
    ]
    number = 2**40
    listed = build(signer, *entries, number=number)
    assert [entry.serial_number for entry in listed] == [entry.serial for entry in entries]
    assert [entry.revocation_date_utc for entry in listed] == [
        entry.revoked_at.replace(microsecond=0) for entry in entries
    ]
    assert [len(entry.extensions) for entry in listed] == [0, 1, 1, 1, 1]
    assert listed.issuer == signer.certificate.subject
    assert "Ünïversal" in str(listed.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0])
    crl_number = listed.extensions.get_extension_for_class(x509.CRLNumber)
    assert (crl_number.value.crl_number, crl_number.critical) == (number, False)
    assert listed.last_update_utc == NOW.replace(microsecond=0)
    assert listed.next_update_utc == NOW.replace(microsecond=0) + WEEK


def test_list_of_a_hundred_thousand_takes_seconds() -> None:
    signer = build_signer(ec.generate_private_key(ec.SECP256R1()))
    entries = [
        Revocation(2**127 + 2 * number, NOW + timedelta(seconds=number), "superseded")
        for number in range(100_000)
    ]
    started = time.process_time()
    listed = build(signer, *entries)
    assert time.process_time() - started < 10  # about 2; the usual builders take minutes
    assert listed.is_signature_valid(signer.certificate.public_key())  # type: ignore[arg-type]
    assert listed.get_revoked_certificate_by_serial_number(entries[-1].serial) is not None


@pytest.mark.parametrize("serial", [-1, 2**256])
def test_list_is_not_made_when_a_serial_number_is_none(serial: int) -> None:
    signer = build_signer(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ValueError, match="serial"):
        build(signer, Revocation(serial, NOW, "superseded"))
