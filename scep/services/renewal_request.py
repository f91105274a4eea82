"""RenewalReq: a device with a certificate asks for its successor (S4).

The request is authorised by our own row for the very certificate that signed it, by nothing else:
no challenge, no name, no chain that merely leads to a CA of ours.
"""

import hashlib
from datetime import timedelta

from cryptography import x509
from django.db.models import QuerySet

from scep.errors import (
    DuplicateTransaction,
    FailInfo,
    IdentityNotInTime,
    IdentityNotTrusted,
    IdentityRevoked,
    RequestRejected,
)
from scep.models import (
    CertificateAuthorityRole,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.csr import CertificateRequest, decode_csr, verify_key
from scep.protocol.grant import ChallengeGrant
from scep.protocol.messages import PkiRequest
from scep.protocol.renewing import read_naming, verify_client_certificate
from scep.protocol.subject_template import Naming
from scep.selectors import get_profile_authority, get_renewal_window, verify_identity
from scep.services.authority import Application, issue_certificate
from scep.services.exchange import Exchange, Outcome, find_repeated, open_request

OWN_CAS = (CertificateAuthorityRole.ISSUING, CertificateAuthorityRole.SINGLE)
NO_LEEWAY = timedelta(0)
MAX_RENEWALS = 3
"""An answer may be lost and the device asks again with a new key, but not without end."""


def answer_renewal(exchange: Exchange, request: PkiRequest) -> Outcome:
    """Issue the successor, with the same names, or hand it out again; raises ScepError."""
    profile = exchange.scep_profile
    # Before anything is decrypted: strangers get no answer that depends on what is inside.
    renewed = _get_renewed(request.signer, exchange=exchange)
    exchange.session_id = renewed.session_id
    naming = read_naming(request.signer)
    opened = open_request(exchange, request)
    csr = decode_csr(
        opened.content,
        allow_sha1=profile.allow_legacy,
        min_key_bits=profile.key_size,
        known_names=_list_known_names(naming),
    )
    transaction_id = _build_transaction_id(exchange.message.transaction_id, renewed=renewed)
    row = find_repeated(exchange, public_key=csr.public_key, transaction_id=transaction_id)
    if row is None:
        row = _renew(
            exchange, csr=csr, renewed=renewed, naming=naming, transaction_id=transaction_id
        )
    return Outcome(row, opened.cipher)


def _get_renewed(signer: x509.Certificate, *, exchange: Exchange) -> IssuedCertificate:
    """Return the row of the certificate that signed, where it may be renewed now."""
    try:
        verify_key(signer.public_key())
        renewed = verify_identity(signer, now=exchange.now, leeway=NO_LEEWAY)
        verify_client_certificate(signer)
        _verify_profile(renewed, scep_profile=exchange.scep_profile)
        if exchange.now < get_renewal_window(renewed):
            raise IdentityNotInTime("the certificate may not be renewed yet")
    except IdentityNotTrusted as error:
        is_late = isinstance(error, IdentityNotInTime)
        fail_info = FailInfo.BAD_TIME if is_late else FailInfo.BAD_REQUEST
        raise RequestRejected(f"the renewal: {error}", fail_info=fail_info) from error
    return renewed


def _verify_profile(renewed: IssuedCertificate, *, scep_profile: ScepProfile) -> None:
    if renewed.scep_profile_id != scep_profile.pk or renewed.issuer.role not in OWN_CAS:
        raise IdentityNotTrusted("the certificate is not of this SCEP profile")
    renewed.scep_profile = scep_profile  # the same row, without asking for it again


def _list_known_names(naming: Naming) -> list[str]:
    names = [name.value for name in naming.alternative_names]
    return [name for name in names if isinstance(name, str)]


def _build_transaction_id(transaction_id: str, *, renewed: IssuedCertificate) -> str:
    """Return the transaction under which the successor is stored.

    Many clients derive the transactionID from their key, so one that renews with the same key
    comes with that of its enrollment. `#` is in no transactionID on the wire.
    """
    scope = f"{renewed.fingerprint}:{transaction_id}"
    return f"#{hashlib.sha256(scope.encode()).hexdigest()}"


def _renew(
    exchange: Exchange,
    *,
    csr: CertificateRequest,
    renewed: IssuedCertificate,
    naming: Naming,
    transaction_id: str,
) -> IssuedCertificate:
    if _list_successors(renewed).count() >= MAX_RENEWALS:
        raise RequestRejected("the certificate was renewed often enough")
    application = Application(
        public_key=csr.public_key,
        grant=ChallengeGrant(renewed.session_id, renewed.token_id),
        scep_profile=exchange.scep_profile,
        transaction_id=transaction_id,
        renews=renewed,
        keeps=naming,
        caller=exchange.caller,
    )
    try:
        return issue_certificate(
            application,
            issuer=get_profile_authority(exchange.scep_profile),
            now=exchange.now,
            spend=lambda _: _check_again(renewed),
        )
    except DuplicateTransaction:
        # The same request twice at once: the other one has won meanwhile.
        row = find_repeated(exchange, public_key=csr.public_key, transaction_id=transaction_id)
        if row is None:
            raise
        return row


def _check_again(renewed: IssuedCertificate) -> None:
    """In the storing transaction, one renewal of the certificate after the other."""
    locked = IssuedCertificate.objects.select_for_update().get(pk=renewed.pk)
    if locked.status != CertificateStatus.ISSUED:
        raise IdentityRevoked("the certificate was revoked", fail_info=FailInfo.BAD_REQUEST)
    if _list_successors(renewed).count() > MAX_RENEWALS:
        raise RequestRejected("the certificate was renewed often enough")


def _list_successors(renewed: IssuedCertificate) -> "QuerySet[IssuedCertificate]":
    return IssuedCertificate.objects.filter(renews=renewed, fingerprint__isnull=False)
