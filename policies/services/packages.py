"""Uploaded apps and packages: taken in, told to devices, deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from devices.models import Command, Device
from devices.services.actions import queue_command
from organization.models import lock_until_commit
from organization.services.audit import record
from policies.errors import PackageInUse, PackageInvalid
from policies.models import Package, PackageKind
from policies.protocol.packages import (
    FileHashes,
    ManifestItem,
    PackageFacts,
    build_manifest,
    decode_installer_package,
    decode_ipa,
)
from policies.services.package_files import IncomingFile, delete_file, get_path, sweep_files

DECODERS = {".ipa": decode_ipa, ".pkg": decode_installer_package}
LONGEST_NAME = 255


def add_package(incoming: IncomingFile, *, file_name: str, actor: str) -> Package:
    """Take in an upload that is complete; the same content again is the package that is there.

    Raises PackageInvalid with what to do about it. `incoming` is closed in any case.
    """
    try:
        facts = _decode(incoming, file_name=file_name)
        hashes = incoming.finish()
        with _hold_file(hashes.sha256):
            known = Package.objects.filter(sha256=hashes.sha256).first()
            if known is not None and get_path(hashes.sha256).exists():
                return known
            # The file first: a row without one would fail on devices, a file without one is swept.
            incoming.keep(hashes.sha256)
            return known or _create(facts, hashes, file_name=file_name, actor=actor)
    finally:
        incoming.close()


def check_file_name(file_name: str) -> str:
    """Return how it ends, in small letters; raises PackageInvalid."""
    suffix = file_name[-4:].lower()
    if suffix not in DECODERS:
        refusal = "Only files whose names end in .ipa or .pkg are taken."
        raise PackageInvalid(refusal, field="file_name")
    return suffix


@contextmanager
def _hold_file(sha256: str) -> Iterator[None]:
    """Nobody else puts this content in its place or deletes it until the row says which it is."""
    with transaction.atomic():
        lock_until_commit(f"package {sha256}")
        yield


def _decode(incoming: IncomingFile, *, file_name: str) -> PackageFacts:
    suffix = check_file_name(file_name)
    incoming.stream.flush()
    incoming.stream.seek(0)
    return DECODERS[suffix](incoming.stream)


def _create(facts: PackageFacts, hashes: FileHashes, *, file_name: str, actor: str) -> Package:
    try:
        with transaction.atomic():
            package = Package.objects.create(
                kind=facts.kind,
                name=facts.title,
                identifier=facts.identifier,
                version=facts.version,
                minimum_os=facts.minimum_os,
                platforms=list(facts.platforms),
                bundles=dict(facts.bundles),
                signer=facts.signer,
                file_name=_clean_name(file_name),
                size=hashes.size,
                sha256=hashes.sha256,
                chunk_sha256s=list(hashes.chunk_sha256s),
                chunk_md5s=list(hashes.chunk_md5s),
                uploaded_by=actor[:200],
            )
            _record(package, actor=actor, action="package.create")
    except IntegrityError:  # the same file was uploaded twice at once
        return Package.objects.get(sha256=hashes.sha256)
    return package


def _clean_name(file_name: str) -> str:
    """Shown to people, never a path."""
    name = file_name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[-LONGEST_NAME:]


@transaction.atomic
def delete_package(package: Package, *, actor: str) -> None:
    """Raises PackageInUse while an item of a policy installs it; devices keep what they have."""
    sha256 = package.sha256
    _record(package, actor=actor, action="package.delete")
    try:
        # First, so that an item that is about to install it is waited for.
        Package.objects.select_for_update().filter(pk=package.pk).first()
        package.delete()
    except ProtectedError as error:
        raise PackageInUse("Policies still install it: take it out of them first.") from error
    transaction.on_commit(lambda: _delete_left(sha256), robust=True)  # the sweep finds it


def _delete_left(sha256: str) -> None:
    """Delete a deleted package's file, unless the same content has been uploaded again since."""
    with _hold_file(sha256):
        if not Package.objects.filter(sha256=sha256).exists():
            delete_file(sha256)


def build_package_url(package: Package) -> str:
    """Return where devices get the file; who knows the address may, so people are not shown it."""
    return f"{settings.BASE_URL}/apps/{package.address}/package.{package.kind}"


def build_manifest_url(package: Package) -> str:
    """Return where devices get the manifest."""
    return f"{settings.BASE_URL}/apps/{package.address}/manifest.plist"


def build_package_manifest(package: Package) -> dict[str, Any]:
    """Return the manifest of a package as a dictionary."""
    return build_manifest(
        ManifestItem(
            url=build_package_url(package),
            identifier=package.identifier,
            version=package.version,
            title=package.name,
            size=package.size,
            chunk_sha256s=package.chunk_sha256s,
            chunk_md5s=package.chunk_md5s,
        )
    )


def install_package(package: Package, *, device: Device, actor: str) -> Command:
    """Queue its installation on one device, once; policies install it on groups.

    Raises NotEnrolled, and PackageInvalid for a device of another platform.
    """
    if device.platform not in package.platforms:
        raise PackageInvalid(f"{package} is not for {device.get_platform_display()}.")
    if package.kind == PackageKind.PKG:
        return queue_command(
            device,
            request_type="InstallEnterpriseApplication",
            parameters={"manifest": build_package_manifest(package)},
            actor=actor,
        )
    return queue_command(
        device,
        request_type="InstallApplication",
        parameters={"manifest_url": build_manifest_url(package), "take_over": True},
        actor=actor,
    )


def list_missing_packages() -> list[str]:
    """Return the names of packages whose files are not here, as after a restore."""
    rows = Package.objects.only("name", "version", "sha256")
    return [str(row) for row in rows if not get_path(row.sha256).exists()]


def sweep_packages() -> int:
    """Delete files that no package has; return how many."""
    return sweep_files(Package.objects.values_list("sha256", flat=True))


def _record(package: Package, *, actor: str, action: str) -> None:
    detail = {"identifier": package.identifier, "version": package.version, "size": package.size}
    record(actor, action=action, subject_id=package.public_id, subject=str(package), detail=detail)
