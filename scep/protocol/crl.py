"""Certificate revocation lists, version 2 (RFC 5280 section 5).

Entries are written byte by byte: a list of 100,000 takes a second, while both ASN.1 libraries
need minutes for one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from asn1crypto import core, crl
from asn1crypto import x509 as asn1_x509

from scep.protocol.issuing import Signer, build_authority_key_identifier
from scep.protocol.revocation_reasons import CODES
from scep.protocol.signing import build_algorithm, sign_bytes

UTC_TIME_ENDS = 2050  # RFC 5280 section 5.1.2.4: UTCTime until 2049, GeneralizedTime from then on
UNSPECIFIED = 0
SEQUENCE, INTEGER = b"\x30", b"\x02"
REASON_EXTENSION = bytes.fromhex("300c300a0603551d1504030a01")  # all but the code itself
MAX_SERIAL_BYTES = 32


@dataclass(frozen=True)
class Revocation:
    """One entry: which serial number, since when (UTC), and why (a word of REASONS)."""

    serial: int
    revoked_at: datetime
    reason: str


def build_crl(
    signer: Signer,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    revocations: Iterable[Revocation],
) -> bytes:
    """Return a full CRL, DER, with its number and the issuer's key identifier.

    The moments are UTC and lose what is below a second.
    """
    entries = b"".join(map(_encode_entry, revocations))
    algorithm = build_algorithm(signer.key)
    key_identifier = build_authority_key_identifier(signer.certificate).public_bytes()
    content = {
        "version": "v2",
        "signature": algorithm,
        "issuer": asn1_x509.Name.load(signer.certificate.subject.public_bytes()),
        "this_update": _build_time(this_update),
        "next_update": _build_time(next_update),
        "crl_extensions": [
            {
                "extn_id": "authority_key_identifier",
                "extn_value": core.ParsableOctetString(key_identifier),
            },
            {"extn_id": "crl_number", "extn_value": core.Integer(number)},
        ],
    }
    if entries:  # an empty list must be absent (section 5.1.2.6)
        content["revoked_certificates"] = crl.RevokedCertificates(contents=entries)
    listed = crl.TbsCertList(content)
    signature = sign_bytes(listed.dump(), key=signer.key)
    whole = {"tbs_cert_list": listed, "signature_algorithm": algorithm, "signature": signature}
    der: bytes = crl.CertificateList(whole).dump()
    return der


def _encode_entry(revocation: Revocation) -> bytes:
    serial = revocation.serial
    size = serial.bit_length() // 8 + 1
    if serial < 0 or size > MAX_SERIAL_BYTES:
        raise ValueError("not a serial number")
    body = INTEGER + bytes((size,)) + serial.to_bytes(size, "big")
    body += _encode_time(revocation.revoked_at.replace(microsecond=0))
    code = CODES.get(revocation.reason, UNSPECIFIED)
    if code != UNSPECIFIED:  # "unspecified" should be absent (section 5.3.1)
        body += REASON_EXTENSION + bytes((code,))
    return SEQUENCE + bytes((len(body),)) + body  # always below 128 bytes: one byte of length


@lru_cache(maxsize=4096)
def _encode_time(moment: datetime) -> bytes:
    der: bytes = _build_time(moment).dump()
    return der


def _build_time(moment: datetime) -> asn1_x509.Time:
    moment = moment.replace(microsecond=0)
    if moment.year < UTC_TIME_ENDS:
        return asn1_x509.Time("utc_time", core.UTCTime(moment))
    return asn1_x509.Time("general_time", core.GeneralizedTime(moment))
