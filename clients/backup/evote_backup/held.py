"""A file of a set that is read more than once, and has the same bytes each time or is refused.

Who can write where backups lie can rename another file into the place of one, or write into one that is open, between
a check and what comes after it. SQL that was run can't be taken back, so a hash that is ready at the end is too late.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from .errors import Damaged

PIECE: Final = 1024 * 1024
"""Bytes; 32 stay in memory for each."""


class HeldFile:
    """A file that was read once; :meth:`read_again` gives those bytes and no others. Field: ``sha256``, of all."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file
        whole = hashlib.sha256()
        self._digests = []
        while piece := file.read(PIECE):
            whole.update(piece)
            self._digests.append(hashlib.sha256(piece).digest())
        self.sha256 = whole.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """Each piece as it was when the file was held, before anybody uses any of it; raises :class:`Damaged`."""
        self._file.seek(0)
        for digest in self._digests:
            piece = self._file.read(PIECE)
            if hashlib.sha256(piece).digest() != digest:
                raise Damaged(self.path, ["somebody changed it while it was read"])
            yield piece

    def read_again(self) -> SameBytes:
        """The file from its beginning; of several readers only the newest may be used."""
        return SameBytes(self)


class SameBytes(io.RawIOBase):
    """What was held, as a file to read; ``changed`` is why it ended, where the file isn't that any more."""

    def __init__(self, held: HeldFile) -> None:
        self._pieces = held.pieces()
        self._left = memoryview(b"")
        self.changed: Damaged | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; none at the end. Raises :class:`Damaged`, ``OSError``."""
        if not self._left:
            try:
                self._left = memoryview(next(self._pieces, b""))
            except Damaged as error:
                self.changed = error
                raise
        end = len(self._left) if size < 0 else size
        taken, self._left = bytes(self._left[:end]), self._left[end:]
        return taken


@contextmanager
def held_file(path: Path) -> Iterator[HeldFile]:
    """Open and read a file, which stays open: a rename changes nothing for whoever holds it.

    Raises:
        Damaged, FileNotFoundError, OSError: as :func:`open_own`.
    """
    with open_own(path) as file:
        yield HeldFile(path, file)


def open_own(path: Path) -> IO[bytes]:
    """Open a file of a set.

    Raises:
        Damaged: a link, or no file: what it leads to, or gives, is another's to choose.
        FileNotFoundError, OSError
    """
    try:
        # Not waiting for somebody to write into a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Damaged(path, ["it is a link"]) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Damaged(path, ["it is no file"])
    return os.fdopen(descriptor, "rb")
