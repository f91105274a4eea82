"""A SCEP client over HTTP that behaves like Apple's.

Source: RFC 8894 sections 3.5 and 4; quirks of mdmclient and profiled.
"""

import base64
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ..cms.verify import decode_certificates, decode_signed_data
from ..errors import HttpRefused, ScepRefused, Vanished
from ..trust import describe, is_issued_by, matches_fingerprint
from ..web import require_ok
from . import cert_rep, pki_message, request

CA_TYPE = "application/x-x509-ca-cert"
CA_RA_TYPE = "application/x-x509-ca-ra-cert"


@dataclass
class ScepClient:
    """One SCEP server as one device sees it.

    fingerprint: CAFingerprint, raw bytes or None. retry_delay in seconds.
    """

    http: httpx.Client
    url: str
    user_agent: str
    name: str = ""
    fingerprint: bytes | None = None
    ber: bool = True
    force_get: bool = False
    retries: int = 3
    retry_delay: float = 10.0
    sleep: Callable[[float], None] = field(default=time.sleep)
    send_twice: bool = False
    stops_after: str | None = None
    breaks_requests: bool = False
    polls_first: bool = False
    # Not by functools.cached_property: in Python 3.11 all devices would wait for one's answer.
    _capabilities: frozenset[str] | None = None
    _authorities: tuple[x509.Certificate, ...] | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """The lines of GetCACaps; Apple refuses a server without a strong digest."""
        if self._capabilities is None:
            self._capabilities = self._ask_capabilities()
        return self._capabilities

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """GetCACert: the CA, and in RA mode the RA and the CA, fingerprint checked."""
        if self._authorities is None:
            self._authorities = self._ask_authorities()
        return self._authorities

    def _ask_capabilities(self) -> frozenset[str]:
        text = self._get("GetCACaps").text
        found = frozenset(line.strip() for line in text.splitlines() if line.strip())
        if not found & {"SHA-256", "SHA-512", "SCEPStandard"}:
            raise ScepRefused("GetCACaps offers no SHA-256, SHA-512 or SCEPStandard")
        return found

    def _ask_authorities(self) -> tuple[x509.Certificate, ...]:
        answer = self._get("GetCACert")
        kind = answer.headers.get("content-type", "").split(";")[0].strip()
        if kind not in (CA_TYPE, CA_RA_TYPE):
            raise ScepRefused(f"GetCACert has the content type {kind!r}")
        found = decode_authorities(answer.content, ra_mode=kind == CA_RA_TYPE)
        self._require_fingerprint(found)
        _require_one_family(found)
        return found

    def _require_fingerprint(self, found: tuple[x509.Certificate, ...]) -> None:
        expected = self.fingerprint
        if expected is None:
            return
        if not any(matches_fingerprint(each, expected=expected) for each in found):
            raise ScepRefused(f"CAFingerprint {expected.hex()} fits no certificate of GetCACert")

    @property
    def recipient(self) -> x509.Certificate:
        """Whom requests are encrypted to: the RA where there is one, else the CA."""
        return pick_recipient(self.authorities)

    def _get(self, operation: str) -> httpx.Response:
        # Apple appends "?operation=" blindly and always sends a message.
        url = f"{self.url}?operation={operation}&message={self.name}"
        answer = self.http.get(url, headers={"User-Agent": self.user_agent})
        require_ok(answer, what=operation)
        if operation == self.stops_after:
            raise Vanished(operation)
        return answer

    def enroll(
        self,
        key: rsa.RSAPrivateKey,
        *,
        csr: bytes,
        subject: x509.Name,
        signer: tuple[rsa.RSAPrivateKey, x509.Certificate] | None = None,
    ) -> x509.Certificate:
        """PKCSReq, or RenewalReq when an existing pair signs; polls while PENDING."""
        old = signer
        signing = old or (key, request.build_self_signed(key, subject=subject))
        kind = pki_message.RENEWAL_REQ if old else pki_message.PKCS_REQ
        if self.polls_first:
            kind, csr = pki_message.CERT_POLL, self._build_poll(subject)
        for attempt in range(self.retries + 1):
            try:
                return self.send(csr, key=key, signer=signing, message_type=kind)
            except cert_rep.Pending:
                if attempt < self.retries:
                    self.sleep(self.retry_delay)
                kind = pki_message.CERT_POLL
                csr = self._build_poll(subject)
        raise ScepRefused(f"still PENDING after {self.retries} retries")

    def _build_poll(self, subject: x509.Name) -> bytes:
        return pki_message.build_issuer_and_subject(issuer=self._issuer().subject, subject=subject)

    def _issuer(self) -> x509.Certificate:
        return next((c for c in self.authorities if _is_ca(c)), self.authorities[0])

    def send(
        self,
        csr: bytes,
        *,
        key: rsa.RSAPrivateKey,
        signer: tuple[rsa.RSAPrivateKey, x509.Certificate],
        message_type: str,
    ) -> x509.Certificate:
        """One PKIOperation; raises Pending, ScepRefused, HttpRefused or CmsInvalid."""
        transaction_id = pki_message.derive_transaction_id(key)
        nonce = os.urandom(pki_message.NONCE_BYTES)
        message = pki_message.build_pki_message(
            csr,
            recipient=self.recipient,
            key=signer[0],
            certificate=signer[1],
            message_type=message_type,
            transaction_id=transaction_id,
            nonce=nonce,
            cipher=self._pick_cipher(),
            ber=self.ber,
        )
        if self.breaks_requests:
            message = _break(message)
        answers = [self.post(message) for _ in range(1 + self.send_twice)]
        issued = [
            cert_rep.verify_cert_rep(
                answer,
                authorities=self.authorities,
                transaction_id=transaction_id,
                nonce=nonce,
                key=signer[0],
                certificate=signer[1],
                requested_key=key,
            )
            for answer in answers
        ]
        if len(set(issued)) != 1:
            raise ScepRefused("the same transaction gave two different certificates")
        return issued[0]

    def _pick_cipher(self) -> str:
        return "aes128" if self.capabilities & {"AES", "SCEPStandard"} else "des3"

    def post(self, message: bytes) -> bytes:
        """PKIOperation by POST where offered, else GET as macOS does; the raw reply."""
        headers = {"User-Agent": self.user_agent}
        url = f"{self.url}?operation=PKIOperation"
        by_post = bool(self.capabilities & {"POSTPKIOperation", "SCEPStandard"})
        if by_post and not self.force_get:
            headers["Content-Type"] = "application/x-pki-message"
            answer = self.http.post(url, content=message, headers=headers)
        else:
            # macOS leaves + and / of the base64 unescaped.
            text = base64.b64encode(message).decode()
            answer = self.http.get(f"{url}&message={text}", headers=headers)
        require_ok(answer, what="PKIOperation")
        if "application/x-pki-message" not in answer.headers.get("content-type", ""):
            raise HttpRefused(
                "PKIOperation answered with the wrong content type",
                status=answer.status_code,
            )
        return answer.content


def _break(message: bytes) -> bytes:
    """The last octet that is no end of an indefinite length belongs to the signature."""
    end = len(message.rstrip(b"\0")) - 1
    return message[:end] + bytes([message[end] ^ 1]) + message[end + 1 :]


def decode_authorities(blob: bytes, *, ra_mode: bool) -> tuple[x509.Certificate, ...]:
    """GetCACert's body: one DER certificate, or a degenerate SignedData."""
    if ra_mode:
        found = decode_certificates(decode_signed_data(blob))
    else:
        try:
            found = (x509.load_der_x509_certificate(blob),)
        except ValueError as error:
            raise ScepRefused(f"GetCACert is not one DER certificate: {error}") from error
    if not found:
        raise ScepRefused("GetCACert holds no certificate")
    return found


def _require_one_family(found: tuple[x509.Certificate, ...]) -> None:
    """The fingerprint names one of them; the others must hang together with it."""
    for each in found:
        if not _is_ca(each) and not any(is_issued_by(each, issuer=ca) for ca in found):
            raise ScepRefused(f"{describe(each)} is not issued by the CA beside it")


def pick_recipient(authorities: tuple[x509.Certificate, ...]) -> x509.Certificate:
    """The RSA certificate meant for encryption, an RA before a CA.

    Raises ScepRefused when none may encipher keys (macOS: −67731, iOS: 22003). A CA alone is taken
    without that, as micromdm's is.
    """
    is_alone = len(authorities) == 1
    able = [each for each in authorities if _can_encipher(each, is_alone=is_alone)]
    if not able:
        raise ScepRefused("no RSA certificate of GetCACert has keyEncipherment")
    return next((each for each in able if not _is_ca(each)), able[0])


def _can_encipher(certificate: x509.Certificate, *, is_alone: bool) -> bool:
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        return False
    if is_alone:
        return True
    try:
        found = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        return True
    return found.value.key_encipherment


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca
