"""Backup and restore: every row and this server's keys, in one file that a passphrase opens.

Inside are lines of JSON, compressed: first what made it and the keys, then for each table its
columns and a line for each row, at last how many rows there were. Values are Django's, not a
database's, so a backup of SQLite restores into PostgreSQL and the other way round. Sealed
columns are opened on the way in and sealed on the way out, with the keys of the new installation.
"""

import base64
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, models, transaction

from guardmdm.sealed_file import FileUnreadable, open_pieces, seal_pieces
from organization.models import Sealed
from organization.protocol.sealing import KeyRing
from organization.services import audit
from policies.models import Package
from policies.services.package_files import get_folder
from policies.services.packages import list_missing_packages
from scep.services.revocation import mark_all_stale

MIN_PASSPHRASE = 12
VERSION = 1
CHUNK = 500
LEFT_OUT = {
    "auth.group", "auth.group_permissions", "auth.permission",
    "contenttypes.contenttype",  # made by every installation for itself
    "sessions.session",  # people sign in anew
    "guardmdm.examination", "guardmdm.heartbeat",  # of another machine
    "scep.dynamicchallenge",  # one use each: none may come back to life
}  # fmt: skip
ACTOR = "manage.py"


class BackupFailed(Exception):
    """Nothing was changed; the message says why, in one line."""


@dataclass(frozen=True)
class Restored:
    """How many rows came back, from when and whose address; `notes` for the operator."""

    rows: int
    made_at: str
    base_url: str
    notes: tuple[str, ...]


def describe_left_out() -> str:
    """Say which files must be copied beside the backup, "" where there are none."""
    count, size = Package.objects.count(), sum(Package.objects.values_list("size", flat=True))
    if not count:
        return ""
    packages = f"{count} package{'' if count == 1 else 's'} ({size / 1024**3:.1f} GB)"
    return (
        f"Not in it: the files of {packages}. Copy the folder "
        f"{get_folder()} too, or upload them again after a restore."
    )


def read_passphrase(path: Path) -> str:
    """Return the file's first line; raises BackupFailed."""
    try:
        return path.read_text().partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise BackupFailed(f"{path} cannot be read.") from error


def write_backup(path: Path, *, passphrase: str, now: datetime) -> int:
    """Write the file, readable by its owner only, whole or not at all; return how many rows.

    Beside a running server: one snapshot of the database, and nobody waits for it.
    Raises BackupFailed, SecretUnreadable.
    """
    _check_passphrase(passphrase)
    audit.record(ACTOR, action="backup.create", subject=path.name)
    counted = _Counter()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with _hold_snapshot():
                lines = _write_lines(counted, now=now)
                for part in seal_pieces(_compress(lines), passphrase=passphrase.encode()):
                    file.write(part)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written ({error.strerror}).") from error
    finally:
        with suppress(OSError):  # of a read-only disk; why nothing was written is told already
            draft.unlink(missing_ok=True)
    return counted.rows


def restore_backup(path: Path, *, passphrase: str) -> Restored:
    """Load the file into this installation, whose database must be migrated and empty.

    All or nothing. Raises BackupFailed.
    """
    _check_empty()
    try:
        with path.open("rb") as file:
            lines = _read_lines(open_pieces(file, passphrase=passphrase.encode()))
            with transaction.atomic():
                head = _read_head(next(lines, {}))
                rows = _load_rows(lines)
                _reset_sequences()
                mark_all_stale()
                audit.record(ACTOR, action="backup.restore", subject=path.name)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be read ({error.strerror}).") from error
    except FileUnreadable as error:
        raise BackupFailed(f"{path}: {error}.") from error
    notes = (*_keep_keys(head), *_compare_address(head), *_miss_packages())
    return Restored(rows, head["made_at"], head["base_url"], notes)


class _Counter:
    rows = 0


def _check_passphrase(passphrase: str) -> None:
    if len(passphrase) < MIN_PASSPHRASE:
        raise BackupFailed(f"The passphrase must have at least {MIN_PASSPHRASE} characters.")


def _list_models() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [m for m in found if m._meta.managed and m._meta.label_lower not in LEFT_OUT]


def _list_fields(model: type[models.Model]) -> "list[models.Field[Any, Any]]":
    return list(model._meta.local_concrete_fields)


@contextmanager
def _hold_snapshot() -> Iterator[None]:
    """All reads inside see the database as it was at the first one; writers go on."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    # Not atomic(): on SQLite that takes the only write lock.
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _write_lines(counted: _Counter, *, now: datetime) -> Iterator[Any]:
    yield {
        "version": VERSION,
        "made_at": now.isoformat(),
        "base_url": settings.BASE_URL,
        "secret_key": settings.SECRET_KEY,
        "encryption_keys": _encode_keys(settings.GUARDMDM_KEY_RING),
    }
    for model in _list_models():
        fields = _list_fields(model)
        yield {"table": model._meta.label_lower, "columns": [field.attname for field in fields]}
        for row in _read_rows(model, columns=[field.attname for field in fields]):
            counted.rows += 1
            yield row
    yield {"rows": counted.rows}


def _read_rows(model: type[models.Model], *, columns: list[str]) -> Iterator[Any]:
    """Yield the rows by primary key, CHUNK at a time: no cursor stays open when one fails."""
    rows = model._base_manager.order_by("pk").values_list("pk", *columns)
    batch = list(rows[:CHUNK])
    while batch:
        yield from (row[1:] for row in batch)
        batch = list(rows.filter(pk__gt=batch[-1][0])[:CHUNK])


def _compress(lines: Iterable[Any]) -> Iterator[bytes]:
    packer = zlib.compressobj()
    for line in lines:
        yield packer.compress(
            json.dumps(line, ensure_ascii=False, default=_encode).encode() + b"\n"
        )
    yield packer.flush()


def _read_lines(pieces: Iterable[bytes]) -> Iterator[Any]:
    unpacker, waiting = zlib.decompressobj(), b""
    for piece in pieces:
        *lines, waiting = (waiting + unpacker.decompress(piece)).split(b"\n")
        yield from map(json.loads, lines)
    if waiting or not unpacker.eof:
        raise FileUnreadable("the file was cut")


def _read_head(head: Any) -> dict[str, Any]:
    if not isinstance(head, dict) or head.get("version") != VERSION:
        raise BackupFailed("The backup was made by another version of GuardMDM: restore it there.")
    return head


def _load_rows(lines: Iterator[Any]) -> int:
    """Insert the rows as they were; constraints between tables are checked at the end."""
    known = {model._meta.label_lower: model for model in _list_models()}
    model: type[models.Model] | None = None
    waiting: list[list[Any]] = []
    total = 0
    for line in lines:
        if isinstance(line, list):
            waiting.append(line)
            if len(waiting) < CHUNK:
                continue
        if model is not None:
            total += _insert(model, waiting)
        waiting = []
        if isinstance(line, dict) and "table" in line:
            model = _check_table(line, known=known)
        elif isinstance(line, dict):
            if line["rows"] != total:
                raise FileUnreadable("rows are missing")
            return total
    raise FileUnreadable("the file was cut")


def _check_table(
    line: dict[str, Any], *, known: dict[str, type[models.Model]]
) -> type[models.Model]:
    model = known.get(line["table"])
    if model is None or line["columns"] != [field.attname for field in _list_fields(model)]:
        raise BackupFailed(
            f"The backup has another form of {line['table']}: restore it with the version of "
            "GuardMDM that made it, then update."
        )
    return model


def _insert(model: type[models.Model], rows: list[list[Any]]) -> int:
    fields = _list_fields(model)
    objects = [
        model(**{f.attname: _decode(f, value) for f, value in zip(fields, row, strict=True)})
        for row in rows
    ]
    size = min(connection.ops.bulk_batch_size(fields, objects) or CHUNK, CHUNK)
    for start in range(0, len(objects), size):
        # raw: moments of creation and change stay what they were, bulk_create would set them.
        model._base_manager._insert(  # type: ignore[attr-defined]
            objects[start : start + size], fields=fields, using=connection.alias, raw=True
        )
    return len(objects)


def _encode(value: Any) -> str:
    """Write what JSON does not know as text that the field's `to_python` reads."""
    if isinstance(value, Sealed):
        value = value.open()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return str(value)


def _decode(field: "models.Field[Any, Any]", value: Any) -> Any:
    if value is None or isinstance(field, models.JSONField):
        return value
    if isinstance(field, models.BinaryField):
        return base64.b64decode(value)
    return field.to_python(value)


def _check_empty() -> None:
    for model in _list_models():
        if model._base_manager.exists():
            raise BackupFailed(
                f"There are rows already ({model._meta.verbose_name_plural}): restore into an "
                "empty database, before the first start."
            )


def _reset_sequences() -> None:
    """PostgreSQL counts on from the highest number that was restored."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), _list_models()):
            cursor.execute(statement)


def _encode_keys(ring: KeyRing) -> list[str]:
    return [base64.urlsafe_b64encode(key).decode() for key in ring.keys]


def _keep_keys(head: dict[str, Any]) -> Iterator[str]:
    """Take over the keys where this installation keeps its own in the data folder.

    The new encryption key stays first, as the rows are sealed with it; the old ones follow, so
    that copies of the old database can be read. Yields a note for each that a setting gives.
    """
    ring: KeyRing = settings.GUARDMDM_KEY_RING
    keys = list(dict.fromkeys([*_encode_keys(ring), *head["encryption_keys"]]))
    kept = _encode_keys(ring)
    if not _replace_kept("encryption_keys", old=",".join(kept), new=",".join(keys)):
        yield "The encryption keys are those of GUARDMDM_ENCRYPTION_KEYS, not the backup's."
    if not _replace_kept("secret_key", old=settings.SECRET_KEY, new=head["secret_key"]):
        yield "The secret key is that of GUARDMDM_SECRET_KEY, not the backup's."


def _replace_kept(name: str, *, old: str, new: str) -> bool:
    path = settings.DATA_DIR / name
    if not path.exists() or path.read_text().strip() != old:
        return False
    draft = path.with_name(f".{name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(new)
    draft.replace(path)
    return True


def _miss_packages() -> Iterator[str]:
    missing = list_missing_packages()
    if missing:
        yield (
            f"The files of these packages are not here: {', '.join(missing)}. Copy them into "
            f"{get_folder()}, or upload them again."
        )


def _compare_address(head: dict[str, Any]) -> Iterator[str]:
    if head["base_url"] != settings.BASE_URL:
        yield (
            f"Devices know the server as {head['base_url']}, but GUARDMDM_BASE_URL is "
            f"{settings.BASE_URL}: they will not find it."
        )
