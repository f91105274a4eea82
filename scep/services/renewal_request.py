"""RenewalReq: a device with a certificate asks for its successor (S4).

The request is authorised by our own row for the very certificate that signed it, by nothing else:
no challenge, no name, no chain that merely leads to a CA of ours.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db.models import QuerySet

from scep.errors import (
    DuplicateTransaction,
    FailInfo,
    IdentityNotInTime,
    IdentityNotTrusted,
    RequestRejected,
)
from scep.models import (
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.csr import CertificateRequest, decode_csr, verify_key
from scep.protocol.grant import ChallengeGrant
from scep.protocol.messages import PkiRequest
from scep.protocol.renewing import read_naming, verify_client_certificate
from scep.protocol.subject_template import Naming
from scep.selectors import ISSUERS, get_profile_authority, get_renewal_window, verify_identity
from scep.services.exchange import Exchange, Outcome, find_repeated, get_key_id, open_request
from scep.services.issuance import Application, issue_certificate

NO_LEEWAY = timedelta(0)
MAX_RENEWALS = 3
"""An answer may be lost and the device asks again with a new key, but not without end."""


@dataclass(frozen=True)
class Renewal:
    """A certificate that may be replaced now, and how its successor is named and stored."""

    renewed: IssuedCertificate
    naming: Naming
    transaction_id: str

    def has_key(self, key: rsa.RSAPublicKey) -> bool:
        """Whether this is the certificate's own key."""
        return self.renewed.public_key_sha256 == get_key_id(key)

    def list_known_names(self) -> list[str]:
        """Return the alternative names that the device has already."""
        names = [name.value for name in self.naming.alternative_names]
        return [name for name in names if isinstance(name, str)]


def answer_renewal(exchange: Exchange, request: PkiRequest) -> Outcome:
    """Issue the successor, with the same names, or hand it out again; raises ScepError."""
    profile = exchange.scep_profile
    # Before anything is decrypted: strangers get no answer that depends on what is inside.
    renewal = get_renewal(exchange, signer=request.signer)
    exchange.session_id = renewal.renewed.session_id
    opened = open_request(exchange, request)
    csr = decode_csr(
        opened.content,
        allow_sha1=profile.allow_legacy,
        min_key_bits=profile.key_size,
        known_names=renewal.list_known_names(),
    )
    row = find_successor(exchange, renewal, csr=csr)
    return Outcome(row or renew(exchange, renewal, csr=csr), opened.cipher)


def get_renewal(exchange: Exchange, *, signer: x509.Certificate) -> Renewal:
    """Return what the certificate that signed is renewed as; raises RequestRejected."""
    renewed = _get_renewed(signer, exchange=exchange)
    transaction_id = _build_transaction_id(exchange.message.transaction_id, renewed=renewed)
    return Renewal(renewed, read_naming(signer), transaction_id)


def find_successor(
    exchange: Exchange, renewal: Renewal, *, csr: CertificateRequest
) -> IssuedCertificate | None:
    """Return the certificate that this request has brought already; raises RequestRejected."""
    return find_repeated(exchange, public_key=csr.public_key, transaction_id=renewal.transaction_id)


def renew(
    exchange: Exchange,
    renewal: Renewal,
    *,
    csr: CertificateRequest,
    spend: Callable[[], object] | None = None,
) -> IssuedCertificate:
    """Issue the successor; `spend` runs in the storing transaction. Raises ScepError."""
    renewed = renewal.renewed
    if _list_successors(renewed).count() >= MAX_RENEWALS:
        raise RequestRejected("the certificate was renewed often enough")
    application = Application(
        public_key=csr.public_key,
        grant=ChallengeGrant(renewed.session_id, renewed.token_id),
        scep_profile=exchange.scep_profile,
        transaction_id=renewal.transaction_id,
        renews=renewed,
        keeps=renewal.naming,
        caller=exchange.caller,
    )

    def check_and_spend(_: IssuedCertificate) -> None:
        _check_number(renewed)
        if spend is not None:
            spend()

    try:
        return issue_certificate(
            application,
            issuer=get_profile_authority(exchange.scep_profile),
            now=exchange.now,
            spend=check_and_spend,
        )
    except DuplicateTransaction:
        # The same request twice at once: the other one has won meanwhile.
        row = find_successor(exchange, renewal, csr=csr)
        if row is None:
            raise
        return row


def _get_renewed(signer: x509.Certificate, *, exchange: Exchange) -> IssuedCertificate:
    """Return the row of the certificate that signed, where it may be renewed now."""
    try:
        verify_key(signer.public_key())
        renewed = verify_identity(signer, now=exchange.now, leeway=NO_LEEWAY)
        verify_client_certificate(signer)
        _verify_profile(renewed, scep_profile=exchange.scep_profile)
        is_early = exchange.now < get_renewal_window(renewed)
        if is_early and renewed.issuer.revoked_at is None:  # else nobody believes it any more
            raise IdentityNotInTime("the certificate may not be renewed yet")
    except IdentityNotTrusted as error:
        is_late = isinstance(error, IdentityNotInTime)
        fail_info = FailInfo.BAD_TIME if is_late else FailInfo.BAD_REQUEST
        raise RequestRejected(f"the renewal: {error}", fail_info=fail_info) from error
    return renewed


def _verify_profile(renewed: IssuedCertificate, *, scep_profile: ScepProfile) -> None:
    if renewed.scep_profile_id != scep_profile.pk or renewed.issuer.role not in ISSUERS:
        raise IdentityNotTrusted("the certificate is not of this SCEP profile")
    renewed.scep_profile = scep_profile  # the same row, without asking for it again


def _build_transaction_id(transaction_id: str, *, renewed: IssuedCertificate) -> str:
    """Return the transaction under which the successor is stored.

    Many clients derive the transactionID from their key, so one that renews with the same key
    comes with that of its enrollment. `#` is in no transactionID on the wire.
    """
    scope = f"{renewed.fingerprint}:{transaction_id}"
    return f"#{hashlib.sha256(scope.encode()).hexdigest()}"


def _check_number(renewed: IssuedCertificate) -> None:
    """In the storing transaction, which has locked the renewed certificate."""
    if _list_successors(renewed).count() > MAX_RENEWALS:
        raise RequestRejected("the certificate was renewed often enough")


def _list_successors(renewed: IssuedCertificate) -> "QuerySet[IssuedCertificate]":
    return IssuedCertificate.objects.filter(renews=renewed, fingerprint__isnull=False)
