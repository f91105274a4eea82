"""A SCEP client under the tests' control: it can build right messages and every wrong one."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.x509.oid import AttributeOID, NameOID

VERISIGN = "2.16.840.1.113733.1.9."
MESSAGE_TYPE, PKI_STATUS, FAIL_INFO = VERISIGN + "2", VERISIGN + "3", VERISIGN + "4"
SENDER_NONCE, RECIPIENT_NONCE = VERISIGN + "5", VERISIGN + "6"
TRANSACTION_ID = VERISIGN + "7"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
DIGESTS = {
    "md5": hashes.MD5(),  # noqa: S303 - to be refused
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}
CIPHERS = {
    "aes128_cbc": ("2.16.840.1.101.3.4.1.2", 16, 16),
    "aes192_cbc": ("2.16.840.1.101.3.4.1.22", 24, 16),
    "aes256_cbc": ("2.16.840.1.101.3.4.1.42", 32, 16),
    "3des": ("1.2.840.113549.3.7", 24, 8),
    "des": ("1.3.14.3.2.7", 24, 8),  # named as DES; what is inside does not matter
}
Values = dict[str, list[core.Asn1Value]]


@lru_cache(maxsize=128)
def make_key(number: int = 0, bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """Return the tests' RSA key of this number; made once, for RSA keys are slow to make."""
    del number
    return rsa.generate_private_key(public_exponent=exponent, key_size=bits)


def make_name(*common_names: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_names])


def make_self_signed(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, name: str = "device"
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(make_name(name))
        .issuer_name(make_name(name))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )


def make_issuer_and_subject(issuer: x509.Name, subject: x509.Name) -> bytes:
    """Return the DER that a CertPoll holds."""
    names = issuer.public_bytes() + subject.public_bytes()
    return bytes(core.Sequence(contents=names).dump())


def make_csr(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    challenge: str | None = None,
    names: Sequence[str] = ("device",),
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(make_name(*names))
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    request = builder.sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def make_recipient(
    certificate: x509.Certificate, key: bytes, *, by_key_id: bool = False
) -> dict[str, Any]:
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    named = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    rid: dict[str, Any] = {
        "issuer_and_serial_number": {"issuer": named.issuer, "serial_number": named.serial_number}
    }
    if by_key_id:
        rid = {"subject_key_identifier": identifier.value.digest}
    return {
        "version": "v2" if by_key_id else "v0",
        "rid": cms.RecipientIdentifier(rid),
        "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
        "encrypted_key": key,
    }


def encrypt(
    content: bytes,
    *,
    recipients: Sequence[x509.Certificate],
    cipher: str = "aes128_cbc",
    by_key_id: bool = False,
    break_key: bool = False,
    break_padding: bool = False,
) -> bytes:
    """Return DER EnvelopedData for all `recipients`, wrong where asked for."""
    oid, key_size, block = CIPHERS[cipher]
    key, vector = os.urandom(key_size), os.urandom(block)
    padder = PKCS7(block * 8).padder()
    padded = padder.update(content) + padder.finalize()
    if break_padding:
        padded = padded[:-1] + b"\xff"
    algorithm = TripleDES(key) if block == 8 else AES(key)
    encryptor = Cipher(algorithm, modes.CBC(vector)).encryptor()
    infos = []
    for certificate in recipients:
        public_key = certificate.public_key()
        assert isinstance(public_key, rsa.RSAPublicKey)
        wrapped = public_key.encrypt(key, padding.PKCS1v15())
        if break_key:
            wrapped = b"\x01" + wrapped[1:-1] + bytes([wrapped[-1] ^ 1])
        infos.append({"ktri": make_recipient(certificate, wrapped, by_key_id=by_key_id)})
    enveloped = cms.EnvelopedData(
        {
            "version": "v0",
            "recipient_infos": [
                cms.RecipientInfo({"ktri": cms.KeyTransRecipientInfo(info["ktri"])})
                for info in infos
            ],
            "encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": {
                    "algorithm": oid,
                    "parameters": core.OctetString(vector),
                },
                "encrypted_content": encryptor.update(padded) + encryptor.finalize(),
            },
        }
    )
    return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": enveloped}).dump())


def sign(
    content: bytes | None,
    *,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate | bytes,
    attributes: Values,
    digest: str = "sha256",
    signers: int = 1,
    digest_of: bytes | None = None,
    named_digest: str | None = None,
) -> bytes:
    """Return DER SignedData; `digest_of` lies about the content, `named_digest` about the hash."""
    hasher = hashes.Hash(DIGESTS[digest])
    hasher.update(digest_of if digest_of is not None else content or b"")
    values: Values = {
        CONTENT_TYPE: [cms.ContentType("data")],
        MESSAGE_DIGEST: [core.OctetString(hasher.finalize())],
        **attributes,
    }
    signed_attributes = cms.CMSAttributes(
        [cms.CMSAttribute({"type": oid, "values": value}) for oid, value in values.items() if value]
    )
    to_sign = signed_attributes.dump()
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(to_sign, padding.PKCS1v15(), DIGESTS[digest])
    else:
        signature = key.sign(to_sign, ec.ECDSA(DIGESTS[digest]))
    if not isinstance(certificate, bytes):
        certificate = certificate.public_bytes(serialization.Encoding.DER)
    loaded = asn1_x509.Certificate.load(certificate)
    algorithm = algos.DigestAlgorithm({"algorithm": named_digest or digest})
    suffix = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa"
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {
                "issuer_and_serial_number": {
                    "issuer": loaded.issuer,
                    "serial_number": loaded.serial_number,
                }
            }
        ),
        "digest_algorithm": algorithm,
        "signed_attrs": signed_attributes,
        "signature_algorithm": {"algorithm": f"{named_digest or digest}_{suffix}"},
        "signature": signature,
    }
    info: dict[str, Any] = {"content_type": "data"}
    if content is not None:
        info["content"] = content
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [algorithm],
            "encap_content_info": info,
            "certificates": [cms.CertificateChoices({"certificate": loaded})],
            "signer_infos": [signer] * signers,
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


@dataclass
class Device:
    """A device with a key, its self-signed certificate and one SCEP transaction."""

    key: rsa.RSAPrivateKey = field(default_factory=make_key)
    transaction_id: str = field(default_factory=lambda: os.urandom(16).hex())
    nonce: bytes = field(default_factory=lambda: os.urandom(16))
    name: str = "device"

    @property
    def certificate(self) -> x509.Certificate:
        return make_self_signed(self.key, name=self.name)

    def get_attributes(self, **changed: list[core.Asn1Value]) -> Values:
        """Return the SCEP attributes, some of them replaced: message_type, nonce, transaction."""
        values: Values = {
            MESSAGE_TYPE: [core.PrintableString("19")],
            SENDER_NONCE: [core.OctetString(self.nonce)],
            TRANSACTION_ID: [core.PrintableString(self.transaction_id)],
        }
        oids = {"message_type": MESSAGE_TYPE, "nonce": SENDER_NONCE, "transaction": TRANSACTION_ID}
        return values | {oids[name]: value for name, value in changed.items()}

    def build_request(
        self,
        *,
        ra: x509.Certificate,
        challenge: str | None = None,
        csr: bytes | None = None,
        cipher: str = "aes128_cbc",
        digest: str = "sha256",
    ) -> bytes:
        """Return a right PKCSReq with `challenge`, or with a CSR of the test's own."""
        csr = csr or make_csr(self.key, challenge=challenge, names=[self.name])
        enveloped = encrypt(csr, recipients=[ra], cipher=cipher)
        return self.sign(enveloped, digest=digest)

    def build_renewal(
        self,
        *,
        ra: x509.Certificate,
        old: x509.Certificate,
        old_key: rsa.RSAPrivateKey,
        csr: bytes | None = None,
        message_type: str = "17",
    ) -> bytes:
        """Return a RenewalReq for this device's key, signed with `old`."""
        csr = csr or make_csr(self.key, names=[self.name])
        return sign(
            encrypt(csr, recipients=[ra]),
            key=old_key,
            certificate=old,
            attributes=self.get_attributes(message_type=[core.PrintableString(message_type)]),
        )

    def build_poll(
        self,
        *,
        ra: x509.Certificate,
        issuer: x509.Name,
        subject: x509.Name | None = None,
        content: bytes | None = None,
    ) -> bytes:
        """Return a CertPoll for this device's transaction."""
        asked = make_name(self.name) if subject is None else subject
        named = make_issuer_and_subject(issuer, asked)
        return sign(
            encrypt(named if content is None else content, recipients=[ra]),
            key=self.key,
            certificate=self.certificate,
            attributes=self.get_attributes(message_type=[core.PrintableString("20")]),
        )

    def sign(self, enveloped: bytes, *, digest: str = "sha256") -> bytes:
        return sign(
            enveloped,
            key=self.key,
            certificate=self.certificate,
            attributes=self.get_attributes(),
            digest=digest,
        )
