"""What can go wrong around the organization, its people and its secrets."""


class SecretUnreadable(Exception):
    """A sealed value cannot be opened with the configured encryption keys."""


class NotSetUp(Exception):
    """The first-time set-up has not been run yet; `code` is the enrollment log's."""

    code = "server_not_set_up"


class ApiKeyInvalid(Exception):
    """The bearer of this text is nobody we know."""


class ApiKeyExists(Exception):
    """A key of this name is in use: the audit log knows programs by it."""


class ApiKeyTooLong(Exception):
    """A key would be valid for longer than the one that makes it."""


class RateLimited(Exception):
    """Too many tries; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many requests, try again in {retry_after} s")
        self.retry_after = retry_after


class ManyAreWaiting(Exception):
    """So many requests wait for other servers that this one is not to wait, too."""


class AdministratorExists(Exception):
    """Somebody with this e-mail address has an account already."""


class AdministratorNeeded(Exception):
    """Without this account, or with a lower role for it, nobody could administer the server."""


class OwnAccount(Exception):
    """Nobody takes their own account away, nor lowers its role."""


class ProviderRefused(Exception):
    """A sign-in at the identity provider came to nothing; no text holds what was sent.

    `code`: sign_in_failed, or sign_in_unavailable where the provider is to be seen to.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SignInRefused(Exception):
    """The identity provider has named somebody who may not come in by it; `who`, where known."""

    def __init__(self, code: str, message: str, *, who: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.who = who


class PasswordNeeded(Exception):
    """Without its connection this account would have nothing to sign in with."""


class RequestDiffers(Exception):
    """A program has sent something else under the same Idempotency-Key."""
