"""The HTTP/2 connection to APNs: one for each process and push certificate, kept open."""

import hashlib
import os
import secrets
import ssl
import tempfile
import threading
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
)
from django.conf import settings

from devices.models import PushCertificate
from devices.protocol.apns import PushAnswer, Verdict, decode_answer

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# A connection that APNs has closed (GOAWAY) or reset is made anew, and the request repeated.
TRIES = 3

_lock = threading.Lock()
_clients: dict[int, tuple[str, httpx.Client]] = {}


def send(
    certificate: PushCertificate, *, path: str, headers: dict[str, str], body: bytes
) -> PushAnswer:
    """POST one push and return what APNs says; a network failure is `try later`."""
    reason = ""
    for _ in range(TRIES):
        client = _get_client(certificate)
        try:
            response = client.post(path, headers=headers, content=body)
        except (httpx.TransportError, ssl.SSLError) as error:
            reason = f"{type(error).__name__}: {error}"[:100]
            _drop_client(client)
            continue
        retry_after = response.headers.get("retry-after", "")
        return decode_answer(response.status_code, response.content, retry_after=retry_after)
    return PushAnswer(Verdict.TRY_LATER, reason)


def _get_client(certificate: PushCertificate) -> httpx.Client:
    """Return this process's client; a forked child or a replaced certificate gets a new one."""
    key = _build_key(certificate)
    with _lock:
        known, client = _clients.get(os.getpid(), ("", None))
        if client is None or known != key:
            client = _build_client(certificate)
            _clients[os.getpid()] = key, client
        return client


def _drop_client(client: httpx.Client) -> None:
    with _lock:
        _, current = _clients.get(os.getpid(), ("", None))
        if current is client:
            del _clients[os.getpid()]
    client.close()


def _build_key(certificate: PushCertificate) -> str:
    fingerprint = hashlib.sha256(bytes(certificate.certificate or b"")).hexdigest()
    return f"{fingerprint} {settings.APNS_HOST}:{settings.APNS_PORT} {settings.APNS_CA}"


def _build_client(certificate: PushCertificate) -> httpx.Client:
    context = ssl.create_default_context(cafile=settings.APNS_CA or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_identity(context, certificate)
    return httpx.Client(
        base_url=f"https://{settings.APNS_HOST}:{settings.APNS_PORT}",
        verify=context,
        http1=False,
        http2=True,
        timeout=TIMEOUT,
        trust_env=False,
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


def close_clients() -> None:
    """Close this process's connection, for one that ends or begins anew."""
    with _lock:
        _, client = _clients.pop(os.getpid(), ("", None))
    if client is not None:
        client.close()
