"""Messages all of whose lengths are told at the end, as some CMS writers make them."""

import pytest
from asn1crypto import cms, parser
from cryptography import x509

from scep.models import IssuedCertificate, ScepProfile
from tests.scep.conftest import STATIC_CHALLENGE, Ask
from tests.scep.device import Device, encrypt, make_csr, make_key, make_self_signed

OCTETS, IMPLICIT, CONSTRUCTED = 0x04, 0x80, 0x20


def write_indefinite(der: bytes, *, piece: int, keep: bytes = b"") -> bytes:
    """Return all elements with indefinite lengths, strings in pieces; `keep` stays as it is."""
    written = b""
    while der:
        _, is_constructed, _, header, contents, _ = parser.parse(der)
        whole, der = der[: len(header + contents)], der[len(header + contents) :]
        if whole == keep:
            written += whole
        elif is_constructed:
            inside = write_indefinite(contents, piece=piece, keep=keep)
            written += header[:1] + b"\x80" + inside + b"\0\0"
        elif header[0] in (OCTETS, IMPLICIT) and len(contents) > piece:
            written += bytes((header[0] | CONSTRUCTED, 0x80))
            for start in range(0, len(contents), piece):
                part = contents[start : start + piece]
                written += bytes((OCTETS, len(part))) + part
            written += b"\0\0"
        else:
            written += whole
    return written


@pytest.mark.django_db
@pytest.mark.parametrize("piece", [64, 100_000])
@pytest.mark.parametrize("for_others", [False, True])
def test_certificate_is_issued_when_no_length_is_told_ahead(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Ask, piece: int, for_others: bool
) -> None:
    device = Device()
    others = [make_self_signed(make_key(1), name="other")] if for_others else []
    csr = make_csr(device.key, challenge=STATIC_CHALLENGE)
    enveloped = write_indefinite(encrypt(csr, recipients=[*others, ra]), piece=piece)
    message = device.sign(enveloped)
    signer = cms.ContentInfo.load(message)["content"]["certificates"][0].chosen.dump()
    reply = ask(static_profile, write_indefinite(message, piece=piece, keep=signer))
    assert reply.status == "0"


@pytest.mark.django_db
def test_message_is_refused_when_its_signed_attributes_are_in_pieces(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Ask
) -> None:
    """RFC 5652 section 5.3: signed attributes are DER, whatever stands around them is."""
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    signer = cms.ContentInfo.load(message)["content"]["certificates"][0].chosen.dump()
    reply = ask(static_profile, write_indefinite(message, piece=12, keep=signer))
    assert (reply.status, reply.fail_info) == ("2", "1")
    assert not IssuedCertificate.objects.exists()
