"""What a front's server gives: asked as several kinds of browsers ask, without following it anywhere."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from ..findings import OutOfReach, Unusable

_TRIES = 4
_FIRST_WAIT_S = 0.25
_TIMEOUT_S = 20.0
_LONGEST_ANSWER_S = 60.0
"""Of one answer: a server that sends a byte now and then would hold the auditor for ever."""
_MOST_BYTES: Final = 1 << 24

# A server that means one kind of device has three to choose from. What else tells a program from a browser (its other
# heads, how it opens TLS), this doesn't imitate: docs/runbooks/audit.md says so.
BROWSERS: Final[Mapping[str, Mapping[str, str]]] = {
    "Chrome on Android": {
        "User-Agent": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/143.0.0.0 Mobile Safari/537.36",
        "Accept-Language": "ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7",
    },
    "Safari on an iPhone": {
        "User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/26.0 Mobile/15E148 Safari/604.1",
        "Accept-Language": "ja",
    },
    "Firefox on Windows": {
        "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Accept-Language": "en-US,en;q=0.5",
    },
}


@dataclass(frozen=True)
class Answer:
    """What the server gave for one path."""

    status: int
    headers: httpx.Headers
    content: bytes
    too_long: bool
    """Longer than any front's file, and not read to its end."""


class FrontServer:
    """A front at its origin."""

    def __init__(
        self,
        client: httpx.Client,
        origin: str,
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises :class:`Unusable` for anything else than an origin: files of a front stand at its root."""
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
            raise Unusable(f"{origin} is not a front's address: give it without a path (https://vote.example)")
        self.origin = origin.rstrip("/")
        self._client = client
        self._sleep = sleep
        self._clock = clock

    def get(self, path: str, browser: Mapping[str, str]) -> Answer:
        """What a browser would be given; raises :class:`OutOfReach` when the server doesn't answer, or too slowly."""
        reason = ""
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(_FIRST_WAIT_S * 2**attempt)
            try:
                answer = self._ask(f"{self.origin}/{path}", browser)
            except httpx.HTTPError as error:
                reason = f"{self.origin}/{path}: {type(error).__name__} {error}".strip()
                continue
            except httpx.InvalidURL as error:
                raise Unusable(f"{self.origin} is not a URL: {error}") from error
            if answer.status < 500 and answer.status != 429:
                return answer
            reason = f"{self.origin}/{path} answered {answer.status}"
        raise OutOfReach(reason)

    def _ask(self, url: str, browser: Mapping[str, str]) -> Answer:
        begun, content = self._clock(), bytearray()
        asking = {**browser, "Accept-Encoding": "gzip"}
        # A redirect is an answer: where it leads, no file is the manifest's.
        with self._client.stream("GET", url, headers=asking, timeout=_TIMEOUT_S, follow_redirects=False) as response:
            unpack = _unpacking(response.headers.get("Content-Encoding", ""))
            for piece in response.iter_raw():
                # Unpacked by ourselves: a library would write out whatever a few kilobytes say that they are.
                content += unpack(piece, _MOST_BYTES + 1 - len(content))
                if len(content) > _MOST_BYTES:
                    return Answer(response.status_code, response.headers, b"", too_long=True)
                if self._clock() - begun > _LONGEST_ANSWER_S:
                    raise OutOfReach(f"{url} took longer than {_LONGEST_ANSWER_S:.0f} s")
            return Answer(response.status_code, response.headers, bytes(content), too_long=False)


def _unpacking(encoding: str) -> Callable[[bytes, int], bytes]:
    """What makes at most so many bytes of a piece; none of what isn't packed as was asked, which no file is."""
    if encoding.strip().lower() in ("", "identity"):
        return lambda piece, most: piece
    gzip = zlib.decompressobj(wbits=31)

    def unpack(piece: bytes, most: int) -> bytes:
        try:
            unpacked = gzip.decompress(piece, most)
            # Some browsers go on to unpack what follows a packed file: it is a part of what they are given.
            return unpacked + gzip.unused_data[:1]
        except zlib.error:
            return b""

    return unpack
