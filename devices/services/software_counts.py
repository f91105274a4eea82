"""How many devices have each app: counted anew, so that no answer waits for a common counter."""

from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef

from devices.models import InstalledApplication, SoftwareTitle, SoftwareVersion

BATCH = 500
# An answer that is being written may be about to refer to a version that nobody has.
UNUSED_AFTER = timedelta(days=1)


def count_software(*, now: datetime) -> int:
    """Bring the counts of versions and titles up to date, drop what nobody has.

    Returns how many rows changed. Each level costs one query that reads an index of all
    installed apps; only counts that differ are written.
    """
    changed = _count_versions()
    _drop_unused(now=now)
    return changed + _count_titles()


def _count_versions() -> int:
    installs = InstalledApplication.objects.order_by()
    devices = dict(installs.values_list("version").annotate(Count("device")))
    changed = []
    for version in SoftwareVersion.objects.order_by("pk").only("device_count").iterator():
        count = devices.get(version.pk, 0)
        if version.device_count != count:
            version.device_count = count
            changed.append(version)
    SoftwareVersion.objects.bulk_update(changed, ["device_count"], batch_size=BATCH)
    return len(changed)


def _drop_unused(*, now: datetime) -> None:
    is_installed = InstalledApplication.objects.filter(version=OuterRef("pk"))
    unused = SoftwareVersion.objects.filter(
        ~Exists(is_installed), device_count=0, first_seen_at__lt=now - UNUSED_AFTER
    )
    unused.order_by().delete()
    has_version = SoftwareVersion.objects.filter(title=OuterRef("pk"))
    SoftwareTitle.objects.filter(~Exists(has_version)).order_by().delete()


def _count_titles() -> int:
    """A device with two versions counts once; a title's name is its commonest version's."""
    installs, versions = InstalledApplication.objects.order_by(), SoftwareVersion.objects.all()
    device_counts = dict(
        installs.values_list("version__title").annotate(Count("device", distinct=True))
    )
    in_use = versions.filter(device_count__gt=0).order_by()
    version_counts = dict(in_use.values_list("title").annotate(Count("id")))
    # Of a title's names the last one stays.
    names = dict(versions.order_by("device_count", "-id").values_list("title", "name"))
    changed = []
    for row in SoftwareTitle.objects.order_by("pk").iterator():
        counts = device_counts.get(row.pk, 0), version_counts.get(row.pk, 0)
        name = names.get(row.pk, row.name)
        if (row.device_count, row.version_count, row.name) != (*counts, name):
            (row.device_count, row.version_count), row.name = counts, name
            changed.append(row)
    fields = ["device_count", "version_count", "name"]
    SoftwareTitle.objects.bulk_update(changed, fields, batch_size=BATCH)
    return len(changed)
