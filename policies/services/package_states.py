"""How far a Mac is with a package: it is there once the Mac lists each of its apps."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from devices.models import Command, CommandState, Enrollment
from devices.protocol.inventory.applications import MOST as MOST_LISTED
from devices.selectors import is_asked_for_everything
from devices.services.queries import find_right_refusal
from policies.models import ItemState, ItemStatus
from policies.services.item_states import mark_failed, mark_installed

# How long an accepted app may take.
APP_PATIENCE = timedelta(days=1)
LIST = "InstalledApplicationList"
NOTHING_TO_FOLLOW = "Accepted; a package without an app cannot be followed."
UNLISTED = "Accepted; the Mac does not list its apps."
NUMBER = re.compile(r"\d{1,18}")


def get_bundles(status: ItemStatus) -> Mapping[str, str]:
    """Return the version of each app in the item's package, by bundle identifier; {} = none."""
    item = status.find_item()
    if item is None or item.package is None or not item.is_mac_package:
        return {}
    bundles: dict[str, str] = item.package.bundles
    return bundles


def follow_package(status: ItemStatus, *, enrollment: Enrollment, now: datetime) -> None:
    """Settle an accepted package by the Mac's answers since then."""
    if find_right_refusal(enrollment, name="apps"):
        mark_installed(status, now=now, note=UNLISTED)
        return
    accepted_at, wanted = status.settled_at or now, get_bundles(status)
    answers = Command.objects.filter(
        enrollment=enrollment, request_type=LIST, completed_at__gte=accepted_at
    )
    for answer in answers.order_by("-completed_at"):
        if answer.state in (CommandState.ERROR, CommandState.FORMAT_ERROR):
            mark_installed(status, now=now, note=UNLISTED)
            return
        found = _read_versions(answer.result.get(LIST))
        if all(
            any(_is_at_least(version, wanted=least) for version in found.get(identifier, ()))
            for identifier, least in wanted.items()
        ):
            mark_installed(status, now=now)
            return
    if now - accepted_at > APP_PATIENCE:
        missing = ", ".join(sorted(wanted))
        message = f"Not installed after a day; the Mac does not list {missing}."
        mark_failed(status, message=message, now=now)


def find_lost_packages(
    statuses: Iterable[ItemStatus], *, enrollment: Enrollment
) -> Iterator[tuple[ItemStatus, str]]:
    """Yield the packages that the Mac had and has no more, and the app of each that it lacks.

    By the list of all its apps that came after they were settled; which apps a package brings
    stands in its Distribution. A list that was cut, or may leave out apps, says nothing.
    """
    device = enrollment.device
    reported_at = device.applications_reported_at
    settled = [
        status
        for status in statuses
        if status.state == ItemState.INSTALLED and not status.error
        if status.settled_at and reported_at and status.settled_at < reported_at
    ]
    packages = {status.pk: bundles for status in settled if (bundles := get_bundles(status))}
    if not packages or not is_asked_for_everything(device):
        return
    listed = device.applications.values_list("version__title__identifier", flat=True)
    if len(listed) >= MOST_LISTED:
        return
    for status in settled:
        missing = packages.get(status.pk, {}).keys() - set(listed)
        if missing:
            yield status, min(missing)


def _read_versions(listed: Any) -> dict[str, list[str]]:
    """Return the versions of each app in the list, by identifier: a Mac may have two copies."""
    found: dict[str, list[str]] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("Identifier"), str):
            versions = (entry.get("ShortVersion"), entry.get("Version"))
            texts = [text for text in versions if isinstance(text, str)]
            found.setdefault(entry["Identifier"], []).extend(texts or [""])
    return found


def _is_at_least(version: str, *, wanted: str) -> bool:
    """Apps update themselves, so a newer one is fine; what is no number must be equal."""
    numbers = [[int(number) for number in NUMBER.findall(text)] for text in (version, wanted)]
    return version == wanted or not wanted or (bool(numbers[1]) and numbers[0] >= numbers[1])
