"""What becomes of a TLS client certificate on its way: the doctor shows one, as devices do."""

import re
import tempfile
from datetime import timedelta
from ssl import SSLContext

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.utils import timezone

from guardmdm.health.address import build_trust, open_client
from guardmdm.health.findings import Finding, build_failure
from guardmdm.health.passage import Answer, ask
from scep.protocol.certificates import encode_certificate, fingerprint

NAME = "client certificates"
FINGERPRINT = re.compile("[0-9a-f]{64}")
VALID_FOR = timedelta(days=1)
FORM_FIX = (
    "Let the proxy write it as in RFC 9440 or as escaped PEM, and nothing where there is none: "
    "docs/deployment.md has the lines for nginx, HAProxy, Apache and Caddy."
)
LIST_FIX = (
    "Let the proxy take those of any CA (nginx: ssl_verify_client optional_no_ca): this server "
    "judges them, and its log says why."
)


def check_client_certificates() -> Finding:
    """Whether the proxy passes them on readably, and nothing where a client has none."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _make_certificate(key)
    return judge_certificates(
        shown=fingerprint(encode_certificate(certificate)),
        without=_ask(build_trust()),
        with_it=_ask(_load(build_trust(), key=key, certificate=certificate)),
    )


def judge_certificates(*, shown: str, without: Answer, with_it: Answer) -> Finding:
    """`shown`: the fingerprint of the certificate that one of the two requests came with."""
    header = settings.CLIENT_CERT_HEADER
    if not without.has_arrived:
        return build_failure(
            NAME, f"not seen: {without.obstacle}", "Mend the findings above first."
        )
    if without.seen["certificate"]:
        text = f"devices that show none are refused, for {without.seen['certificate']} ({header})"
        return build_failure(NAME, text, FORM_FIX)
    if not with_it.has_arrived:
        text = f"one that no CA has signed is refused before it gets here: {with_it.obstacle}"
        return Finding(NAME, text, LIST_FIX)
    match with_it.seen["certificate"]:
        case "":
            return Finding(NAME, f"none arrives in {header}: devices are known by their signature")
        case arrived if arrived == shown:
            return Finding(NAME, f"arrive in {header}")
        case arrived:
            is_other = FINGERPRINT.fullmatch(arrived)
            text = "another one arrives than was shown" if is_other else arrived
            return build_failure(NAME, f"{text} ({header})", FORM_FIX)


def _ask(context: SSLContext) -> Answer:
    with open_client(context=context) as client:
        return ask(client, "mdm", method="PUT")


def _make_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Of nobody: no device, and no CA that anybody knows."""
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "doctor")]), timezone.now()
    serial = x509.random_serial_number()
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), serial, now - VALID_FOR, now + VALID_FOR
    )
    return builder.sign(key, hashes.SHA256())


def _load(
    context: SSLContext, *, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
) -> SSLContext:
    """OpenSSL reads keys from files alone."""
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(private + certificate.public_bytes(Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context
