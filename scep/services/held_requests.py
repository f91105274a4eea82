"""Requests that wait for an administrator ("hold new enrollments").

The challenge is spent in the transaction that stores the request. The certificate is signed when
the device asks again after the approval: for the same key, session and token as it asked first.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from organization.models import lock_until_commit
from organization.services import audit
from scep.errors import (
    ChallengeInvalid,
    ChallengeReused,
    DuplicateTransaction,
    RequestDecided,
    RequestOver,
    RequestRejected,
    ScepError,
    TransactionOver,
)
from scep.models import (
    HeldRequest,
    HeldRequestState,
    IssuedCertificate,
    ScepProfile,
    ScepServerType,
)
from scep.protocol.csr import CertificateRequest
from scep.protocol.grant import ChallengeGrant
from scep.selectors import get_profile_authority
from scep.services.challenges import check_number, count_certificate
from scep.services.exchange import Exchange, find_repeated, get_key_id
from scep.services.issuance import Application, issue_certificate
from scep.services.new_identities import check_not_stopped, check_session
from scep.signals import request_decided, request_held

ANEW = "The device has to begin anew."
MAX_PENDING = 1000
MAX_OF_A_SESSION = 5
MAX_COMMON_NAME = 255
UNDECIDED = (HeldRequestState.EXPIRED, HeldRequestState.OUTDATED)
"""Those that are over without anybody having decided about them."""
# Brought by a request of the same transaction, after its SCEP profile had ceased to hold them.
_CERTIFICATE = IssuedCertificate.objects.filter(
    scep_profile=OuterRef("scep_profile"), transaction_id=OuterRef("transaction_id")
)
DECISIONS = {
    HeldRequestState.APPROVED: "scep_request.approve",
    HeldRequestState.REJECTED: "scep_request.reject",
}


def approve_request(request: HeldRequest, *, actor: str, now: datetime) -> None:
    """Let the device have its certificate when it asks again, audited.

    Raises RequestDecided where it was approved or rejected already, and RequestOver where its
    session or its challenge has ended, so that nothing would come of it.
    """
    reason = _find_end(request, now=now)
    if reason and request.state in (HeldRequestState.PENDING, *UNDECIDED):
        raise RequestOver(f"Nothing would come of it: {reason}. {ANEW}")
    _decide(request, state=HeldRequestState.APPROVED, actor=actor, now=now)


def reject_request(request: HeldRequest, *, actor: str, now: datetime) -> None:
    """Refuse the device its certificate when it asks again, audited.

    Raises RequestDecided, and RequestOver where it is over without that.
    """
    _decide(request, state=HeldRequestState.REJECTED, actor=actor, now=now)


@transaction.atomic
def reject_requests_of(
    token_ids: Iterable[str] | QuerySet[Any],
    *,
    session_ids: Iterable[str] | QuerySet[Any],
    now: datetime,
    actor: str,
) -> int:
    """Refuse what the tokens or the sessions asked for and did not get yet; return how many."""
    waiting = HeldRequest.objects.filter(
        Q(token_id__in=token_ids) | Q(session_id__in=session_ids), certificate=None
    ).exclude(state=HeldRequestState.REJECTED)
    return _lock(waiting).update(
        state=HeldRequestState.REJECTED, decided_at=now, decided_by=actor[:200], updated_at=now
    )


@transaction.atomic
def end_claimed_requests(scep_profile: ScepProfile, *, now: datetime, actor: str) -> int:
    """End what waits on the strength of a static challenge alone; return how many.

    One that has leaked may have filled the queue, and vouches for nobody once it was changed. Who
    knows the new one may begin anew.
    """
    waiting = HeldRequest.objects.filter(
        scep_profile=scep_profile, is_claimed=True, state=HeldRequestState.PENDING
    )
    return _lock(waiting).update(
        state=HeldRequestState.OUTDATED, decided_at=now, decided_by=actor[:200], updated_at=now
    )


@transaction.atomic
def end_vain_requests(*, now: datetime) -> int:
    """Take those from the queue of what waits that nothing can come of; return how many.

    Their session has ended, or their device asked again when nothing was held any more, or has to
    ask an external server by now.
    """
    waiting = HeldRequest.objects.filter(state=HeldRequestState.PENDING).order_by("pk")
    over = [each.pk for each in waiting.exclude(session_id="") if _find_session_end(each, now=now)]
    is_elsewhere = Q(scep_profile__server_type=ScepServerType.EXTERNAL)
    over += waiting.filter(Exists(_CERTIFICATE) | is_elsewhere).values_list("pk", flat=True)
    # Unless somebody has decided meanwhile.
    rows = HeldRequest.objects.filter(pk__in=over, state=HeldRequestState.PENDING)
    return _lock(rows).update(state=HeldRequestState.EXPIRED, updated_at=now)


def find_held_request(exchange: Exchange) -> HeldRequest | None:
    """Return what this transaction waits for, decided or not."""
    return HeldRequest.objects.filter(
        scep_profile=exchange.scep_profile, transaction_id=exchange.message.transaction_id
    ).first()


def hold_request(
    exchange: Exchange,
    *,
    csr: CertificateRequest,
    grant: ChallengeGrant,
    spend: Callable[[], object],
) -> HeldRequest:
    """Store the request; `spend` runs in the same transaction and what it raises undoes it.

    Raises DuplicateTransaction where the transactionID waits already, RequestRejected where too
    many wait.
    """
    is_stored = False
    try:
        with transaction.atomic():
            request = HeldRequest.objects.create(
                scep_profile=exchange.scep_profile,
                transaction_id=exchange.message.transaction_id,
                public_key_sha256=get_key_id(csr.public_key),
                common_name=csr.common_name[:MAX_COMMON_NAME],
                session_id=grant.session_id,
                token_id=grant.token_id,
                is_claimed=grant.is_claimed,
                max_certificates=grant.max_certificates,
                remote_address=exchange.caller.address,
            )
            is_stored = True
            spend()
            _check_room(request)
            request_held.send(sender=HeldRequest, request=request, caller=exchange.caller)
    except IntegrityError as error:
        if is_stored:
            raise
        raise DuplicateTransaction("the transactionID is in use") from error
    return request


def claim_certificate(
    request: HeldRequest, *, exchange: Exchange, public_key: rsa.RSAPublicKey
) -> IssuedCertificate | None:
    """Return the certificate of an approved request, None while it waits.

    Raises RequestRejected for another key, or a request that was rejected, TransactionOver where
    its session or its challenge has ended before anybody had decided, ChallengeInvalid where
    enrolling was stopped meanwhile, and ChallengeReused where others have brought what its
    challenge may bring.
    """
    if request.public_key_sha256 != get_key_id(public_key):
        raise RequestRejected("the transactionID belongs to another key")
    exchange.session_id = request.session_id or exchange.session_id
    with asking_again(request, public_key=public_key):
        return _claim(request, exchange=exchange, public_key=public_key)


@contextmanager
def asking_again(request: HeldRequest, *, public_key: rsa.RSAPublicKey) -> Iterator[None]:
    """Name the request in what its own key is refused inside: some clients ask for ever."""
    try:
        yield
    except ScepError as refusal:
        if request.public_key_sha256 == get_key_id(public_key):
            refusal.held_request = request.public_id
        raise


def _claim(
    request: HeldRequest, *, exchange: Exchange, public_key: rsa.RSAPublicKey
) -> IssuedCertificate | None:
    if request.state == HeldRequestState.REJECTED:
        raise RequestRejected(
            "an administrator has rejected the request", code="certificate_rejected"
        )
    if request.state == HeldRequestState.PENDING:
        return None
    check_not_stopped(exchange.served)
    _check_not_over(request, now=exchange.now)
    try:
        return _issue(request, exchange=exchange, public_key=public_key)
    except (DuplicateTransaction, ChallengeReused):
        # Asked twice at once: the other one has won meanwhile.
        row = find_repeated(exchange, public_key=public_key)
        if row is None:
            raise
        return row


def _lock(rows: QuerySet[HeldRequest]) -> QuerySet[HeldRequest]:
    """Return the rows, locked until the commit: whoever takes several takes them in one order."""
    locked = rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True)
    return HeldRequest.objects.filter(pk__in=list(locked))


def _decide(request: HeldRequest, *, state: HeldRequestState, actor: str, now: datetime) -> None:
    with transaction.atomic():
        changed = HeldRequest.objects.filter(pk=request.pk, state=HeldRequestState.PENDING).update(
            state=state, decided_at=now, decided_by=actor[:200], updated_at=now
        )
        request.refresh_from_db()
        if not changed:
            if request.state in UNDECIDED:
                raise RequestOver(f"{request.get_state_display()}. {ANEW}")
            raise RequestDecided(f"The request is {request.get_state_display().lower()} already.")
        audit.record(
            actor,
            action=DECISIONS[state],
            subject_id=request.public_id,
            subject=request.common_name or request.transaction_id,
            detail={"session": request.session_id, "transaction_id": request.transaction_id},
        )
        request_decided.send(sender=HeldRequest, request=request)


def _find_end(request: HeldRequest, *, now: datetime) -> str:
    """Return why nothing can come of the request any more, "" where it may."""
    if HeldRequest.objects.filter(Exists(_CERTIFICATE), pk=request.pk).exists():
        return "its device has a certificate already"
    if request.scep_profile.is_external:
        return "devices of its SCEP profile ask an external server by now"
    try:
        check_number(_build_grant(request))
    except ChallengeReused as refusal:
        return str(refusal)
    return _find_session_end(request, now=now)


def _find_session_end(request: HeldRequest, *, now: datetime) -> str:
    """Return why the request's session brings its device nothing any more, "" where it may."""
    try:
        check_session(request.session_id, now=now)
    except ChallengeInvalid as refusal:
        return str(refusal)
    return ""


def _check_not_over(request: HeldRequest, *, now: datetime) -> None:
    try:
        check_session(request.session_id, now=now)
    except ChallengeInvalid as refusal:
        raise TransactionOver(
            str(refusal), code=refusal.code, token_id=refusal.token_id
        ) from refusal
    if request.state == HeldRequestState.OUTDATED:
        raise TransactionOver("the static challenge was changed before anybody had decided")
    if request.state != HeldRequestState.APPROVED:
        raise TransactionOver("nobody has decided about the request in time")


def _check_room(request: HeldRequest) -> None:
    """A leaked challenge must not fill the queue that administrators have to read.

    One request after the other: of many at once, none would see the others wait.
    """
    lock_until_commit(f"held requests {request.scep_profile_id}")
    waiting = HeldRequest.objects.filter(
        scep_profile=request.scep_profile, state=HeldRequestState.PENDING
    )
    if request.session_id:
        of_session = waiting.filter(session_id=request.session_id).count()
        if of_session > MAX_OF_A_SESSION:
            raise RequestRejected("too many requests of the session wait for approval")
    if waiting.count() > MAX_PENDING:
        raise RequestRejected("too many requests wait for approval")


def _build_grant(request: HeldRequest) -> ChallengeGrant:
    return ChallengeGrant(
        request.session_id,
        request.token_id,
        is_claimed=request.is_claimed,
        max_certificates=request.max_certificates,
    )


def _issue(
    request: HeldRequest, *, exchange: Exchange, public_key: rsa.RSAPublicKey
) -> IssuedCertificate:
    profile, grant = exchange.scep_profile, _build_grant(request)
    check_number(grant)
    application = Application(
        public_key=public_key,
        grant=grant,
        scep_profile=profile,
        transaction_id=request.transaction_id,
        caller=exchange.caller,
        organization=exchange.served.organization,
    )

    def count_and_link(certificate: IssuedCertificate) -> None:
        count_certificate(grant)
        linked = HeldRequest.objects.filter(
            pk=request.pk, state=HeldRequestState.APPROVED, certificate=None
        ).update(certificate=certificate, updated_at=exchange.now)
        if not linked:
            raise DuplicateTransaction("the request has brought its certificate")

    return issue_certificate(
        application, issuer=get_profile_authority(profile), now=exchange.now, spend=count_and_link
    )
