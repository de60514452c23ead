"""Whether a set is what was made: every byte is read, and with the key every file is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Final

from .errors import Damaged, KeptTooLong
from .held import HeldFile, held_file
from .manifest import MANIFEST, Manifest, Statement, read_statement
from .sealing import Identity, open_into

# Each reads its input to the end, and says when that isn't a whole archive.
_READERS: Final = {
    "kafka": ("tar", "--list", "--gzip"),
    "keys": ("tar", "--list", "--gzip"),
    "schema": ("pg_restore", "--file=/dev/null"),
}


def check_set(folder: Path, identity: Identity | None) -> Statement:
    """Hold a set against its manifest; without ``identity`` the seals stay closed.

    Raises:
        NoSet: it never got finished, or is none.
        BackupRefused, OSError: what :func:`checked` raises.
    """
    statement = read_statement(folder)
    with checked(folder, statement.manifest, identity):
        return statement


@contextmanager
def checked(folder: Path, manifest: Manifest, identity: Identity | None) -> Iterator[Mapping[str, HeldFile]]:
    """A set's files by their names, each as it was checked: whoever writes into the folder later changes none unseen.

    Raises:
        Damaged: a file is changed, cut off, gone, a link, or too many.
        CannotOpen: ``identity`` isn't one that it was sealed to.
        ProgramMissing, ProgramFailed: what was sealed is no whole archive.
        OSError: the disk can't be read.
    """
    with ExitStack() as open_files:
        reasons = [f"{name} is no part of it" for name in _unlisted(folder, manifest)]
        files = {}
        for file in manifest.files:
            try:
                held = open_files.enter_context(held_file(folder / file.file))
            except FileNotFoundError:
                reasons.append(f"{file.file} is missing")
                continue
            files[file.file] = held
            if held.sha256 != file.sha256:
                reasons.append(f"{file.file} has another content")
        if reasons:
            raise Damaged(folder, reasons)
        if identity is not None:
            for file in manifest.files:
                open_into(_READERS[file.holds.kind], files[file.file], identity)
        yield files


def _unlisted(folder: Path, manifest: Manifest) -> list[str]:
    listed = {file.file for file in manifest.files}
    return sorted({path.name for path in folder.iterdir()} - {MANIFEST} - listed)


def require_kept(folder: Path, manifest: Manifest, today: date) -> None:
    """Raises :class:`KeptTooLong` behind the end of keeping."""
    if today > manifest.keep_until:
        raise KeptTooLong(folder, manifest.keep_until)
