"""The log's codes of pushes, and what is raised once: that a topic's pushes do not go out."""

from django.core.cache import cache
from redis.exceptions import RedisError

from devices.protocol.apns import Verdict

MISSING, EXPIRED = "push_certificate_missing", "push_certificate_expired"
REFUSED, PUSH_FAILED = "push_certificate_refused", "push_failed"
# What concerns the one device, or the one request; all else is APNs' trouble, and passes.
CODES = {
    Verdict.DEVICE_GONE.value: "device_unregistered",
    Verdict.UNUSABLE.value: "push_token_dead",
    Verdict.REFUSED.value: "push_refused",
}
ALARMS = (MISSING, EXPIRED, REFUSED, PUSH_FAILED)
# An alarm is not repeated before, unless pushes went out in between.
ALARM_SECONDS = 24 * 3600


def is_first_alarm(topic: str, code: str) -> bool:
    """Say whether nobody has raised it yet, and keep others from it; without a cache, always."""
    try:
        return bool(cache.add(_build_slot(topic, code), 1, timeout=ALARM_SECONDS))
    except (OSError, ValueError, RedisError):
        return True


def forget_alarms(topic: str) -> None:
    """Pushes go out again: the next trouble is another one."""
    try:
        cache.delete_many([_build_slot(topic, code) for code in ALARMS])
    except (OSError, ValueError, RedisError):
        return


def _build_slot(topic: str, code: str) -> str:
    return f"push-alarm:{code}:{topic}"
