"""What simulated devices send to PUT /mdm/…, signed beforehand as whole HTTP requests."""

import base64
import os
import plistlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.fleet import TOPIC
from benchmarks.load import build_request
from tests.simulator.cms import sign_detached

CONNECT, CHECKIN = "/mdm/connect", "/mdm/checkin"
TYPES = {CONNECT: "application/x-apple-aspen-mdm", CHECKIN: "application/x-apple-aspen-mdm-checkin"}
CERTIFICATE_HEADER = "Client-Cert"
"""In which a proxy forwards the certificate of the TLS connection (RFC 9440)."""


def build_token_update(udid: str) -> dict[str, Any]:
    return {
        "MessageType": "TokenUpdate",
        "UDID": udid,
        "Topic": TOPIC,
        "Token": os.urandom(32),
        "PushMagic": "M",
    }


@dataclass(frozen=True)
class Fleet:
    """Devices that the server knows; `first`, `template`, `authority`: see benchmarks.fleet."""

    port: int
    keys: list[str]
    devices: list[dict[str, Any]]
    first: int
    template: int
    authority: str

    def sign(self, messages: Sequence[dict[str, Any]], *, path: str = CONNECT) -> list[bytes]:
        """Return the n-th message as the n-th device sends it."""
        work = partial(_sign, keys=tuple(self.keys), path=path, port=self.port)
        with ProcessPoolExecutor() as pool:
            return list(pool.map(work, self.devices[: len(messages)], messages, chunksize=50))

    def report(self, count: int, **answer: Any) -> list[bytes]:
        """Return this report as the first `count` devices send it."""
        return self.sign([{**answer, "UDID": each["udid"]} for each in self.devices[:count]])

    def forward(self, messages: Sequence[dict[str, Any]], *, path: str = CONNECT) -> list[bytes]:
        """Return the n-th message as a proxy passes it on that knows the n-th device by TLS."""
        return [
            _build(
                plistlib.dumps(message),
                path=path,
                port=self.port,
                headers={CERTIFICATE_HEADER: f":{device['certificate']}:"},
            )
            for device, message in zip(self.devices, messages, strict=False)
        ]


@lru_cache(maxsize=64)
def _read_key(pem: str) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _sign(
    device: dict[str, Any], message: dict[str, Any], *, keys: tuple[str, ...], path: str, port: int
) -> bytes:
    body = plistlib.dumps(message)
    certificate = x509.load_der_x509_certificate(base64.b64decode(device["certificate"]))
    signature = sign_detached(body, key=_read_key(keys[device["key"]]), certificate=certificate)
    headers = {"Mdm-Signature": base64.b64encode(signature).decode()}
    return _build(body, path=path, port=port, headers=headers)


def _build(body: bytes, *, path: str, port: int, headers: dict[str, str]) -> bytes:
    return build_request(
        path, port=port, body=body, content_type=TYPES[path], method="PUT", headers=headers
    )
