"""An archive that was given: opened once, and read by every tie that needs it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from evote_belenios.archive import ArchiveReader, NotAnArchive, Setup, open_archive
from evote_belenios.election import parse_election
from evote_belenios.errors import BeleniosError


class ArchiveChanged(Exception):
    """The archive's file was written to while ties read it: they did not all see the same."""


@dataclass(frozen=True)
class ArchiveFile:
    """One open file behind all ties, so that the archive that is verified is the one that is tied.

    Opened by name for each tie, a download that takes the name's place in between would be verified, and another tied.
    """

    file: BufferedReader
    election_uuid: str | None
    """The archive's election, if it can be read."""
    _as_opened: tuple[int, int]

    def events(self) -> ArchiveReader:
        """Its events from the first on; one reader at a time."""
        return ArchiveReader(self.file)

    @property
    def size(self) -> int:
        """In bytes, as it was opened."""
        return self._as_opened[0]

    def sha256(self) -> str:
        """Of all its bytes, in hexadecimal."""
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").hexdigest()

    def require_unchanged(self) -> None:
        """Raise :class:`ArchiveChanged` if the file was written to since it was opened.

        Another file that takes its name harms nobody. Written over in place, as ``curl -o`` does, it is another archive
        in the middle of it all.
        """
        if _version(self.file) != self._as_opened:
            raise ArchiveChanged


@contextmanager
def opened_archive(path: Path) -> Iterator[ArchiveFile]:
    """Open an archive for all ties; raises ``OSError`` and ``NotAnArchive``."""
    with open_archive(path) as file:
        as_opened = _version(file)
        yield ArchiveFile(file, _election_uuid(file), as_opened)


def _version(file: BufferedReader) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _election_uuid(file: BufferedReader) -> str | None:
    try:
        setup = next(iter(ArchiveReader(file))).content
        return parse_election(setup.election).uuid if isinstance(setup, Setup) else None
    except NotAnArchive:
        raise
    except (BeleniosError, StopIteration):
        return None
