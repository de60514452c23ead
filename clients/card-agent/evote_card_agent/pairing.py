"""Which page may talk to the agent: its origin, and the secret that only the page knows that the agent opened."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import reports
from .reports import Refused

_SECRET_BYTES = 32
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LOOPBACK = ("localhost", "127.0.0.1")
# What browsers serialise: international names are in their ASCII form.
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)


class UnfitPage(ValueError):
    """Not the address of a page that the agent could serve; the message says why."""


@dataclass(frozen=True)
class VotingPage:
    """The voting page: its address without a fragment, and its origin as browsers send it (RFC 6454, section 6.2)."""

    url: str
    origin: str

    def paired_url(self, port: int, secret: str) -> str:
        """The address to open: the fragment, which browsers never send to a server, tells the page where to ask."""
        return f"{self.url}#card-agent={port}.{secret}"


def voting_page(url: str) -> VotingPage:
    """Read a page's address; ``UnfitPage`` unless it is https, or http on this PC itself."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UnfitPage("this is not a web address") from None
    if not url.isascii() or not url.isprintable() or " " in url or not _HOST.fullmatch(host):
        raise UnfitPage("this is not a web address in ASCII")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise UnfitPage("the voting page is served by https")
    if parts.username is not None or "#" in url:
        raise UnfitPage("the address has a user name or a fragment")
    origin = f"{parts.scheme}://{host}"
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        origin += f":{port}"
    return VotingPage(url, origin)


class PairingSecret:
    """256 random bits, new at every start; wrong ones are answered slowly, and a few at a time."""

    _DELAY_S = 1.0
    _AT_ONCE = 4

    def __init__(self, random: Callable[[int], str], sleep: Callable[[float], Awaitable[object]]) -> None:
        """``random`` makes a URL-safe text of so many bytes; ``sleep`` waits so many seconds."""
        self._secret = random(_SECRET_BYTES)
        self._sleep = sleep
        self._waiting = 0

    def reveal(self) -> str:
        """The secret, for the page's address alone."""
        return self._secret

    def __repr__(self) -> str:
        return "<PairingSecret>"

    async def check(self, authorization: str) -> None:
        """Refuse a header other than ``Bearer`` and the secret with ``pairing-refused``, or ``rate-limited``."""
        if hmac.compare_digest(authorization.encode(), f"Bearer {self._secret}".encode()):
            return
        if self._waiting >= self._AT_ONCE:
            raise Refused(reports.RATE_LIMITED)
        self._waiting += 1
        try:
            await self._sleep(self._DELAY_S)
        finally:
            self._waiting -= 1
        raise Refused(reports.PAIRING_REFUSED)
