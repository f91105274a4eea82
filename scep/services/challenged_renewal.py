"""PKCSReq signed with a certificate that may be renewed: so clients from before RFC 8894 renew.

jscep and certmonger do, with the same key or another. It needs what a RenewalReq needs of the
certificate, and what a PKCSReq needs of the challenge.
"""

from functools import partial

from scep.errors import RequestRejected, ScepError, UnprovedRequest
from scep.models import IssuedCertificate
from scep.protocol.csr import CertificateRequest
from scep.protocol.grant import ChallengeGrant
from scep.protocol.messages import PkiRequest
from scep.services.challenges import check_challenge, spend_challenge
from scep.services.exchange import Exchange
from scep.services.renewal_request import Renewal, find_successor, get_renewal, renew


def find_renewal(exchange: Exchange, request: PkiRequest) -> Renewal | None:
    """Return what the signer of a PKCSReq may be renewed as now, None for nearly all of them."""
    if request.is_self_issued:
        return None  # and not looked up
    try:
        return get_renewal(exchange, signer=request.signer)
    except RequestRejected:
        return None


def renew_with_challenge(
    exchange: Exchange, renewal: Renewal, *, csr: CertificateRequest
) -> IssuedCertificate | None:
    """Issue the successor, or hand it out again; None where the challenge is not the renewal's.

    Raises ScepError; of the challenge only for another key than the certificate's, since the same
    one may ask as if it had none.
    """
    row = find_successor(exchange, renewal, csr=csr)
    if row is not None:
        return row
    profile, now = exchange.scep_profile, exchange.now
    try:
        grant = check_challenge(
            csr.challenge, scep_profile=profile, common_name=csr.common_name, now=now
        )
    except ScepError:
        if renewal.has_key(csr.public_key):
            return None
        raise
    if not _is_of(grant, renewed=renewal.renewed):
        return None
    exchange.session_id = renewal.renewed.session_id
    spend = partial(spend_challenge, csr.challenge, grant=grant, scep_profile=profile, now=now)
    return renew(exchange, renewal, csr=csr, spend=spend)


def explain_refusal(
    refusal: UnprovedRequest, *, exchange: Exchange, request: PkiRequest
) -> UnprovedRequest:
    """Return it with the reason why its signer renews nothing, for the log."""
    if request.is_self_issued:
        return refusal
    try:
        get_renewal(exchange, signer=request.signer)
    except RequestRejected as reason:
        return UnprovedRequest(f"{refusal}; {reason}")
    return refusal


def _is_of(grant: ChallengeGrant, *, renewed: IssuedCertificate) -> bool:
    """Whether the challenge is one for enrollments, and of the certificate's session and token."""
    if grant.renews_fingerprint or grant.is_test or grant.is_profile_service:
        return False
    bound_to = (grant.session_id, grant.token_id)
    return grant.is_claimed or bound_to == (renewed.session_id, renewed.token_id)
