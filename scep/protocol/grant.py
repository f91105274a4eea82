"""What a SCEP challenge proves about the device that sent it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChallengeGrant:
    """The enrollment session and the token (`jti`) behind a challenge; "" where not bound.

    `renews_fingerprint`: SHA-256 (hex) of the certificate that the new one is to replace.
    `is_test`: the server tries itself; the certificate is revoked at once.
    """

    session_id: str
    token_id: str
    renews_fingerprint: str = ""
    is_test: bool = False
