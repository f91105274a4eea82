"""One PKIMessage on its way: opening it, and what its transaction has brought before."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from organization.models import PreparedSelect
from organization.protocol.caller import NOBODY, Caller
from scep.errors import FailInfo, RequestRejected, ScepError, TransactionOver
from scep.models import CertificateStatus, IssuedCertificate, ScepProfile
from scep.protocol.algorithms import Cipher
from scep.protocol.certificates import encode_public_key, fingerprint
from scep.protocol.envelopes import decode_envelope, open_envelope
from scep.protocol.messages import PkiMessage, PkiRequest
from scep.selectors import (
    ServedProfile,
    ServiceIdentity,
    list_other_recipients,
    list_recipients,
    select_certificate_of_transaction,
)

CERTIFICATE_OF_TRANSACTION = PreparedSelect(select_certificate_of_transaction)


@dataclass
class Exchange:
    """What is known of a request so far, for the answer and for the log.

    `responder` signs the answer: whoever could open the request. `session_id` is what the URL
    claims until the request says better.
    """

    message: PkiMessage
    scep_profile: ScepProfile
    served: ServedProfile
    now: datetime
    session_id: str = ""
    caller: Caller = NOBODY
    responder: ServiceIdentity = field(init=False)

    def __post_init__(self) -> None:
        self.responder = self.served.find_recipient() or next(self.list_recipients())

    def list_recipients(self) -> Iterator[ServiceIdentity]:
        """Yield whoever may open the request, the one that GetCACert names first."""
        usual = self.served.find_recipient()
        if usual is not None:
            yield usual  # nearly always the right one, and known without a statement
        for identity in list_recipients(self.scep_profile, with_chains=False):
            if usual is None or identity.certificate != usual.certificate:
                yield identity
        yield from list_other_recipients(self.scep_profile, with_chains=False)

    def note_addressee(self) -> None:
        """Let whom the message was encrypted for sign the answer, by name alone.

        Before it is opened: a client that knows the RA from before a rotation would not believe
        a refusal by today's.
        """
        for identity in self.list_recipients():
            try:
                decode_envelope(
                    self.message.signature.content or b"",
                    recipient=identity.certificate,
                    allow_legacy=True,
                )
            except ScepError:
                continue
            self.responder = identity
            return


@dataclass(frozen=True)
class Opened:
    """What a request held encrypted; `content` is b"" where it could not be decrypted."""

    content: bytes
    cipher: Cipher


@dataclass(frozen=True)
class Outcome:
    """The certificate to hand out, encrypted by `cipher`; None: the device has to wait."""

    certificate: IssuedCertificate | None
    cipher: Cipher


def open_request(exchange: Exchange, request: PkiRequest) -> Opened:
    """Decrypt with the key that the request was encrypted for, which may be an earlier RA's.

    Raises RequestRejected where it is for nobody here, AlgorithmRefused.
    """
    refusal = RequestRejected("the message is encrypted for nobody here")
    for identity in exchange.list_recipients():
        try:
            envelope = decode_envelope(
                request.enveloped,
                recipient=identity.certificate,
                allow_legacy=exchange.scep_profile.allow_legacy,
            )
        except RequestRejected as error:
            if error.fail_info != FailInfo.BAD_MESSAGE_CHECK:
                raise
            refusal = error  # for somebody else; the next identity may be meant
        else:
            exchange.responder = identity
            return Opened(open_envelope(envelope, key=identity.key), envelope.cipher)
    raise refusal


def find_repeated(
    exchange: Exchange, *, public_key: rsa.RSAPublicKey, transaction_id: str | None = None
) -> IssuedCertificate | None:
    """Return the certificate that this transaction has brought already, for the same key (S8).

    Raises RequestRejected for another key, or a certificate that is no longer good: TransactionOver
    where it has expired.
    """
    row = CERTIFICATE_OF_TRANSACTION.first(
        scep_profile=exchange.scep_profile.pk,
        transaction_id=transaction_id or exchange.message.transaction_id,
    )
    if row is None:
        return None
    if row.public_key_sha256 != get_key_id(public_key):
        raise RequestRejected("the transactionID belongs to another key")
    if row.status != CertificateStatus.ISSUED:
        raise RequestRejected("the certificate of this transaction was revoked")
    if row.not_after <= exchange.now:
        raise TransactionOver("the certificate of this transaction has expired")
    return row


def get_key_id(key: rsa.RSAPublicKey) -> str:
    """Return SHA-256 of the key's SubjectPublicKeyInfo, hex."""
    return fingerprint(encode_public_key(key))
