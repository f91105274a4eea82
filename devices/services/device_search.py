"""Devices by what they said of themselves: each search is answered by one index.

All take and return rows of Device. What a device did not say matches neither way.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet

from devices.models import Device, InstalledApplication, SoftwareVersion
from devices.protocol.inventory import build_version_bounds, build_version_number

Devices = QuerySet[Device]


def filter_by_app(rows: Devices, identifier: str, *, version: str = "") -> Devices:
    """Keep those that have the app (bundle identifier), in this version if one is given."""
    installed = InstalledApplication.objects.filter(version__in=_find_versions(identifier, version))
    return rows.filter(pk__in=installed.order_by().values("device"))


def filter_without_app(rows: Devices, identifier: str) -> Devices:
    """Keep those whose list of apps lacks it; a device without a list matches not."""
    versions = _find_versions(identifier, "")
    installed = InstalledApplication.objects.filter(version__in=versions, device=OuterRef("pk"))
    return rows.filter(~Exists(installed.order_by()), applications_reported_at__isnull=False)


def _find_versions(identifier: str, version: str) -> list[int]:
    """Return the keys: with them at hand the database knows how many rows they stand for."""
    versions = SoftwareVersion.objects.filter(title__identifier=identifier)
    if version:
        versions = versions.filter(Q(short_version=version) | Q(version=version))
    return list(versions.order_by().values_list("pk", flat=True))


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
