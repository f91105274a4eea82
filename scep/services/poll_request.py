"""CertPoll: a device asks what has become of its request."""

from scep.errors import FailInfo, RequestRejected
from scep.models import HeldRequest
from scep.protocol.csr import verify_key
from scep.protocol.messages import PkiRequest
from scep.protocol.polling import (
    IssuerAndSubject,
    decode_issuer_and_subject,
    is_named_issuer,
)
from scep.selectors import list_other_recipients, list_recipients
from scep.services.exchange import Exchange, Outcome, find_repeated, get_key_id, open_request
from scep.services.held_requests import (
    MAX_COMMON_NAME,
    asking_again,
    claim_certificate,
    find_held_request,
)


def answer_poll(exchange: Exchange, request: PkiRequest) -> Outcome:
    """Return what an administrator has decided, to the key that asked first and nobody else.

    Unknown transactions and other keys look the same (badCertId). Raises ScepError.
    """
    public_key = verify_key(request.signer.public_key())
    held = find_held_request(exchange)
    if held is None or held.public_key_sha256 != get_key_id(public_key):
        raise RequestRejected(
            "no request of this transaction and key waits", fail_info=FailInfo.BAD_CERT_ID
        )
    exchange.session_id = held.session_id
    opened = open_request(exchange, request)
    _verify_named(decode_issuer_and_subject(opened.content), held=held, exchange=exchange)
    with asking_again(held, public_key=public_key):
        row = find_repeated(exchange, public_key=public_key)
    if row is None:
        row = claim_certificate(held, exchange=exchange, public_key=public_key)
    return Outcome(row, opened.cipher)


def _verify_named(named: IssuerAndSubject, *, held: HeldRequest, exchange: Exchange) -> None:
    """Raise RequestRejected unless it names the subject that asked, and one of our CAs."""
    common_names = tuple(name[:MAX_COMMON_NAME] for name in named.common_names)
    if common_names != ((held.common_name,) if held.common_name else ()):
        raise RequestRejected(
            "the CertPoll names another subject than the request", fail_info=FailInfo.BAD_CERT_ID
        )
    profile = exchange.scep_profile
    ours = [
        certificate
        for identity in (*list_recipients(profile), *list_other_recipients(profile))
        for certificate in (identity.certificate, *identity.chain)
    ]
    if not is_named_issuer(named.issuer, certificates=ours):
        raise RequestRejected(
            "the CertPoll names a CA that is not ours", fail_info=FailInfo.BAD_CERT_ID
        )
