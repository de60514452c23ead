"""Where an archive comes from: a file, a server, or standard input."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import httpx
from evote_belenios.archive.writer import Writable

from ..findings import OutOfReach, Unusable
from .archive_file import ArchiveFile, opened_archive
from .log import Progress

STDIN: Final = "-"
MOST_BYTES: Final = 1 << 32
"""An archive of a million ballots has less; whoever serves more would fill the disk."""
_TIMEOUT_S = 20.0
_PART = 1 << 20
_LONGEST_PROBLEM = 1 << 16

Bar = Callable[[str, str], AbstractContextManager[Progress]]
"""Shows the progress of what is done, in a unit."""


@contextmanager
def archive_at(place: str, stdin: Callable[[], BinaryIO], bar: Bar) -> Iterator[ArchiveFile]:
    """The archive at a path, at an ``http://`` or ``https://`` URL, or (``-``) on standard input.

    What comes from a server or a pipe is kept in a temporary file until the block ends: it is read several times.

    Raises:
        OutOfReach: the server did not give it.
        Unusable: there is no end to it.
        OSError, NotAnArchive: as of a file.
    """
    if place != STDIN and not is_url(place):
        with opened_archive(Path(place)) as archive:
            yield archive
        return
    with tempfile.NamedTemporaryFile(prefix="evote-verify-", suffix=".bel") as file:
        with bar("fetching the archive", "B") as progress:
            if is_url(place):
                _fetch(place, file, progress)
            else:
                source = stdin()
                _keep(iter(lambda: source.read(_PART), b""), None, "standard input", file, progress)
        file.flush()
        with opened_archive(Path(file.name)) as archive:
            yield archive


def is_url(place: str) -> bool:
    """Whether an archive, or a log, is on a server."""
    return place.startswith(("http://", "https://"))


def _fetch(url: str, file: Writable, progress: Progress) -> None:
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=True) as response:
            if response.status_code != 200:
                raise OutOfReach(f"{url} answered {response.status_code}{_told(response)}")
            told = response.headers.get("Content-Length", "")
            size = int(told) if told.isascii() and told.isdigit() else None
            _keep(response.iter_bytes(_PART), size, url, file, progress)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OutOfReach(f"{url}: {type(error).__name__} {error}".strip()) from error


def _told(response: httpx.Response) -> str:
    """Why, in the words of the service: an archive that is withheld until the close is not a server that is away."""
    kept = b""
    for part in response.iter_bytes(_LONGEST_PROBLEM):
        kept += part
        if len(kept) > _LONGEST_PROBLEM:
            return ""
    try:
        problem = json.loads(kept)["en"]
        return f": {problem['title']}. {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return ""


def _keep(parts: Iterable[bytes], size: int | None, place: str, file: Writable, progress: Progress) -> None:
    kept = 0
    for part in parts:
        kept += len(part)
        # What is sent compressed is counted as it is written.
        if kept > MOST_BYTES:
            raise Unusable(f"{place} gives more than {MOST_BYTES} bytes: no archive is that long")
        file.write(part)
        progress(kept, max(kept, size or 0))
