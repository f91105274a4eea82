"""The address that devices use, as a client meets it: name, port, TLS, the certificate."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.db.utils import DatabaseError
from django.utils import timezone

from guardmdm.health.findings import Finding, build_failure
from organization.errors import NotSetUp
from organization.models import ServerTrust
from organization.protocol.loopback import is_loopback
from organization.protocol.tls import build_client_context
from organization.selectors import get_organization
from scep.selectors import list_root_cas

SECONDS = 5.0
RENEW_WITHIN = timedelta(days=21)
# Apple: certificates that are valid for longer are refused, whoever signed them.
LONGEST_LIFETIME = timedelta(days=825)
SMALLEST_RSA_BITS = 2048
# What OpenSSL makes of an answer in plain HTTP; an old TLS is told otherwise.
NO_TLS_AT_ALL = "WRONG_VERSION_NUMBER"
INCOMPLETE = (
    "comes without the certificate of the CA that issued it",
    "Give the proxy the full chain (fullchain.pem), not the certificate alone.",
)
# OpenSSL's reasons (X509_V_ERR_…), as an administrator can act on them.
REASONS = {
    10: ("has expired", "Renew the TLS certificate."),
    18: (
        "is signed by nobody but itself",
        "Use one of a public CA, or one that this server issues (serve --host).",
    ),
    19: ("comes from a CA that devices do not know", "Use one of a public CA."),
    20: INCOMPLETE,
    21: INCOMPLETE,
    62: ("is for another name", "Get a certificate for the name in GUARDMDM_BASE_URL."),
    64: ("is for another address", "Get a certificate for the address in GUARDMDM_BASE_URL."),
}


@dataclass(frozen=True)
class Shown:
    """What the other side showed in TLS."""

    certificate: x509.Certificate
    version: str


def check_base_url() -> Finding:
    """Whether the server answers where devices look for it; follows no redirect."""
    url, name = urlsplit(settings.BASE_URL), "base URL"
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        return build_failure(
            name, settings.BASE_URL, "Devices need HTTPS: set GUARDMDM_BASE_URL to it."
        )
    try:
        answer = open_client().get("/healthz")
    except httpx.HTTPError as error:
        return build_failure(
            name,
            f"{settings.BASE_URL}: {_describe(error)}",
            "Start the server, or correct GUARDMDM_BASE_URL, its DNS entry and the firewall.",
        )
    if answer.is_redirect:
        place = answer.headers.get("Location", "")
        fix = "Set GUARDMDM_BASE_URL to the address that answers, or end the redirect."
        return build_failure(name, f"{settings.BASE_URL} redirects to {place[:200]}", fix)
    if answer.status_code != httpx.codes.OK or answer.text != "ok\n":
        text = f"{settings.BASE_URL} answers {answer.status_code}, and it is not this server"
        return build_failure(name, text, "Let the proxy pass everything on to the web process.")
    text = f"{settings.BASE_URL} answers (200)"
    if is_loopback(url.hostname or ""):
        fix = "Set GUARDMDM_BASE_URL to an address that devices reach, with HTTPS."
        return Finding(name, f"{text}, on this machine alone", fix)
    return Finding(name, text)


def check_tls() -> Finding:
    """Whether devices trust the certificate, from the start or once they have the root CA."""
    name = "TLS certificate"
    try:
        shown = _shake_hands(_build_blind_context())
    except ssl.SSLError as error:
        if error.reason == NO_TLS_AT_ALL:
            return build_failure(
                name,
                "what answers there does not speak TLS",
                "Put nginx in front, start the server with serve --host, or correct the port in "
                "GUARDMDM_BASE_URL.",
            )
        return build_failure(
            name,
            f"no TLS 1.2 or 1.3: {error.reason or error}",
            "Switch TLS 1.2 or later on (nginx: ssl_protocols TLSv1.2 TLSv1.3).",
        )
    except OSError as error:
        return build_failure(name, f"not seen: {error}", "Mend the base URL first.")
    weakness = _find_weakness(shown.certificate)
    if weakness is not None:
        return build_failure(name, *weakness)
    if _find_refusal(build_client_context()) is None:
        return _judge_expiry(name, shown, "trusted by this system's own certificate store")
    refusal = _find_refusal(build_trust())
    if refusal is None and _is_vouched_elsewhere():
        return _judge_expiry(name, shown, "trusted by devices, as System › Settings says")
    if refusal is not None:
        code, message = refusal
        text, fix = REASONS.get(code, (message, "Renew or complete the TLS certificate."))
        return build_failure(name, f"it {text}", fix)
    finding = _judge_expiry(name, shown, "trusted by nobody but through this server's own root CA")
    fix = "Well enough for a trial. With a public CA's nobody has to trust the root first."
    return finding if finding.fix else Finding(name, finding.text, fix)


def is_https() -> bool:
    return urlsplit(settings.BASE_URL).scheme == "https"


def open_client(*, seconds: float = SECONDS, context: ssl.SSLContext | None = None) -> httpx.Client:
    """Return a client for the base URL and nothing else: no redirect, no proxy of this process."""
    return httpx.Client(
        base_url=settings.BASE_URL,
        verify=context or build_trust(),
        timeout=httpx.Timeout(seconds, connect=SECONDS),
        follow_redirects=False,
        trust_env=False,
    )


def build_trust() -> ssl.SSLContext:
    """The system's authorities, the root CAs that devices get by the profile, and, where an
    administrator says that devices trust another CA, the very certificate that is shown.
    """
    context = build_client_context()
    with suppress(NotSetUp, DatabaseError, ssl.SSLError):
        for row in list_root_cas():
            context.load_verify_locations(cadata=bytes(row.certificate))
    if _is_vouched_elsewhere():
        with suppress(OSError):
            shown = _shake_hands(_build_blind_context()).certificate
            context.load_verify_locations(cadata=shown.public_bytes(Encoding.DER))
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _is_vouched_elsewhere() -> bool:
    with suppress(NotSetUp, DatabaseError):
        return is_https() and get_organization().server_trust == ServerTrust.PUBLIC
    return False


def _build_blind_context() -> ssl.SSLContext:
    context = build_client_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _shake_hands(context: ssl.SSLContext) -> Shown:
    url = urlsplit(settings.BASE_URL)
    address = (url.hostname or "", url.port or 443)
    with (
        socket.create_connection(address, timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=url.hostname) as connection,
    ):
        der = connection.getpeercert(binary_form=True) or b""
        return Shown(x509.load_der_x509_certificate(der), connection.version() or "")


def _find_refusal(context: ssl.SSLContext) -> tuple[int, str] | None:
    """Return OpenSSL's code and words, or None where it trusts the connection."""
    try:
        _shake_hands(context)
    except ssl.SSLCertVerificationError as error:
        return error.verify_code, error.verify_message
    except OSError as error:
        return 0, str(error)
    return None


def _find_weakness(certificate: x509.Certificate) -> tuple[str, str] | None:
    """Return what Apple's systems refuse in any server's certificate, and the fix."""
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime > LONGEST_LIFETIME:
        text = f"it is valid for {lifetime.days} days, and Apple's systems take at most 825"
        return text, "Issue it for 397 days or less."
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size < SMALLEST_RSA_BITS:
        return f"its RSA key has {key.key_size} bits", "Issue it for a key of 2048 bits or more."
    return None


def _judge_expiry(name: str, shown: Shown, trust: str) -> Finding:
    until: datetime = shown.certificate.not_valid_after_utc
    text = f"{trust}; valid until {until:%-d %b %Y}; {shown.version}"
    is_soon = until - timezone.now() < RENEW_WITHIN
    return Finding(
        name, text, "Renew it: no device connects once it has expired." if is_soon else ""
    )


def _describe(error: httpx.HTTPError) -> str:
    text = str(error) or type(error).__name__
    return text.removeprefix("[Errno -2] ").removeprefix("[Errno 111] ")[:300]
