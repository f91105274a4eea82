"""This server's own TLS certificate, for running without a proxy in front."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import transaction

from organization.selectors import get_organization
from scep.models import ServiceCertificate, ServicePurpose
from scep.protocol.certificates import generate_private_key
from scep.protocol.issuing import SERIAL_BITS, Subject, build_server_certificate, build_validity
from scep.selectors import get_certificate, get_server_authority, get_signer, list_chain
from scep.services.service_certificates import store_service_certificate

# Apple's systems refuse TLS server certificates of more than 825 days (HT210176).
LIFETIME = timedelta(days=397)
KEY_BITS = 2048


@dataclass(frozen=True)
class ServerCertificate:
    """PEM: the certificate with the CAs' below the root behind it, and its key (PKCS#8)."""

    chain: bytes
    key: bytes


def issue_server_certificate(hosts: Sequence[str], *, now: datetime) -> ServerCertificate:
    """Return a new key and certificate for `hosts` (names or IP addresses, the first as CN).

    The certificate is recorded in place of the one before; its key is not. Raises NotSetUp
    before the first-time set-up.
    """
    authority = get_server_authority()
    signer = get_signer(authority)
    key = generate_private_key(bits=KEY_BITS)
    certificate = build_server_certificate(
        key.public_key(),
        issuer=signer,
        subject=Subject(hosts[0], get_organization().name),
        hosts=hosts,
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(
            now, lifetime=LIFETIME, limit=signer.certificate.not_valid_after_utc
        ),
    )
    with transaction.atomic():
        earlier = ServiceCertificate.objects.filter(purpose=ServicePurpose.TLS_SERVER)
        earlier.filter(is_active=True).update(is_active=False, updated_at=now)
        store_service_certificate(
            ServicePurpose.TLS_SERVER, issuer=authority, certificate=certificate, key=None
        )
    chain = [certificate, *(get_certificate(row) for row in list_chain(authority)[:-1])]
    return ServerCertificate(
        b"".join(each.public_bytes(Encoding.PEM) for each in chain),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
