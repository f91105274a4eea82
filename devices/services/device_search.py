"""Devices by what they said of themselves: each search is answered by one index.

All take and return rows of Device. What a device did not say matches neither way.
"""

from datetime import UTC, datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from devices.models import Device, InstalledApplication, SoftwareVersion
from devices.protocol.inventory import build_version_bounds, build_version_number

Devices = QuerySet[Device]
COMMON, FEW = 5000, 1000
# The moment a device was heard of is noted once a minute; the clocks of two servers may differ.
NOTED_WITHIN = timedelta(hours=1)
LATEST = datetime.max.replace(tzinfo=UTC)


def filter_by_app(rows: Devices, identifier: str, *, version: str = "") -> Devices:
    """Keep those that have the app (bundle identifier), in this version if one is given."""
    installed = InstalledApplication.objects.filter(
        version__in=list(_find_versions(identifier, version))
    )
    return rows.filter(pk__in=installed.order_by().values("device"))


def filter_without_app(rows: Devices, identifier: str) -> Devices:
    """Keep those whose list of apps lacks it; a device without a list matches not."""
    versions = _find_versions(identifier, "")
    installed = InstalledApplication.objects.filter(version__in=list(versions)).order_by()
    listed = rows.filter(applications_reported_at__isnull=False)
    few = _find_few_without(installed) if sum(versions.values()) > COMMON else None
    if few is not None:
        return listed.filter(pk__in=few)
    return listed.filter(~Exists(installed.filter(device=OuterRef("pk"))))


def _find_versions(identifier: str, version: str) -> dict[int, int]:
    """Return the keys, and of how many devices each was when that was last counted.

    With the keys at hand the database knows how many rows they stand for.
    """
    versions = SoftwareVersion.objects.filter(title__identifier=identifier)
    if version:
        versions = versions.filter(Q(short_version=version) | Q(version=version))
    return dict(versions.order_by().values_list("pk", "device_count"))


def _find_few_without(installed: "QuerySet[InstalledApplication]") -> list[int] | None:
    """Return the devices without any of these, listed or not; None where they are more than FEW.

    Two indexes tell them; what else is asked of devices is asked of these alone.
    """
    lacking = Device.objects.filter(~Exists(installed.filter(device=OuterRef("pk")))).order_by()
    keys = list(lacking.values_list("pk", flat=True)[: FEW + 1])
    return keys if len(keys) <= FEW else None


def filter_by_silence(rows: Devices, *, since: datetime) -> Devices:
    """Keep those that were heard of last before this moment.

    No index knows when that was, for each message changes it. A device has been heard of at least
    since its last facts, which come once a day (docs/adr/0238).
    """
    until = since + min(NOTED_WITHIN, LATEST - since)
    reported_before = Q(information_reported_at__lt=until)
    may_be = Q(information_reported_at__isnull=True) | reported_before
    return rows.filter(may_be, last_seen_at__lt=since)


def filter_by_os_older_than(rows: Devices, version: str) -> Devices:
    """Keep those whose system is older than, say, 18.1; nothing for what is no version."""
    number = build_version_number(version)
    return rows.filter(os_version_number__lt=number) if number is not None else rows.none()


def filter_by_os_version(rows: Devices, version: str) -> Devices:
    """Keep those with this version: "18" is every 18, "18.1" every 18.1."""
    bounds = build_version_bounds(version)
    if bounds is None:
        return rows.none()
    return rows.filter(os_version_number__gte=bounds[0], os_version_number__lt=bounds[1])


def filter_by_missing_filevault(rows: Devices, *, missing: bool) -> Devices:
    """Keep Macs without (not `missing`: with) FileVault."""
    return rows.filter(filevault_enabled=not missing)


def filter_by_missing_passcode(rows: Devices, *, missing: bool) -> Devices:
    """Keep those without (not `missing`: with) a passcode."""
    return rows.filter(passcode_present=not missing)
