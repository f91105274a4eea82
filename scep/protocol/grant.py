"""What a SCEP challenge proves about the device that sent it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChallengeGrant:
    """The enrollment session and the token (`jti`) behind a challenge; "" where not bound.

    `is_claimed`: the session is what the request says, not what the challenge proves.
    `is_one_time`: a row of ours, to be spent with the certificate.
    `renews_fingerprint`: SHA-256 (hex) of the certificate that the new one is to replace.
    `is_test`: the server tries itself; the certificate lives an hour.
    `is_profile_service`: the certificate proves nothing but the Profile Service's third phase.
    `holds`: the request waits for an administrator, whatever its SCEP profile says.
    `stands_in`: a token's that is good where the SCEP profile wants a one-time challenge, too.
    `max_certificates`: how many the challenge may bring in all; 0 = no limit.
    """

    session_id: str
    token_id: str
    renews_fingerprint: str = ""
    is_test: bool = False
    is_claimed: bool = False
    is_one_time: bool = False
    max_certificates: int = 0
    is_profile_service: bool = False
    holds: bool = False
    stands_in: bool = False
