"""One task for many events: a device's message starts one only if none is to begin anyway."""

import time

SOON_SECONDS = 1


class Announcement:
    """When the last task that this process has started for a webhook begins.

    What is committed before then is found by it; so a burst of events starts one task a second.
    """

    _begins: dict[int, float] = {}

    @classmethod
    def make(cls, webhook_id: int) -> bool:
        """Return whether a task has to be started that begins in SOON_SECONDS."""
        now = time.monotonic()
        if now < cls._begins.get(webhook_id, 0.0):
            return False
        cls._begins[webhook_id] = now + SOON_SECONDS
        return True
