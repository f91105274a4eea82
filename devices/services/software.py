"""Which apps a device has: its list replaces the one before, row by row where they differ."""

from collections.abc import Iterable, Mapping

from devices.models import Device, InstalledApplication, SoftwareTitle, SoftwareVersion
from devices.protocol.inventory import Application

BATCH = 500
# Documents grow by themselves: a size is written again once it is a tenth and a MiB off.
LEAST_CHANGE, LEAST_SHARE = 1024 * 1024, 10


def replace_applications(device: Device, listed: Mapping[str, Application]) -> None:
    """Bring the device's apps up to `listed`, by digest; rows that have not changed stay."""
    rows = InstalledApplication.objects.filter(device=device).select_related("version")
    installed = {
        row.version.digest: row for row in rows.only("bundle_size", "dynamic_size", "version__digest")
    }
    gone = [row.pk for digest, row in installed.items() if digest not in listed]
    new = {digest: app for digest, app in listed.items() if digest not in installed}
    InstalledApplication.objects.filter(pk__in=gone).delete()
    _install(device, new)
    _resize([(row, listed[digest]) for digest, row in installed.items() if digest in listed])


def _install(device: Device, new: Mapping[str, Application]) -> None:
    if not new:
        return
    versions = _get_versions(new)
    InstalledApplication.objects.bulk_create(
        [
            InstalledApplication(
                device=device,
                version_id=versions[digest],
                bundle_size=app.bundle_size,
                dynamic_size=app.dynamic_size,
            )
            for digest, app in new.items()
        ],
        batch_size=BATCH,
        ignore_conflicts=True,  # the same list twice at once
    )


def _get_versions(wanted: Mapping[str, Application]) -> dict[str, int]:
    """Return the key of each version, by digest; those that nobody had are made."""
    found = _find_versions(wanted)
    missing = {digest: app for digest, app in wanted.items() if digest not in found}
    if not missing:
        return found
    titles = _get_titles(missing.values())
    rows = [
        SoftwareVersion(
            title_id=titles[app.identifier],
            digest=digest,
            name=app.name,
            version=app.version,
            short_version=app.short_version,
            source=app.source,
        )
        for digest, app in sorted(missing.items())
    ]
    SoftwareVersion.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    return found | _find_versions(missing)


def _find_versions(digests: Mapping[str, Application]) -> dict[str, int]:
    rows = SoftwareVersion.objects.filter(digest__in=list(digests)).order_by()
    return dict(rows.values_list("digest", "pk"))


def _get_titles(applications: Iterable[Application]) -> dict[str, int]:
    # In one order everywhere: two devices that bring the same new apps must not wait in a circle.
    names = {app.identifier: app.name for app in applications}
    rows = [SoftwareTitle(identifier=key, name=names[key]) for key in sorted(names)]
    SoftwareTitle.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    titles = SoftwareTitle.objects.filter(identifier__in=list(names)).order_by()
    return dict(titles.values_list("identifier", "pk"))


def _resize(pairs: Iterable[tuple[InstalledApplication, Application]]) -> None:
    changed = []
    for row, app in pairs:
        if _differs(row.bundle_size, app.bundle_size) or _differs(
            row.dynamic_size, app.dynamic_size
        ):
            row.bundle_size, row.dynamic_size = app.bundle_size, app.dynamic_size
            changed.append(row)
    InstalledApplication.objects.bulk_update(
        changed, ["bundle_size", "dynamic_size"], batch_size=BATCH
    )


def _differs(old: int | None, new: int | None) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(new - old) > max(LEAST_CHANGE, old // LEAST_SHARE)
