"""The authorities that cards are checked against, kept as fresh as their files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from evote_jpki.certificates import Authorities, load_authorities
from evote_platform.clock import Clock
from evote_platform.health import NotReady

_LOOK_EVERY_S = 10.0

_log = structlog.get_logger(__name__)


@dataclass
class Trust:
    """Authorities and revocation lists, read again when a file changes; a list lives for days, a replica for months."""

    ca_bundle_file: Path
    crl_file: Path
    clock: Clock
    authorities: Authorities = field(init=False)

    def __post_init__(self) -> None:
        """Raises ``OSError`` or ``ValueError`` when a file can't be read: a replica doesn't start without."""
        self._seen = self._versions()
        self.authorities = self._load()

    async def follow(self) -> None:
        """Read changed files until cancelled. A file that can't be read leaves the lists as they are: they run out."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Read the files again if one has changed."""
        try:
            versions = self._versions()
            if versions == self._seen:
                return
            self.authorities = self._load()
            self._seen = versions
        except (OSError, ValueError) as error:
            _log.error("authorities-not-read", error=type(error).__name__)
        else:
            _log.info("authorities-read")

    async def check(self) -> None:
        """For ``/readyz``: raises ``NotReady`` when every card of an authority would be refused."""
        ends = self.authorities.lists_end()
        if ends is None or ends < self.clock():
            raise NotReady("a revocation list is missing or out of date")

    def _load(self) -> Authorities:
        return load_authorities(self.ca_bundle_file.read_bytes(), self.crl_file.read_bytes())

    def _versions(self) -> list[tuple[int, int]]:
        return [(file.stat().st_mtime_ns, file.stat().st_ino) for file in (self.ca_bundle_file, self.crl_file)]
