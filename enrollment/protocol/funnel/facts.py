"""What is known of a session when somebody asks how it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enrollment.protocol.funnel.steps import StepKind

ORDER = {kind: place for place, kind in enumerate(StepKind)}
BEGINNINGS = (StepKind.PAGE_OPENED, StepKind.PROFILE_DOWNLOADED)


class Way(StrEnum):
    """How the device gets its identity: our SCEP, another server's, or within the profile."""

    SCEP = "scep"
    EXTERNAL = "external"
    PACKED = "packed"


@dataclass(frozen=True)
class Step:
    """A step that was taken, or tried: `code` is the log code of its refusal, or ""."""

    kind: StepKind
    first_at: datetime
    last_at: datetime
    count: int = 1
    code: str = ""
    fail_info: int | None = None
    remote_address: str | None = None
    user_agent: str = ""


@dataclass(frozen=True)
class Facts:
    """A session's steps, and what else tells why it goes no further.

    `is_own_root`: devices must trust our root before they can reach this server by TLS.
    `scep_trouble`: the log code of what is wrong with an external SCEP server, or "".
    `push_error`: what APNs says of pushes to the device, or "". `failure_code`, `device_code`:
    log codes of a session without steps, and of a device that is gone. `awaits_approval`: there
    is no profile to download before an administrator has decided; `approved_at`: when one did.
    """

    steps: tuple[Step, ...] = ()
    way: Way = Way.SCEP
    is_own_root: bool = False
    scep_trouble: str = ""
    push_error: str = ""
    failure_code: str = ""
    device_code: str = ""
    is_managed: bool = False
    items_failed: int = 0
    items_pending: int = 0
    awaits_approval: bool = False
    approved_at: datetime | None = None

    @property
    def latest(self) -> Step | None:
        """The step that was taken last, whatever its place in the order."""
        return max(self.steps, key=lambda step: (step.last_at, ORDER[step.kind]), default=None)

    @property
    def silent_since(self) -> datetime | None:
        """When the last step was taken, or the way was made free for the next."""
        moments = (self.latest.last_at if self.latest else None, self.approved_at)
        return max((moment for moment in moments if moment), default=None)

    @property
    def refused(self) -> Step | None:
        """The refused step that nothing has made good: neither it nor one behind it was taken
        later, and the person has not begun again.
        """
        refused = [step for step in self.steps if step.code and not self._is_mended(step)]
        return max(refused, key=lambda step: ORDER[step.kind], default=None)

    def _is_mended(self, refused: Step) -> bool:
        return any(
            step.last_at > refused.last_at
            and not step.code
            and (step.kind in BEGINNINGS or ORDER[step.kind] > ORDER[refused.kind])
            for step in self.steps
        )

    def find(self, kind: StepKind) -> Step | None:
        return next((step for step in self.steps if step.kind == kind), None)
