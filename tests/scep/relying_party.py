"""Somebody who was shown a certificate and asks, by openssl, whether it still holds."""

import base64
import hashlib
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from asn1crypto import core, ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.scep.reply import run_openssl, write_pem

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"


def check_with_lists(
    certificate: x509.Certificate,
    *,
    chain: Sequence[x509.Certificate],
    lists: Sequence[bytes],
    folder: Path,
    check: str = "-crl_check",
) -> str:
    """Return "OK" or what `openssl verify` found. `chain`: CAs from the issuer up to the root."""
    paths = []
    for number, der in enumerate(lists):
        paths += ["-CRLfile", str(folder / f"{number}.crl")]
        pem = run_openssl("crl", "-inform", "DER", stdin=der)
        (folder / f"{number}.crl").write_bytes(pem)
    done = subprocess.run(
        [
            "openssl", "verify", "-x509_strict", check, *paths,
            "-CAfile", write_pem(folder, "root.pem", chain[-1]),
            "-untrusted", write_pem(folder, "between.pem", *chain[:-1]),
            write_pem(folder, "subject.pem", certificate),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return "OK"
    found = re.search(r"lookup: (.+)", done.stderr)
    assert found, done.stderr
    return found[1]


def describe_list(der: bytes, *, issuer: x509.Certificate, folder: Path) -> str:
    """Return `openssl crl -text`, after it has checked the issuer's signature."""
    path = write_pem(folder, "issuer.pem", issuer)
    done = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-text", "-CAfile", path],
        input=der, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"verify OK" in done.stderr, done.stderr
    return done.stdout.decode()


def ask_by_openssl(
    certificates: Sequence[x509.Certificate],
    *,
    source: Sequence[str],
    chain: Sequence[x509.Certificate],
    folder: Path,
    options: Sequence[str] = (),
) -> list[str]:
    """Return each certificate's status by `openssl ocsp`, which verifies the answer.

    `source`: ("-url", URL) to ask by POST, or ("-respin", path) to judge a saved answer.
    """
    subjects: list[str] = []
    for number, certificate in enumerate(certificates):
        subjects += ["-cert", write_pem(folder, f"subject-{number}.pem", certificate)]
    done = subprocess.run(
        [
            "openssl", "ocsp", *source, *options,
            "-CAfile", write_pem(folder, "root.pem", chain[-1]),
            "-verify_other", write_pem(folder, "chain.pem", *chain),
            "-issuer", write_pem(folder, "issuer.pem", chain[0]), *subjects,
        ],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "Response verify OK" in done.stderr, done.stdout + done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return re.findall(r"subject-\d+\.pem: (\w+)", done.stdout)


def build_request(
    certificates: Sequence[tuple[x509.Certificate, x509.Certificate]],
    *,
    digest: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """Return a DER request about (certificate, issuer) pairs."""
    digest = digest or hashes.SHA1()  # noqa: S303 - what most clients send
    asked = [
        {
            "req_cert": {
                "hash_algorithm": {"algorithm": digest.name},
                "issuer_name_hash": _hash(issuer.subject.public_bytes(), digest),
                "issuer_key_hash": _hash(_read_key_bits(issuer), digest),
                "serial_number": certificate.serial_number,
            }
        }
        for certificate, issuer in certificates
    ]
    body: dict[str, object] = {"request_list": asked}
    if nonce is not None:
        value = core.ParsableOctetString(core.OctetString(nonce).dump())
        body["request_extensions"] = [{"extn_id": "nonce", "extn_value": value}]
    der: bytes = ocsp.OCSPRequest({"tbs_request": body}).dump()
    return der


def build_awkward_request(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bytes:
    """Return a request whose base64 holds "//" and "+", which paths like to lose."""
    for shift in range(3):  # which bytes share a letter depends on where they lie
        nonce = bytes(shift) + b"\xff" * 8 + b"\xfb\xef\xbe" * 3 + b"\xff\xff"
        nonce += bytes(shift) + b"\xfb\xef\xbe" * 3
        request = build_request([(certificate, issuer)], nonce=nonce)
        text = base64.b64encode(request).decode()
        if "//" in text and "+" in text:
            return request
    raise AssertionError("base64 has changed")


def _hash(data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    return hashlib.new(digest.name, data).digest()


def _read_key_bits(certificate: x509.Certificate) -> bytes:
    """The public key alone: PKCS#1 for RSA, the point for EC."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)


def read_statuses(answer: bytes) -> list[str]:
    """Return the statuses in an answer; the signature is not looked at."""
    response = ocsp.OCSPResponse.load(answer)
    assert response["response_status"].native == "successful"
    return [each["cert_status"].name for each in response.response_data["responses"]]


def read_refusal(answer: bytes) -> str:
    """Return the status of an answer that holds none; openssl must understand it too."""
    status: str = ocsp.OCSPResponse.load(answer, strict=True)["response_status"].native
    return status
