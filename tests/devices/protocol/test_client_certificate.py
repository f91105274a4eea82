"""Forwarded client certificates: both spellings read, and nothing that is not exactly one."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from devices.errors import MessageRefused
from devices.protocol.client_certificate import decode_client_certificate


def make_certificate(name: str = "device") -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, now, now + timedelta(days=1)
    )
    return builder.sign(key, hashes.SHA256())


CERTIFICATE, OTHER = make_certificate(), make_certificate("other")
DER, PEM = CERTIFICATE.public_bytes(Encoding.DER), CERTIFICATE.public_bytes(Encoding.PEM)
SEQUENCE = f":{base64.b64encode(DER).decode()}:"
ESCAPED = quote(PEM.decode(), safe="")  # as nginx escapes: everything but the unreserved
OTHER_ESCAPED = quote(OTHER.public_bytes(Encoding.PEM).decode(), safe="")


# As the proxies themselves have written it.
APACHE_ESCAPED = PEM.decode().replace(" ", "%20").replace("\n", "%0a")
APACHE_PLAIN = PEM.decode().replace("\n", " ")
ALB = quote(PEM.decode(), safe="+=/")


@pytest.mark.parametrize(
    "header",
    [SEQUENCE, f"  {SEQUENCE} ", ESCAPED, quote(PEM.decode()), APACHE_ESCAPED, APACHE_PLAIN, ALB],
)
def test_the_certificate_is_read_when_it_is_forwarded_in_either_spelling(header: str) -> None:
    assert decode_client_certificate(header) == CERTIFICATE


def test_openssl_reads_the_same_certificate() -> None:
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256"]
    content = base64.b64decode(SEQUENCE.strip(":"))
    said = subprocess.run(command, input=content, check=True, capture_output=True).stdout.decode()
    digest = decode_client_certificate(ESCAPED).fingerprint(hashes.SHA256()).hex()
    assert digest == said.strip().partition("=")[2].replace(":", "").lower()


# The version of a certificate that no RFC knows: the library's error for it is no ValueError.
ODD_DER = DER.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1)
ODD_PEM = (
    b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(ODD_DER) + b"-----END CERTIFICATE-----\n"
)
REFUSED = {
    "an odd version": f":{base64.b64encode(ODD_DER).decode()}:",
    "an odd version, escaped": quote(ODD_PEM.decode(), safe=""),
    "empty": "",
    "a word": "SUCCESS",
    "two sequences": f"{SEQUENCE}, {SEQUENCE}",
    "joined without a space": f"{SEQUENCE},{SEQUENCE}",
    "two escaped": f"{ESCAPED},{ESCAPED}",
    "two spellings": f"{SEQUENCE},{ESCAPED}",
    "two in one": ESCAPED + OTHER_ESCAPED,
    "a parameter": f"{SEQUENCE};x=1",
    "no closing colon": SEQUENCE[:-1],
    "base64 without colons": SEQUENCE.strip(":"),
    "URL-safe base64": SEQUENCE.replace("+", "-").replace("/", "_") + "-_",
    "broken base64": ":AAA:",
    "an empty sequence": "::",
    "bytes after the certificate": f":{base64.b64encode(DER + b'0').decode()}:",
    "a truncated certificate": f":{base64.b64encode(DER[:-1]).decode()}:",
    "a key": ESCAPED.replace("CERTIFICATE", "PRIVATE%20KEY"),
    "an escaped NUL": ESCAPED.replace("%0A", "%00", 1),
    "no certificate inside": "-----BEGIN CERTIFICATE-----%0AAAAA%0A-----END CERTIFICATE-----%0A",
    "a subject": "CN=device,O=Example",
    "too long": ":" + "A" * 20_000 + ":",
    "a long tail": ESCAPED + "%0A" * 8_000,
}


def test_the_refusal_says_how_the_header_begins() -> None:
    with pytest.raises(MessageRefused, match=r"begins with '\(null\)'"):
        decode_client_certificate("(null)")
    with pytest.raises(MessageRefused) as refusal:
        decode_client_certificate(f"é{SEQUENCE.strip(':')}")
    assert str(refusal.value).endswith(rf"begins with '\xe9{SEQUENCE[1:16]}'")


@pytest.mark.parametrize("header", REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(MessageRefused) as refusal:
        decode_client_certificate(header)
    assert refusal.value.code == "client_certificate_unreadable"
