"""PKIOperation: from a PKIMessage to a certificate or a signed refusal, in RFC 8894's order."""

from datetime import datetime

from organization.protocol.caller import NOBODY, Caller
from scep.errors import ScepError
from scep.models import ScepProfile
from scep.protocol.cms import build_degenerate
from scep.protocol.envelopes import build_envelope
from scep.protocol.messages import (
    MessageType,
    PkiRequest,
    Responder,
    build_failure,
    build_pending,
    build_success,
    decode_message,
    verify_message,
)
from scep.selectors import ServedProfile, get_served_profile
from scep.services.enrollment_request import answer_enrollment
from scep.services.exchange import Exchange, Outcome
from scep.services.poll_request import answer_poll
from scep.services.refusals import report_refusal
from scep.services.renewal_request import answer_renewal

ANSWERS = {
    MessageType.PKCS_REQ: answer_enrollment,
    MessageType.RENEWAL_REQ: answer_renewal,
    MessageType.CERT_POLL: answer_poll,
}


def handle_pki_operation(
    data: bytes,
    *,
    scep_profile: ScepProfile,
    now: datetime,
    session_id: str = "",
    caller: Caller = NOBODY,
    served: ServedProfile | None = None,
) -> bytes:
    """Answer one PKIMessage with a DER CertRep: the certificate, PENDING, or a signed refusal.

    Raises MessageUnreadable where nothing can be answered to, organization.errors.NotSetUp
    where there is no RA. Each signed refusal is reported. `session_id`: what the URL claims, for
    records only. `served`: what was read along with the profile, if it was.
    """
    message = decode_message(data)
    exchange = Exchange(
        message,
        scep_profile,
        served or get_served_profile(scep_profile, now=now),
        now,
        session_id=session_id,
        caller=caller,
    )
    try:
        request = verify_message(message, allow_sha1=scep_profile.allow_legacy)
        outcome = ANSWERS[request.message_type](exchange, request)
        return _build_answer(exchange, request=request, outcome=outcome)
    except ScepError as refusal:
        report_refusal(
            refusal,
            scep_profile=scep_profile,
            caller=caller,
            session_id=exchange.session_id,
            transaction_id=message.transaction_id,
        )
        exchange.note_addressee()
        return build_failure(
            message, responder=_get_responder(exchange), fail_info=refusal.fail_info
        )


def _build_answer(exchange: Exchange, *, request: PkiRequest, outcome: Outcome) -> bytes:
    """Return the certificate, and it alone, encrypted for whoever signed the request."""
    responder = _get_responder(exchange)
    if outcome.certificate is None:
        return build_pending(exchange.message, responder=responder)
    content = build_degenerate([bytes(outcome.certificate.certificate or b"")])
    return build_success(
        exchange.message,
        responder=responder,
        enveloped=build_envelope(
            content,
            recipient=request.signer,
            certificate=request.certificate,
            cipher=outcome.cipher,
        ),
        digest=request.digest,
    )


def _get_responder(exchange: Exchange) -> Responder:
    return Responder(exchange.responder.certificate, exchange.responder.key)
