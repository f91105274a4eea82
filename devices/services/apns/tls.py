"""TLS to APNs: the push certificate is the client certificate."""

import secrets
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
)
from django.conf import settings

from devices.models import PushCertificate
from organization.protocol.tls import build_client_context

# What a server's alert says when it is our certificate that it does not take.
ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")


def build_tls_context(certificate: PushCertificate) -> ssl.SSLContext:
    """Return a context that offers HTTP/2 only and trusts the system, or settings.APNS_CA."""
    context = build_client_context(ca_file=settings.APNS_CA or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    _load_identity(context, certificate)
    return context


def is_certificate_alert(error: OSError) -> bool:
    """Whether the peer has ended TLS because of our certificate (RFC 8446, section 6.2)."""
    reason = getattr(error, "reason", None) or ""
    return (
        isinstance(error, ssl.SSLError)
        and "ALERT" in reason
        and any(word in reason for word in ALERTS)
    )


def _load_identity(context: ssl.SSLContext, certificate: PushCertificate) -> None:
    """Python's ssl reads keys from files only: the key goes there under a password of its own."""
    password = secrets.token_urlsafe(32)
    key = load_der_private_key(bytes(certificate.private_key or b""), password=None)
    pem = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
    )
    pem += x509.load_der_x509_certificate(bytes(certificate.certificate or b"")).public_bytes(
        Encoding.PEM
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "identity.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path, password=password)
