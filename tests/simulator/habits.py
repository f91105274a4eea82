"""How a device behaves: its client's quirks, and what it does wrong on purpose."""

from dataclasses import dataclass
from enum import StrEnum

from .platforms import SignatureShape


class Misbehaviour(StrEnum):
    """What a device does wrong."""

    WRONG_CHALLENGE = "wrong-challenge"
    REUSED_CHALLENGE = "reused-challenge"
    BAD_SIGNATURE = "bad-signature"
    NO_SIGNATURE = "no-signature"
    OTHER_UDID = "other-udid"
    OTHER_DEVICE = "other-device"
    DUPLICATE_MESSAGES = "duplicate-messages"
    OTHER_FINGERPRINT = "other-fingerprint"
    WEAK_KEY = "weak-key"
    BROKEN_REQUEST = "broken-request"
    POLLS_FIRST = "polls-first"
    REFUSES_PROFILES = "refuses-profiles"
    VANISH_AFTER_SESSION = "vanish-after-session"
    VANISH_AFTER_PROFILE = "vanish-after-profile"
    VANISH_AFTER_CA_CERTIFICATE = "vanish-after-ca-certificate"
    VANISH_AFTER_CAPABILITIES = "vanish-after-capabilities"
    VANISH_AFTER_CERTIFICATE = "vanish-after-certificate"
    VANISH_AFTER_AUTHENTICATE = "vanish-after-authenticate"
    VANISH_AFTER_TOKEN_UPDATE = "vanish-after-token-update"
    NOT_NOW = "not-now"


# The step at which a correct server refuses the device.
REFUSED_AT = {
    Misbehaviour.WRONG_CHALLENGE: "identity",
    Misbehaviour.REUSED_CHALLENGE: "second_identity",
    Misbehaviour.WEAK_KEY: "identity",
    Misbehaviour.BROKEN_REQUEST: "identity",
    Misbehaviour.POLLS_FIRST: "identity",
    Misbehaviour.BAD_SIGNATURE: "authenticate",
    Misbehaviour.NO_SIGNATURE: "authenticate",
    Misbehaviour.OTHER_UDID: "token_update",
    Misbehaviour.OTHER_DEVICE: "configure",
}
# The step after which the device is never heard of again.
VANISHES_AFTER = {
    Misbehaviour.VANISH_AFTER_SESSION: "session",
    Misbehaviour.VANISH_AFTER_PROFILE: "profile",
    Misbehaviour.VANISH_AFTER_CERTIFICATE: "identity",
    Misbehaviour.VANISH_AFTER_AUTHENTICATE: "authenticate",
    Misbehaviour.VANISH_AFTER_TOKEN_UPDATE: "token_update",
}
# The SCEP operation after which the device is never heard of again.
STOPS_AFTER = {
    Misbehaviour.VANISH_AFTER_CA_CERTIFICATE: "GetCACert",
    Misbehaviour.VANISH_AFTER_CAPABILITIES: "GetCACaps",
}


class RenewalHabit(StrEnum):
    """What a device does when its enrollment profile is sent again.

    The first three only the first time. OLD_ANSWER: the connection on which the profile came is
    ended with the old identity, as a device does that keeps its TLS session.
    """

    NOT_NOW = "not-now"
    ERROR = "error"
    IGNORE = "ignore"
    OLD_ANSWER = "old-answer"


@dataclass(frozen=True)
class Habits:
    """signature and scep_ber: None means what the platform does by itself.

    not_now: how many commands are first answered NotNow. renewal: None obeys at once.
    user: the short name of who logs in to a Mac once it is enrolled. person: who signs in at the
    identity provider where the page asks for it.
    """

    direct: bool = False
    signature: SignatureShape | None = None
    scep_ber: bool | None = None
    scep_get: bool = False
    binary_plist: bool = False
    not_now: int = 0
    misbehave: Misbehaviour | None = None
    renewal: RenewalHabit | None = None
    user: str | None = None
    person: str | None = None

    @property
    def refused_at(self) -> str | None:
        """The step at which a correct server refuses this device, if any."""
        return REFUSED_AT.get(self.misbehave) if self.misbehave else None

    @property
    def vanishes_after(self) -> str | None:
        """The step after which this device disappears, if any."""
        return VANISHES_AFTER.get(self.misbehave) if self.misbehave else None

    @property
    def stops_after(self) -> str | None:
        """The SCEP operation after which this device disappears, if any."""
        return STOPS_AFTER.get(self.misbehave) if self.misbehave else None

    def does(self, misbehaviour: Misbehaviour) -> bool:
        """Whether this is the device's misbehaviour."""
        return self.misbehave is misbehaviour

    @property
    def first_not_now(self) -> int:
        """Commands to put off; the misbehaviour not-now means at least one."""
        return max(self.not_now, 1 if self.does(Misbehaviour.NOT_NOW) else 0)
