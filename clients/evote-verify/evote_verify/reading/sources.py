"""Where a log is read from: a server or a folder, in the same layout (C2SP tlog-tiles)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeVar

import httpx

CHECKPOINT, WITNESSED, LOG_KEY = "checkpoint", "checkpoint/witnessed", "log-key"

_AT_ONCE = 4
_TRIES = 4
_FIRST_WAIT_S = 0.25
_TIMEOUT_S = 20.0
_MOST_BYTES = 1 << 29
"""More than a bundle of 256 records of the largest size that Kafka takes."""
_IN_FOLDER = {WITNESSED: "checkpoint-witnessed"}  # ``checkpoint`` is a file: nothing can stand below it


Place = TypeVar("Place")
Content = TypeVar("Content")


class Freshness(Enum):
    """How old what a source gives can be."""

    LIVE = "the log as it is now"
    COPY = "a copy, as old as it may be"


class NotServed(Exception):
    """The log has no such path. Field: ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class SourceUnavailable(Exception):
    """The log could not be read. Fields: ``reason``; ``passing``: whoever serves it may do so in a moment."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passing = passing


class LogSource(Protocol):
    """Gives the files of a log; may be asked by several threads at once."""

    @property
    def place(self) -> str:
        """Where it is, for the report."""

    @property
    def freshness(self) -> Freshness:
        """Whether it can be older than what is held against it."""

    def read(self, path: str) -> bytes:
        """The content of a path below the log's prefix; raises :class:`NotServed`, :class:`SourceUnavailable`."""


class HttpSource:
    """A log on a server."""

    freshness = Freshness.LIVE

    def __init__(self, client: httpx.Client, url: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self.place = url.rstrip("/")
        self._sleep = sleep

    def read(self, path: str) -> bytes:
        """Ask up to four times: records may be a moment behind their checkpoint."""
        reason, passing = "", True
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(_FIRST_WAIT_S * 2**attempt)
            try:
                with self._client.stream(
                    "GET", f"{self.place}/{path}", timeout=_TIMEOUT_S, follow_redirects=True
                ) as response:
                    if response.status_code == 200:
                        return self._body(response, path)
                    if response.status_code in (404, 410):
                        raise NotServed(path)
                    reason = f"{self.place}/{path} answered {response.status_code}"
                    passing = response.status_code >= 500 or response.status_code == 429
                    if not passing:
                        break
            except httpx.HTTPError as error:
                reason = f"{self.place}/{path}: {type(error).__name__} {error}".strip()
            except httpx.InvalidURL as error:
                raise SourceUnavailable(f"{self.place} is not a URL: {error}") from error
        raise SourceUnavailable(reason, passing=passing)

    def _body(self, response: httpx.Response, path: str) -> bytes:
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) > _MOST_BYTES:
                raise SourceUnavailable(f"{self.place}/{path} is longer than {_MOST_BYTES} bytes")
        return bytes(content)


class FolderSource:
    """A log that was saved to a folder, or is about to be published from one."""

    freshness = Freshness.COPY

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place = str(folder)

    def read(self, path: str) -> bytes:
        try:
            return (self._folder / _IN_FOLDER.get(path, path)).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotServed(path) from None
        except OSError as error:
            raise SourceUnavailable(f"{self._folder / path} can't be read: {error.strerror}") from error


class RecordingSource:
    """Reads from another source, and writes what it gave into a folder."""

    def __init__(self, source: LogSource, folder: Path) -> None:
        self._source = source
        self._folder = folder

    @property
    def place(self) -> str:
        return self._source.place

    @property
    def freshness(self) -> Freshness:
        return self._source.freshness

    def read(self, path: str) -> bytes:
        content = self._source.read(path)
        file = self._folder / _IN_FOLDER.get(path, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return content


def read_in_order(read: Callable[[Place], Content], places: Iterable[Place]) -> Iterator[Content]:
    """What ``read`` gives for many places, in their order; a few of them are on their way at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        on_their_way: deque[Future[Content]] = deque()
        try:
            for place in places:
                on_their_way.append(pool.submit(read, place))
                if len(on_their_way) > _AT_ONCE:
                    yield on_their_way.popleft().result()
            while on_their_way:
                yield on_their_way.popleft().result()
        finally:
            for waiting in on_their_way:
                waiting.cancel()
