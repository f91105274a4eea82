"""What the certificate authority and the SCEP server refuse, with codes for log and device."""

from enum import IntEnum

from organization.errors import NotSetUp


class FailInfo(IntEnum):
    """Why a SCEP request failed, as the device is told (RFC 8894 section 3.2.1.4)."""

    BAD_ALG = 0
    BAD_MESSAGE_CHECK = 1
    BAD_REQUEST = 2
    BAD_TIME = 3
    BAD_CERT_ID = 4


class AuthorityExpired(NotSetUp):
    """Nothing can be issued until the next CA, or a new certificate of this one, is there."""

    code = "ca_expired"


class ScepError(Exception):
    """A refusal: `code` and `token_id` are for the enrollment log, `fail_info` for the device.

    The message names the cause and never holds a secret. `token_id`: the jti of the token whose
    challenge it was, once that is proved.
    """

    code = "scep_request_rejected"
    fail_info = FailInfo.BAD_REQUEST
    held_request = ""  # `req_…`, where whoever waits for it has asked what has become of it

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        fail_info: FailInfo | None = None,
        token_id: str = "",
    ) -> None:
        super().__init__(message)
        self.token_id = token_id
        if code is not None:
            self.code = code
        if fail_info is not None:
            self.fail_info = fail_info


class MessageUnreadable(ScepError):
    """Not a PKIMessage, or one without a transactionID: nothing can be signed in answer."""


class MessageTooLarge(MessageUnreadable):
    """More than this server reads."""


class NothingAsked(ScepError):
    """A GET of the bare URL: somebody looks whether there is a server."""


class RequestRejected(ScepError):
    """A PKIMessage or CSR that breaks a rule."""


class NamesForbidden(RequestRejected):
    """Names that the issuing CA, or one above it, must not certify (name constraints)."""

    code = "certificate_names_forbidden"


class TransactionOver(RequestRejected):
    """A SCEP transaction that brings nothing any more: its certificate or its session has ended."""


class UnprovedRequest(RequestRejected):
    """What was encrypted is not proved to be the sender's; no device is told any more than that."""

    fail_info = FailInfo.BAD_MESSAGE_CHECK


class SignatureInvalid(ScepError):
    """A CMS signature that proves nothing."""

    code = "signature_invalid"
    fail_info = FailInfo.BAD_MESSAGE_CHECK


class AlgorithmRefused(SignatureInvalid):
    """A digest, cipher or key that is too weak or not supported."""

    fail_info = FailInfo.BAD_ALG


class ChallengeInvalid(ScepError):
    """No challenge, a wrong one, or one that is no longer valid."""

    code = "scep_challenge_invalid"


class ChallengeReused(ScepError):
    """A one-time challenge that has already brought a certificate."""

    code = "scep_challenge_reused"


class NoNextAuthority(ScepError):
    """Nothing is announced: the CA of today goes on."""


class RequestDecided(ScepError):
    """A held request that an administrator has approved or rejected already."""


class RequestOver(ScepError):
    """A held request whose device can have nothing of an approval any more; says why."""


class DuplicateTransaction(ScepError):
    """A SCEP transactionID that has brought a certificate already."""


class IdentityNotTrusted(ScepError):
    """A certificate that is not ours, or not valid now."""

    code = "identity_not_trusted"
    fail_info = FailInfo.BAD_CERT_ID


class IdentityNotInTime(IdentityNotTrusted):
    """A certificate of ours that is not valid yet, has expired, or is too young to be renewed."""

    fail_info = FailInfo.BAD_TIME


class IdentityRevoked(IdentityNotTrusted):
    """A certificate of ours that was revoked."""

    code = "identity_revoked"


class ProfileInvalid(ScepError):
    """A SCEP profile that cannot work; `field` is the value to blame."""

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ProfileGone(ScepError):
    """The SCEP profile was deleted meanwhile."""


class ProfileInUse(ScepError):
    """A SCEP profile that tokens or certificates refer to."""


class ServerUnreachable(ScepError):
    """Another server that did not answer, or not as it should; the message names its host only."""

    code = "scep_server_unreachable"


class AddressRefused(ServerUnreachable):
    """A URL, or an address behind its name, that this server does not call (S13)."""


class FingerprintMismatch(ScepError):
    """A SCEP server whose CA is not the one that an administrator has confirmed."""

    code = "ca_fingerprint_mismatch"


class BundleInvalid(ScepError):
    """A file with a certificate, its key and its chain that cannot be read; says why."""


class AuthorityInvalid(ScepError):
    """A CA that cannot be imported, prepared or exported as asked; `field` is what to blame."""

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class AuthorityConflict(AuthorityInvalid):
    """What the CAs' state forbids: a second next CA, a CA that is in use, or is not the next."""


class RevocationReasonInvalid(ScepError):
    """Not one of the reasons for which a certificate may be revoked (RFC 5280)."""
