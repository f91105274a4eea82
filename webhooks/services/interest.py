"""Who wants which events: known to each process, so that an event that nobody wants costs nothing.

A process looks at most every SECONDS seconds; one that changes a webhook itself, at once. So an
event may go to a webhook that was paused so long ago, and miss one that was just made.
"""

import time

from webhooks.models import Webhook, WebhookState

SECONDS = 5.0
Wanted = dict[str, tuple[int, ...]]


class Interest:
    """The keys of the active webhooks by event type, and until when they are believed."""

    _known: tuple[float, Wanted] = (0.0, {})

    @classmethod
    def find(cls, event_type: str) -> tuple[int, ...]:
        """Return the keys of the webhooks that want such events."""
        until, wanted = cls._known
        if time.monotonic() >= until:
            wanted = _read()
            cls.learn(wanted, seconds=SECONDS)
        return wanted.get(event_type, ())

    @classmethod
    def learn(cls, wanted: Wanted, *, seconds: float) -> None:
        cls._known = (time.monotonic() + seconds, wanted)

    @classmethod
    def forget(cls) -> None:
        """Look again at the next event."""
        cls._known = (0.0, {})


def _read() -> Wanted:
    active = Webhook.objects.filter(state=WebhookState.ACTIVE).order_by("id")
    wanted: Wanted = {}
    for key, events in active.values_list("pk", "events"):
        for event_type in events:
            wanted[event_type] = (*wanted.get(event_type, ()), key)
    return wanted
