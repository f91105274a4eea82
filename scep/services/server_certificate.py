"""This server's own TLS certificate, for running without a proxy in front."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from organization.selectors import get_organization
from scep.protocol.certificates import generate_private_key
from scep.protocol.issuing import SERIAL_BITS, Subject, build_server_certificate, build_validity
from scep.selectors import get_certificate, get_issuing_ca, get_signer

# Apple's systems refuse TLS server certificates of more than 825 days (HT210176).
LIFETIME = timedelta(days=397)
KEY_BITS = 2048


@dataclass(frozen=True)
class ServerCertificate:
    """PEM: the certificate with the issuing CA's behind it, and its key (PKCS#8)."""

    chain: bytes
    key: bytes


def issue_server_certificate(hosts: Sequence[str], *, now: datetime) -> ServerCertificate:
    """Return a new key and certificate for `hosts` (names or IP addresses, the first as CN).

    Raises NotSetUp before the first-time set-up.
    """
    issuing = get_issuing_ca()
    key = generate_private_key(bits=KEY_BITS)
    certificate = build_server_certificate(
        key.public_key(),
        issuer=get_signer(issuing),
        subject=Subject(hosts[0], get_organization().name),
        hosts=hosts,
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(now, lifetime=LIFETIME),
    )
    chain = [certificate, get_certificate(issuing)]
    return ServerCertificate(
        b"".join(each.public_bytes(Encoding.PEM) for each in chain),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
