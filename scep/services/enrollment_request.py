"""PKCSReq: a device without a certificate, with a challenge."""

from datetime import datetime
from functools import partial

from organization.errors import NotSetUp
from scep.errors import (
    ChallengeReused,
    DuplicateTransaction,
    ScepError,
    TransactionOver,
    UnprovedRequest,
)
from scep.models import IssuedCertificate, ScepProfile
from scep.protocol.csr import CertificateRequest, decode_csr, verify_key
from scep.protocol.grant import ChallengeGrant
from scep.protocol.messages import PkiRequest
from scep.selectors import ServedProfile, get_profile_authority, verify_not_compromised
from scep.services.challenged_renewal import (
    explain_refusal,
    find_renewal,
    renew_with_challenge,
)
from scep.services.challenges import check_challenge, find_session_id, spend_challenge
from scep.services.exchange import Exchange, Outcome, find_repeated, open_request
from scep.services.held_requests import (
    asking_again,
    claim_certificate,
    find_held_request,
    hold_request,
)
from scep.services.issuance import Application, issue_certificate
from scep.services.new_identities import check_not_stopped, check_session
from scep.services.past_transactions import end_transaction


def answer_enrollment(exchange: Exchange, request: PkiRequest) -> Outcome:
    """Issue, repeat or hold; raises ScepError.

    With a challenge, whatever certificate its signer has; and signed with the key that asks (S3),
    or with a certificate that may be renewed now.
    """
    profile = exchange.scep_profile
    signer_key = verify_key(request.signer.public_key(), min_bits=profile.key_size)
    renewal = find_renewal(exchange, request)
    opened = open_request(exchange, request)
    try:
        csr = decode_csr(
            opened.content,
            allow_sha1=profile.allow_legacy,
            min_key_bits=profile.key_size,
            expected_key=None if renewal else signer_key,
            known_names=renewal.list_known_names() if renewal else (),
        )
    except UnprovedRequest as refusal:
        raise explain_refusal(refusal, exchange=exchange, request=request) from refusal
    exchange.session_id = find_session_id(csr.common_name) or exchange.session_id
    row = renew_with_challenge(exchange, renewal, csr=csr) if renewal else None
    if row is None and csr.public_key != signer_key:
        raise UnprovedRequest("the challenge is not for the certificate that the message renews")
    if row is None:
        try:
            row = _find_or_enroll(exchange, csr=csr)
        except TransactionOver as over:
            try:
                end_transaction(exchange, csr=csr)
            except ChallengeReused:
                raise over from None  # the same message again: it knows why, the challenge does not
            row = _find_or_enroll(exchange, csr=csr)
    return Outcome(row, opened.cipher)


def _find_or_enroll(exchange: Exchange, *, csr: CertificateRequest) -> IssuedCertificate | None:
    """Return the certificate, or None while the request waits for approval."""
    if exchange.scep_profile.hold_for_approval:
        row = find_repeated(exchange, public_key=csr.public_key)
        if row is not None:
            return row
        held = find_held_request(exchange)
        if held is not None:
            return claim_certificate(held, exchange=exchange, public_key=csr.public_key)
    try:
        return _enroll(exchange, csr=csr)
    except (ScepError, NotSetUp) as refusal:
        # A repeated request gets its certificate again, whatever has become of its challenge.
        # Looked up only now: of a new one, the storing of the intent has found nothing.
        row = find_repeated(exchange, public_key=csr.public_key)
        if row is not None:
            return row
        held = find_held_request(exchange)
        if held is None:
            raise
        if not isinstance(refusal, ChallengeReused | DuplicateTransaction):
            with asking_again(held, public_key=csr.public_key):
                raise
        return claim_certificate(held, exchange=exchange, public_key=csr.public_key)


def _enroll(exchange: Exchange, *, csr: CertificateRequest) -> IssuedCertificate | None:
    profile, now = exchange.scep_profile, exchange.now
    grant = check_challenge(
        csr.challenge, scep_profile=profile, common_name=csr.common_name, now=now
    )
    exchange.session_id = grant.session_id or exchange.session_id
    if not (grant.renews_fingerprint or grant.is_test):
        _check_allowed(grant, served=exchange.served, now=now)
    spend = partial(spend_challenge, csr.challenge, grant=grant, scep_profile=profile, now=now)
    if _is_held(grant, scep_profile=profile):
        verify_not_compromised(csr.public_key)
        hold_request(exchange, csr=csr, grant=grant, spend=spend)
        return None
    application = Application(
        public_key=csr.public_key,
        grant=grant,
        scep_profile=profile,
        transaction_id=exchange.message.transaction_id,
        renews=_find_renewed(grant),
        caller=exchange.caller,
        organization=exchange.served.organization,
    )
    return issue_certificate(
        application, issuer=get_profile_authority(profile), now=now, spend=lambda _: spend()
    )


def _is_held(grant: ChallengeGrant, *, scep_profile: ScepProfile) -> bool:
    """Whether an administrator decides: of new identities only."""
    if grant.renews_fingerprint or grant.is_test or grant.is_profile_service:
        return False
    return grant.holds or scep_profile.hold_for_approval


def _check_allowed(grant: ChallengeGrant, *, served: ServedProfile, now: datetime) -> None:
    """Raise ChallengeInvalid while enrolling is stopped, and where the session has ended since."""
    check_not_stopped(served)
    # A token's challenge was looked at as a whole. What a static one claims proves nothing, but
    # whoever says which session it is hears when that is over.
    if grant.is_one_time or grant.is_claimed:
        check_session(grant.session_id, now=now, is_identity=not grant.is_profile_service)


def _find_renewed(grant: ChallengeGrant) -> IssuedCertificate | None:
    if not grant.renews_fingerprint:
        return None
    return IssuedCertificate.objects.filter(fingerprint=grant.renews_fingerprint).first()
