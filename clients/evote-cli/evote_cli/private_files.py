"""New files that only their owner may read, for what a server tells once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import CommandFailed


@contextmanager
def new_private_file(path: Path) -> Iterator[TextIO]:
    """A new file to write to; it never replaces another one, and is removed when the command fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(f"ファイルを作れません。上書きはしません: {path}（{error.strerror}）") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except CommandFailed:
        path.unlink()
        raise
