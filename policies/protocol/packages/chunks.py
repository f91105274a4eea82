"""The hashes of a file while it streams by: of the whole, and of each chunk for its manifest."""

import hashlib
from dataclasses import dataclass

CHUNK_SIZE = 10 * 1024 * 1024  # bytes, as Apple's own tools cut them


@dataclass(frozen=True)
class FileHashes:
    """Hashes in hex; the lists have one for each chunk of CHUNK_SIZE bytes."""

    size: int
    sha256: str
    chunk_sha256s: tuple[str, ...]
    chunk_md5s: tuple[str, ...]


class FileHasher:
    """Takes the bytes of a file in any portions; knows no more than a chunk's state at a time."""

    def __init__(self) -> None:
        self.size = 0
        self._whole = hashlib.sha256()
        self._sha256s: list[str] = []
        self._md5s: list[str] = []
        self._filled = 0
        self._start_chunk()

    def _start_chunk(self) -> None:
        self._sha256 = hashlib.sha256()
        # Systems before those that read SHA-256 from a manifest; against accidents only.
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, data: bytes) -> None:
        self.size += len(data)
        self._whole.update(data)
        rest = memoryview(data)
        while rest:
            taken, rest = rest[: CHUNK_SIZE - self._filled], rest[CHUNK_SIZE - self._filled :]
            self._sha256.update(taken)
            self._md5.update(taken)
            self._filled += len(taken)
            if self._filled == CHUNK_SIZE:
                self._end_chunk()

    def _end_chunk(self) -> None:
        self._sha256s.append(self._sha256.hexdigest())
        self._md5s.append(self._md5.hexdigest())
        self._filled = 0
        self._start_chunk()

    def finish(self) -> FileHashes:
        """Call once, after the last byte."""
        if self._filled:
            self._end_chunk()
        return FileHashes(
            self.size, self._whole.hexdigest(), tuple(self._sha256s), tuple(self._md5s)
        )
