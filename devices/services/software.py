"""Which apps a device has: its list replaces the one before, row by row where they differ."""

from collections.abc import Iterable, Mapping

from devices.models import Device, InstalledApplication, SoftwareTitle
from devices.protocol.inventory import Application
from devices.services.software_rows import (
    ADD_TITLES,
    ADD_VERSIONS,
    FIND_UNKNOWN,
    INSTALL,
    RESIZE,
)

SizedRow = tuple[int, int | None, int | None]  # key, bundle size, dynamic size
# Documents grow by themselves: a size is written again once it is a tenth and a MiB off.
LEAST_CHANGE, LEAST_SHARE = 1024 * 1024, 10


def learn_applications(listed: Mapping[str, Application]) -> None:
    """Make the versions, by digest, that no device had so far.

    They belong to no device, so this needs no lock. Before a transaction it keeps that one, and
    whoever brings the same apps at the same moment, from waiting.
    """
    if not listed:
        return
    unknown = {row[0] for row in FIND_UNKNOWN.fetch([(digest,) for digest in listed])}
    if not unknown:
        return
    new = {digest: app for digest, app in listed.items() if digest in unknown}
    titles = {app.identifier: app.name for app in new.values()}
    make_id = SoftwareTitle._meta.get_field("public_id").get_default
    ADD_TITLES.run([(make_id(), identifier, name) for identifier, name in titles.items()])
    ADD_VERSIONS.run(
        [
            (app.identifier, digest, app.name, app.version, app.short_version, app.source)
            for digest, app in new.items()
        ]
    )


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
    rows = [(digest, app.bundle_size, app.dynamic_size) for digest, app in new.items()]
    if INSTALL.run(rows, device.pk) < len(rows):  # not learned, or dropped again since
        learn_applications(new)
        INSTALL.run(rows, device.pk)


def _resize(known: Iterable[tuple[SizedRow, Application]]) -> None:
    changed = [
        (pk, app.bundle_size, app.dynamic_size)
        for (pk, bundle_size, dynamic_size), app in known
        if _differs(bundle_size, app.bundle_size) or _differs(dynamic_size, app.dynamic_size)
    ]
    if changed:
        RESIZE.run(changed)


def _differs(old: int | None, new: int | None) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(new - old) > max(LEAST_CHANGE, old // LEAST_SHARE)
