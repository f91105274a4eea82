"""Which apps a device has: its list replaces the one before, row by row where they differ."""

from collections.abc import Iterable, Mapping

from devices.models import Device, InstalledApplication, SoftwareTitle, SoftwareVersion
from devices.protocol.inventory import Application

BATCH = 500
SizedRow = tuple[int, int | None, int | None]  # key, bundle size, dynamic size
# Documents grow by themselves: a size is written again once it is a tenth and a MiB off.
LEAST_CHANGE, LEAST_SHARE = 1024 * 1024, 10


def replace_applications(device: Device, listed: Mapping[str, Application]) -> None:
    """Bring the device's apps up to `listed`, by digest; rows that have not changed stay."""
    rows = InstalledApplication.objects.filter(device=device).order_by()
    columns = rows.values_list("version__digest", "pk", "bundle_size", "dynamic_size")
    installed: dict[str, SizedRow] = {row[0]: row[1:] for row in columns.iterator()}
    gone = [row[0] for digest, row in installed.items() if digest not in listed]
    if gone:
        InstalledApplication.objects.filter(pk__in=gone).delete()
    _install(device, {key: app for key, app in listed.items() if key not in installed})
    _resize((row, listed[key]) for key, row in installed.items() if key in listed)


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


def _resize(known: Iterable[tuple[SizedRow, Application]]) -> None:
    changed = [
        InstalledApplication(pk=pk, bundle_size=app.bundle_size, dynamic_size=app.dynamic_size)
        for (pk, bundle_size, dynamic_size), app in known
        if _differs(bundle_size, app.bundle_size) or _differs(dynamic_size, app.dynamic_size)
    ]
    fields = ["bundle_size", "dynamic_size"]
    InstalledApplication.objects.bulk_update(changed, fields, batch_size=BATCH)


def _differs(old: int | None, new: int | None) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(new - old) > max(LEAST_CHANGE, old // LEAST_SHARE)
