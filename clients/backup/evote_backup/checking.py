"""Whether a set is what was made: every byte is read, and with the key every file is opened."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Final

from .errors import Damaged, KeptTooLong
from .manifest import MANIFEST, Manifest, SealedFile, read_manifest
from .sealing import Identity, open_into

# Each reads its input to the end, and says when that isn't a whole archive.
_READERS: Final = {
    "kafka": ("tar", "--list", "--gzip"),
    "keys": ("tar", "--list", "--gzip"),
    "schema": ("pg_restore", "--file=/dev/null"),
}


def check_set(folder: Path, identity: Identity | None) -> Manifest:
    """Hold a set against its manifest; without ``identity`` the seals stay closed.

    Raises:
        NoSet: it never got finished, or is none.
        Damaged: a file is changed, cut off, gone, or too many.
        CannotOpen: ``identity`` isn't one that it was sealed to.
        ProgramMissing, ProgramFailed: what was sealed is no whole archive.
        OSError: the disk can't be read.
    """
    manifest = read_manifest(folder)
    listed = {file.file for file in manifest.files}
    found = {path.name for path in folder.iterdir()} - {MANIFEST}
    reasons = [f"{name} is no part of it" for name in sorted(found - listed)]
    for file in manifest.files:
        reasons += _fault(folder, file)
    if reasons:
        raise Damaged(folder, reasons)
    if identity is not None:
        for file in manifest.files:
            open_into(_READERS[file.holds.kind], folder / file.file, identity)
    return manifest


def _fault(folder: Path, file: SealedFile) -> list[str]:
    try:
        with (folder / file.file).open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return [f"{file.file} is missing"]
    return [] if digest == file.sha256 else [f"{file.file} has another content"]


def require_kept(folder: Path, manifest: Manifest, today: date) -> None:
    """Raises :class:`KeptTooLong` behind the end of keeping."""
    if today > manifest.keep_until:
        raise KeptTooLong(folder, manifest.keep_until)
