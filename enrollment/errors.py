"""Why an enrollment is refused; every code stands in enrollment.protocol.log_codes."""


class EnrollmentRefused(Exception):
    """A person's or device's step is refused; `code` is the log code, no text holds a secret."""

    def __init__(self, code: str, message: str = "", *, token_id: str = "") -> None:
        """`token_id` is the jti of the token concerned, once its signature has been verified."""
        super().__init__(message or code)
        self.code = code
        self.message = message
        self.token_id = token_id


class TokenRefused(EnrollmentRefused):
    """An enrollment token, or a challenge made from one, proves nothing."""


class SessionRefused(EnrollmentRefused):
    """The enrollment session is unknown, expired, or has enrolled its device already."""


class SessionDecided(EnrollmentRefused):
    """A session that does not wait for an administrator, or does no more."""


class ProfileServiceRefused(EnrollmentRefused):
    """A message of the Profile Service's phases 2 and 3 that brings its device no further."""


class SignInRefused(EnrollmentRefused):
    """Who wants to enroll is not known: not signed in, or not by a proof that holds."""


class NotReady(EnrollmentRefused):
    """The server is not set up for enrolling yet."""


class InvitationRefused(ValueError):
    """What is asked of an invitation, or of a list of them, cannot be done; the text says why."""


class LeakInvalid(ValueError):
    """What shall be done about a leaked link cannot be done."""


class TokenInvalid(ValueError):
    """The form of a new token asks for something impossible, such as an expiry in the past."""
