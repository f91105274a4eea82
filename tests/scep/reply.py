"""Reading a CertRep as a device does, with openssl checking the signature and decrypting."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.scep.device import (
    FAIL_INFO,
    MESSAGE_TYPE,
    PKI_STATUS,
    RECIPIENT_NONCE,
    SENDER_NONCE,
    TRANSACTION_ID,
)


@dataclass(frozen=True)
class Reply:
    """A CertRep whose signature openssl has checked against the root CA."""

    message_type: str
    status: str
    fail_info: str | None
    transaction_id: str
    sender_nonce: bytes
    recipient_nonce: bytes | None
    enveloped: bytes


def run_openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    """Return openssl's output; a failure fails the test with what openssl said."""
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def write_pem(folder: Path, name: str, *certificates: x509.Certificate) -> str:
    path = folder / name
    path.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates))
    return str(path)


def read_reply(data: bytes, *, chain: list[x509.Certificate]) -> Reply:
    """Check the CertRep with openssl, against the CAs of `chain`; return what it says."""
    with tempfile.TemporaryDirectory() as folder:
        # The answer holds the RA's certificate only; a device has the CAs from GetCACert.
        trusted = write_pem(Path(folder), "ca.pem", *chain[1:])
        content = run_openssl(
            "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", trusted,
            "-purpose", "any", stdin=data,
        )  # fmt: skip
    signer = cms.ContentInfo.load(data)["content"]["signer_infos"][0]
    values = {a["type"].dotted: a["values"][0] for a in signer["signed_attrs"]}
    fail_info = values.get(FAIL_INFO)
    recipient_nonce = values.get(RECIPIENT_NONCE)
    return Reply(
        message_type=values[MESSAGE_TYPE].native,
        status=values[PKI_STATUS].native,
        fail_info=fail_info.native if fail_info else None,
        transaction_id=values[TRANSACTION_ID].native,
        sender_nonce=values[SENDER_NONCE].native,
        recipient_nonce=recipient_nonce.native if recipient_nonce else None,
        enveloped=content,
    )


def decrypt_certificates(
    reply: Reply, *, key: rsa.RSAPrivateKey, certificate: x509.Certificate | bytes
) -> list[x509.Certificate]:
    """Return the certificates inside, decrypted by openssl with the device's key."""
    with tempfile.TemporaryDirectory() as folder:
        recipient = str(Path(folder) / "device.pem")
        if isinstance(certificate, bytes):  # one that cryptography does not read
            run_openssl("x509", "-inform", "DER", "-out", recipient, stdin=certificate)
        else:
            write_pem(Path(folder), "device.pem", certificate)
        key_path = Path(folder) / "key.pem"
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        degenerate = run_openssl(
            "cms", "-decrypt", "-binary", "-inform", "DER", "-recip", recipient,
            "-inkey", str(key_path), stdin=reply.enveloped,
        )  # fmt: skip
    text = run_openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=degenerate)
    return x509.load_pem_x509_certificates(text)
