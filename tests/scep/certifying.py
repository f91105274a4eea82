"""Certificates of the server's CA for keys that the tests made before."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import cycle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from scep.models import IssuedCertificate
from scep.protocol.grant import ChallengeGrant
from scep.protocol.identity_certificate import build_identity_certificate
from scep.selectors import get_issuing_ca
from scep.services import issuance
from scep.services.issuance import Application, issue_certificate
from tests.scep.device import make_key

# Apart from those that tests name; more than one test has devices.
NUMBERS: Iterator[int] = cycle(range(100, 132))


def certify(
    *,
    session_id: str = "",
    token_id: str = "",
    now: datetime,
    renews: IssuedCertificate | None = None,
) -> tuple[rsa.RSAPrivateKey, IssuedCertificate]:
    """What issue_identity does but for a new key, its PKCS#12 and the end of earlier ones.

    Those take ten times as long as the certificate.
    """
    key = make_key(next(NUMBERS))
    application = Application(key.public_key(), ChallengeGrant(session_id, token_id), renews=renews)
    return key, issue_certificate(
        application, issuer=get_issuing_ca(), now=now, spend=lambda row: None
    )


def meanwhile(act: Callable[[], object], *, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it happen while a certificate is signed."""

    def sign(*arguments: Any, **options: Any) -> bytes:
        act()
        return build_identity_certificate(*arguments, **options)

    monkeypatch.setattr(issuance, "build_identity_certificate", sign)
