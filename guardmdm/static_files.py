"""Static files: which of the libraries' are ours to serve, and whether they are collected."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder, get_finders
from whitenoise.storage import CompressedManifestStaticFilesStorage

MANIFEST = "staticfiles.json"
# What libraries bring along and no page of ours loads: 50 of 60 MB, and most of a minute
# of hashing and compressing at the first start.
UNUSED = (
    "*.map",
    "bootstrap/js/*",
    "bootstrap-*.css",
    "bootstrap.css",
    "bootstrap.rtl*",
    "django_htmx/ext/*",
    "django_htmx/htmx-4*",
    "django_htmx/htmax-*",
    "rest_framework/*",
    "drf_spectacular_sidecar/redoc/*",
)


class UsedFilesFinder(AppDirectoriesFinder):
    """The applications' static files without UNUSED."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[Any]:
        return iter(super().list([*(ignore_patterns or []), *UNUSED]))


class UsedFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed and compressed files; source maps are not served, so none is looked for."""

    patterns = tuple(
        (glob, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for glob, rules in CompressedManifestStaticFilesStorage.patterns
    )


def is_collected() -> bool:
    """Whether the manifest is there and newer than every source file."""
    manifest = Path(settings.STATIC_ROOT) / MANIFEST
    if not manifest.exists():
        return False
    made = manifest.stat().st_mtime
    return all(
        Path(storage.path(name)).stat().st_mtime <= made
        for finder in get_finders()
        for name, storage in finder.list([])
    )
