"""The files of uploaded packages: each under its SHA-256 in the data folder, written in portions.

Behind nginx the folder is on a volume of its own, which nginx reads; so its files are readable
to others. In the data folder nobody else comes that far.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from policies.errors import PackageTooLarge
from policies.protocol.packages import FileHasher, FileHashes

MAX_BYTES = 8 * 1024**3
SPARE_BYTES = 1024**3  # stay free for the database
CHECK_EVERY = 64 * 1024**2
INCOMING = ".incoming-"
FORGOTTEN_AFTER = 24 * 3600  # seconds


def get_folder() -> Path:
    """Return the folder, which is made where it is missing."""
    folder = Path(settings.DATA_DIR) / "packages"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder


def get_path(sha256: str) -> Path:
    """Return where a file lies, or would."""
    return get_folder() / sha256


def check_room(size: int) -> None:
    """Raise PackageTooLarge where `size` more bytes are too many, or the disk has no room."""
    if size > MAX_BYTES:
        raise PackageTooLarge(f"A package has at most {MAX_BYTES // 1024**3} GB.")
    free = shutil.disk_usage(get_folder()).free
    if free - size < SPARE_BYTES:
        raise PackageTooLarge("The server's disk has no room for it: make some in the data folder.")


class IncomingFile:
    """A file while it is uploaded; it is gone unless it is kept. Closing twice does no harm."""

    def __init__(self) -> None:
        check_room(0)
        handle, name = tempfile.mkstemp(dir=get_folder(), prefix=INCOMING)
        self.path = Path(name)
        self.stream = os.fdopen(handle, "w+b")
        self._hasher = FileHasher()
        self._checked_at = 0

    def write(self, data: bytes) -> None:
        """Raises PackageTooLarge, also for a disk that takes no more."""
        try:
            self.stream.write(data)
        except OSError as error:
            raise PackageTooLarge(f"The server cannot store it: {error.strerror}.") from error
        self._hasher.update(data)
        if self._hasher.size - self._checked_at >= CHECK_EVERY:
            self._checked_at = self._hasher.size
            check_room(0)
        if self._hasher.size > MAX_BYTES:
            check_room(self._hasher.size)

    def finish(self) -> FileHashes:
        """Call after the last byte: the whole file is on the disk and can be read."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.seek(0)
        return self._hasher.finish()

    def keep(self, sha256: str) -> None:
        """Put it in its place; the same content is there already or arrives whole."""
        self.path.chmod(0o644)
        self.path.replace(get_path(sha256))
        self.close()

    def close(self) -> None:
        self.stream.close()
        self.path.unlink(missing_ok=True)


def delete_file(sha256: str) -> None:
    get_path(sha256).unlink(missing_ok=True)


def sweep_files(known: Iterable[str]) -> int:
    """Delete what no row knows, and broken uploads, once they are a day old; return how many."""
    kept, deleted = set(known), 0
    for path in get_folder().iterdir():
        try:
            is_old = time.time() - path.stat().st_mtime > FORGOTTEN_AFTER
            if path.name not in kept and is_old:
                path.unlink()
                deleted += 1
        except FileNotFoundError:
            continue  # another sweep was faster
    return deleted
