"""The device's identity, from the payload that IdentityCertificateUUID names."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from .errors import ProfileRefused, ScepRefused
from .habits import Habits, Misbehaviour
from .hardware import Hardware
from .profile_check import PKCS12, SCEP, Plist
from .scep import ScepClient, generate_key, request
from .state import Identity
from .trust import is_issued_by

APPLE_DEFAULT_BITS = 1024
APPLE_RETRIES = 3
APPLE_RETRY_DELAY = 10


@dataclass(frozen=True)
class IdentityMaker:
    """Obtains identities for one device; key: use this one, do not generate."""

    http: httpx.Client
    hardware: Hardware
    habits: Habits
    key: rsa.RSAPrivateKey | None = None
    sleep: Callable[[float], None] = time.sleep

    def obtain(self, payload: Plist) -> Identity:
        """Follows a SCEP or PKCS12 payload; raises SimulationFailure of some kind."""
        if payload["PayloadType"] == PKCS12:
            return open_pkcs12(payload)
        if payload["PayloadType"] == SCEP:
            return self._obtain_by_scep(payload["PayloadContent"])
        raise ProfileRefused(f"{payload['PayloadType']} gives no identity")

    def make_scep_client(self, content: Plist) -> ScepClient:
        """The SCEP client that a payload's settings describe."""
        platform = self.hardware.platform
        ber = self.habits.scep_ber
        return ScepClient(
            http=self.http,
            url=content["URL"],
            user_agent=platform.scep_agent,
            name=content.get("Name", ""),
            fingerprint=self._choose_fingerprint(content.get("CAFingerprint")),
            ber=platform.scep_ber if ber is None else ber,
            force_get=self.habits.scep_get,
            retries=content.get("Retries", APPLE_RETRIES),
            retry_delay=content.get("RetryDelay", APPLE_RETRY_DELAY),
            sleep=self.sleep,
            send_twice=self.habits.does(Misbehaviour.DUPLICATE_MESSAGES),
            stops_after=self.habits.stops_after,
            breaks_requests=self.habits.does(Misbehaviour.BROKEN_REQUEST),
            polls_first=self.habits.does(Misbehaviour.POLLS_FIRST),
        )

    def _obtain_by_scep(self, content: Plist) -> Identity:
        if content.get("Key Type", "RSA") != "RSA":
            raise ProfileRefused("this simulator makes RSA keys only")
        bits = content.get("Keysize", APPLE_DEFAULT_BITS)
        if self.habits.does(Misbehaviour.WEAK_KEY):
            bits = APPLE_DEFAULT_BITS
        key = self.key or generate_key(bits=bits)
        subject = request.build_name(self._expand(content.get("Subject", [])))
        csr = request.build_csr(
            key,
            subject=subject,
            challenge=self._choose_challenge(content.get("Challenge")),
            alternative_names=request.build_alternative_names(content.get("SubjectAltName", {})),
            key_usage=content.get("Key Usage", 0),
        )
        client = self.make_scep_client(content)
        certificate = client.enroll(key, csr=csr, subject=subject)
        if not any(is_issued_by(certificate, issuer=each) for each in client.authorities):
            raise ScepRefused("the issued certificate is not from the CA of GetCACert")
        return Identity(key, certificate)

    def _choose_fingerprint(self, fingerprint: bytes | None) -> bytes | None:
        if self.habits.does(Misbehaviour.OTHER_FINGERPRINT):
            return bytes(32)
        return fingerprint

    def _choose_challenge(self, challenge: str | None) -> str | None:
        if self.habits.does(Misbehaviour.WRONG_CHALLENGE):
            return "not-the-challenge"
        return challenge

    def _expand(self, subject: list[list[list[str]]]) -> list[list[list[str]]]:
        """Macs fill in variables; phones leave them as they are."""
        if not self.hardware.platform.is_mac:
            return subject
        return [[[key, self._fill(value)] for key, value in rdn] for rdn in subject]

    def _fill(self, text: str) -> str:
        for variable, value in (
            ("%ComputerName%", self.hardware.name),
            ("%HardwareUUID%", self.hardware.udid),
            ("%SerialNumber%", self.hardware.serial),
        ):
            text = text.replace(variable, value)
        return text


def open_pkcs12(payload: Plist) -> Identity:
    """The pair inside a PKCS12 payload; raises ProfileRefused."""
    password = payload.get("Password", "").encode()
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(payload["PayloadContent"], password)
    except ValueError as error:
        raise ProfileRefused(f"the PKCS12 payload cannot be opened: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey) or certificate is None:
        raise ProfileRefused("the PKCS12 payload holds no RSA key with a certificate")
    return Identity(key, certificate)
