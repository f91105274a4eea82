"""What can go wrong for a simulated device, with what a report needs to say about it."""

BODY_EXCERPT = 300


class SimulationFailure(Exception):
    """The device cannot go on; `step` is filled in by the step that was running."""

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        body: str | None = None,
        fail_info: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.body = body
        self.fail_info = fail_info
        self.step: str | None = None

    @property
    def is_refusal(self) -> bool:
        """The server said no in its protocol's way: a 4xx or a SCEP failInfo."""
        refused = self.status is not None and 400 <= self.status < 500
        return refused or self.fail_info is not None


class HttpRefused(SimulationFailure):
    """The server answered with a status that the device cannot use."""


class CmsInvalid(SimulationFailure):
    """A CMS structure is malformed or its signature does not hold."""


class ChainInvalid(SimulationFailure):
    """A certificate does not lead to the root that the device trusts."""


class ProfileRefused(SimulationFailure):
    """Apple's client would refuse to install this profile."""


class ScepRefused(SimulationFailure):
    """The SCEP server answered FAILURE, stayed PENDING, or answered nonsense."""


class ServerTooLenient(SimulationFailure):
    """A misbehaving device was accepted where it had to be refused."""


class Vanished(Exception):
    """The device was told to disappear here; not a failure."""
