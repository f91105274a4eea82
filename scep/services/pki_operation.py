"""PKIOperation: from a PKIMessage to a certificate or a signed refusal, in RFC 8894's order."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from cryptography.hazmat.primitives.asymmetric import rsa

from scep.errors import (
    ChallengeReused,
    DuplicateTransaction,
    FailInfo,
    MessageUnreadable,
    RequestRejected,
    ScepError,
)
from scep.models import CertificateStatus, IssuedCertificate, ScepProfile, ServicePurpose
from scep.protocol.certificates import encode_public_key, fingerprint
from scep.protocol.cms import build_degenerate
from scep.protocol.csr import CertificateRequest, decode_csr, verify_key
from scep.protocol.envelopes import Envelope, build_envelope, decode_envelope, open_envelope
from scep.protocol.messages import (
    PkiMessage,
    PkiRequest,
    Responder,
    build_failure,
    build_success,
    decode_message,
    verify_message,
)
from scep.selectors import (
    ServiceIdentity,
    get_certificate,
    get_profile_authority,
    get_service_identity,
)
from scep.services.authority import Application, issue_certificate
from scep.services.challenges import check_challenge, find_session_id, spend_challenge
from scep.services.refusals import count_refusal
from scep.signals import scep_request_refused

LOG_CODE_PREFIXES = ("scep_", "token_", "group_")


@dataclass
class _Exchange:
    """One request on its way: what is known of it so far, for the answer and for the log."""

    message: PkiMessage
    scep_profile: ScepProfile
    authority: ServiceIdentity
    now: datetime
    session_id: str = ""
    responder: Responder = field(init=False)

    def __post_init__(self) -> None:
        self.responder = Responder(self.authority.certificate, self.authority.key)


def handle_pki_operation(
    data: bytes, *, scep_profile: ScepProfile, now: datetime, remote_address: str | None
) -> bytes:
    """Answer one PKIMessage with a DER CertRep: the certificate, or a signed refusal.

    Raises MessageUnreadable where nothing can be answered to, organization.errors.NotSetUp
    where there is no RA. Each refusal fires scep_request_refused.
    """
    refuse = partial(_report, scep_profile=scep_profile, remote_address=remote_address)
    try:
        message = decode_message(data)
    except MessageUnreadable as refusal:
        refuse(refusal, session_id="", transaction_id="")
        raise
    authority = get_service_identity(ServicePurpose.SCEP_RA, issuer=scep_profile.issuing_ca)
    exchange = _Exchange(message, scep_profile, authority, now)
    try:
        return _answer(exchange)
    except ScepError as refusal:
        refuse(refusal, session_id=exchange.session_id, transaction_id=message.transaction_id)
        return build_failure(message, responder=exchange.responder, fail_info=refusal.fail_info)


def _answer(exchange: _Exchange) -> bytes:
    allow_legacy = exchange.scep_profile.allow_legacy
    request = verify_message(exchange.message, allow_sha1=allow_legacy)
    signer_key = verify_key(request.signer.public_key())
    envelope = decode_envelope(
        request.enveloped, recipient=exchange.authority.certificate, allow_legacy=allow_legacy
    )
    csr = decode_csr(
        open_envelope(envelope, key=exchange.authority.key),
        allow_sha1=allow_legacy,
        min_key_bits=exchange.scep_profile.key_size,
    )
    exchange.session_id = find_session_id(csr.common_name)
    _verify_same_key(signer_key, csr=csr)
    row = _find_repeated(exchange, csr=csr) or _issue(exchange, csr=csr)
    return _hand_out(row, exchange=exchange, request=request, envelope=envelope)


def _verify_same_key(signer_key: rsa.RSAPublicKey, *, csr: CertificateRequest) -> None:
    """Raise RequestRejected unless the message is signed with the key that asks."""
    if signer_key != csr.public_key:
        raise RequestRejected(
            "the message is signed with another key than the certificate request's",
            fail_info=FailInfo.BAD_MESSAGE_CHECK,
        )


def _find_repeated(exchange: _Exchange, *, csr: CertificateRequest) -> IssuedCertificate | None:
    """Return the certificate that this transaction has brought already, for the same key."""
    row = IssuedCertificate.objects.filter(
        scep_profile=exchange.scep_profile, transaction_id=exchange.message.transaction_id
    ).first()
    if row is None:
        return None
    if row.public_key_sha256 != _key_id(csr.public_key):
        raise RequestRejected("the transactionID belongs to another key")
    if row.status != CertificateStatus.ISSUED:
        raise RequestRejected("the certificate of this transaction was revoked")
    return row


def _issue(exchange: _Exchange, *, csr: CertificateRequest) -> IssuedCertificate:
    profile, now = exchange.scep_profile, exchange.now
    try:
        grant = check_challenge(
            csr.challenge, scep_profile=profile, common_name=csr.common_name, now=now
        )
        exchange.session_id = grant.session_id or exchange.session_id
        application = Application(
            public_key=csr.public_key,
            common_name=grant.session_id or str(uuid.uuid4()),
            grant=grant,
            scep_profile=profile,
            transaction_id=exchange.message.transaction_id,
        )
        return issue_certificate(
            application,
            issuer=get_profile_authority(profile),
            lifetime=timedelta(days=profile.validity_days),
            now=now,
            spend=partial(spend_challenge, csr.challenge, scep_profile=profile, now=now),
        )
    except (ChallengeReused, DuplicateTransaction):
        # The same request twice at once: the other one has won meanwhile.
        row = _find_repeated(exchange, csr=csr)
        if row is None:
            raise
        return row


def _hand_out(
    row: IssuedCertificate, *, exchange: _Exchange, request: PkiRequest, envelope: Envelope
) -> bytes:
    """Return the certificate, and it alone, encrypted for whoever signed the request."""
    content = build_degenerate([get_certificate(row)])
    return build_success(
        exchange.message,
        responder=exchange.responder,
        enveloped=build_envelope(content, recipient=request.signer, cipher=envelope.cipher),
        digest=request.digest,
    )


def _key_id(key: rsa.RSAPublicKey) -> str:
    return fingerprint(encode_public_key(key))


def _report(
    refusal: ScepError,
    *,
    scep_profile: ScepProfile,
    remote_address: str | None,
    session_id: str,
    transaction_id: str,
) -> None:
    count_refusal(remote_address)
    known = refusal.code.startswith(LOG_CODE_PREFIXES)
    # Robust: a listener that fails must not turn a refusal into a server error.
    scep_request_refused.send_robust(
        sender=ScepProfile,
        code=refusal.code if known else RequestRejected.code,
        message=str(refusal),
        session_id=session_id,
        scep_profile=scep_profile,
        remote_address=remote_address,
        detail={"fail_info": int(refusal.fail_info), "transaction_id": transaction_id},
    )
