"""What a SCEP challenge proves about the device that sent it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChallengeGrant:
    """The enrollment session and the token (`jti`) behind a challenge; "" where not bound."""

    session_id: str
    token_id: str
