"""A certificate in words for people."""

from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from scep.protocol.description import describe_certificate
from scep.protocol.subject_template import SubjectAttributes, build_naming
from tests.scep.corporate_ca import make_ec_key

PRINCIPAL = "1.3.6.1.4.1.311.20.2.3"
KEY = make_ec_key()


def describe(*names: x509.GeneralName) -> tuple[str, ...]:
    now, name = datetime.now(UTC), x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    der = builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
    return describe_certificate(der).names


@pytest.mark.parametrize("length", [10, 120, 128, 240])
def test_principal_name_is_shown_as_it_is_however_long(length: int) -> None:
    owner = "ö" + "x" * (length - 2)
    naming = build_naming(
        [], ["upn={owner}@a.de"], attributes=SubjectAttributes(owner=owner), fallback="x"
    )
    assert describe(*naming.alternative_names) == (f"other name {PRINCIPAL}: {owner}@a.de",)


@pytest.mark.parametrize("der", [core.OctetString(b"\1\2").dump(), b"\x0c\x01\xff"])
def test_other_name_is_hexadecimal_when_it_is_no_text(der: bytes) -> None:
    shown = describe(x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), der))
    assert shown == (f"other name 1.2.3.4: {der.hex()}",)
