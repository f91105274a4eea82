"""When nothing can be pushed for a topic, and the one alarm that says so."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.models import Enrollment, PushCertificate
from devices.protocol.apns import Verdict
from devices.selectors import find_push_certificate, is_refused
from devices.services.push.alarms import (
    EXPIRED,
    MISSING,
    PUSH_FAILED,
    REFUSED,
    forget_alarms,
    is_first_alarm,
)
from devices.services.push.sources import SOURCES
from devices.signals import push_stopped

log = logging.getLogger(__name__)

# A certificate that APNs has refused is tried again this often, with a single push.
PROBE = timedelta(minutes=15)


@dataclass(frozen=True)
class Stop:
    """Why there are no pushes: `code` is the log's."""

    code: str
    message: str


def find_stop(certificate: PushCertificate | None, *, now: datetime) -> Stop | None:
    """Return why nothing can be pushed with the certificate now, or None."""
    if certificate is None:
        return Stop(MISSING, "no APNs push certificate has been imported")
    if certificate.not_after is not None and certificate.not_after <= now:
        return Stop(EXPIRED, "the push certificate has expired")
    if is_refused(certificate) and certificate.refused_at > now - PROBE:  # type: ignore[operator]
        return Stop(REFUSED, f"APNs refuses the push certificate: {certificate.refusal}")
    return None


def find_obstacle(enrollment: Enrollment, *, now: datetime) -> str:
    """Return in a sentence why a push for the device would not go out now, or ""."""
    if enrollment.push_suspended_at is not None:
        return (
            f"Apple's last answer was “{enrollment.push_error_text}”: the device is woken again "
            "once it has sent its push token anew."
        )
    certificate = find_push_certificate()
    stop = find_stop(certificate, now=now)
    if stop is not None:
        return f"{_begin(stop.message)}."
    if certificate is not None and certificate.topic != enrollment.topic:
        return f"{_begin(_word_missing(enrollment.topic))}."
    return ""


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _word_missing(topic: str) -> str:
    return f"there is no push certificate for the topic {topic}"


def refuse_certificate(certificate: PushCertificate, *, reason: str, now: datetime) -> None:
    """Stop the topic: APNs does not take the certificate."""
    PushCertificate.objects.filter(pk=certificate.pk).update(refused_at=now, refusal=reason[:255])
    message = f"APNs refuses the push certificate: {reason}"
    stop_topic(certificate.topic, stop=Stop(REFUSED, message))


def accept_certificate(certificate: PushCertificate) -> None:
    """APNs takes pushes again."""
    if certificate.refused_at is not None:
        rows = PushCertificate.objects.filter(pk=certificate.pk)
        rows.update(refused_at=None, refusal="")
    forget_alarms(certificate.topic)


def stop_topic(topic: str, *, stop: Stop) -> None:
    """Say in every waiting row of the topic why it waits, and raise the alarm once."""
    verdict = Verdict.TRY_LATER if stop.code == PUSH_FAILED else Verdict.CERTIFICATE_BAD
    error = f"{verdict.value}: {stop.message}"[:255]
    for source in SOURCES:
        waiting = source.list_reachable().filter(push_topic=topic, push_requested_at__isnull=False)
        # It goes out as soon as it can: it has not waited for itself until now.
        untold = waiting.exclude(push_error=error)
        source.update_free(untold, push_error=error, push_not_before=None)
    if is_first_alarm(topic, stop.code):
        log.error("pushes for %s stop: %s", topic, stop.message)
        push_stopped.send(PushCertificate, topic=topic, code=stop.code, message=stop.message)


def stop_other_topics(*, now: datetime) -> None:
    """Raise the alarm for waiting pushes that the certificate in use does not serve."""
    certificate = find_push_certificate()
    stop = find_stop(certificate, now=now)
    for topic in _list_waiting_topics():
        if certificate is not None and topic != certificate.topic:
            stop_topic(topic, stop=Stop(MISSING, _word_missing(topic)))
        elif stop is not None:
            stop_topic(topic, stop=stop)


def _list_waiting_topics() -> set[str]:
    topics: set[str] = set()
    for source in SOURCES:
        waiting = source.list_reachable().filter(push_requested_at__isnull=False)
        topics.update(waiting.order_by().values_list("push_topic", flat=True).distinct())
    return topics
