"""Certificates to ask the OCSP responder about, and the requests that ask."""

from typing import Any

from cryptography import x509
from django.utils import timezone

from scep.models import IssuedCertificate
from scep.selectors import get_certificate, get_issuing_ca, get_root_ca
from scep.services.issuance import revoke_certificate
from tests.scep.certifying import certify
from tests.scep.relying_party import (
    build_request,
)

POST = {"Content-Type": "application/ocsp-request"}


def issue() -> IssuedCertificate:
    return certify(token_id="j", now=timezone.now())[1]


def issue_revoked(reason: str = "key_compromise") -> IssuedCertificate:
    row = issue()
    revoke_certificate(row, reason=reason, now=timezone.now())
    return row


def get_chain() -> list[x509.Certificate]:
    return [get_certificate(get_issuing_ca()), get_certificate(get_root_ca())]


def ask_about(*rows: IssuedCertificate, **options: Any) -> bytes:
    issuer = get_chain()[0]
    return build_request([(get_certificate(row), issuer) for row in rows], **options)
