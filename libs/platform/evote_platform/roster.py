"""The roster's file: read again whenever it changes, so that whoever is taken off it is out at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import structlog
from evote_officers.roster import Roster, RosterUnusable, parse_roster

from .settings import CannotStart

_log = structlog.get_logger(__name__)


class RosterFile:
    """The deployment's roster, as its file has it now.

    A file that can't be read or used leaves the roster before it in place: half a file that somebody is copying must
    lock nobody out. Readiness and log say so until it is mended.
    """

    def __init__(self, path: Path) -> None:
        """Raises ``CannotStart``: there is no usable roster to begin with."""
        self._path = path
        self._fault: str | None = None
        try:
            self._seen = _stamp(path)
            content = path.read_bytes()
            self._roster = parse_roster(content)
        except (OSError, RosterUnusable) as error:
            raise CannotStart(f"the roster {path} can't be used: {_reason(error)}") from error
        self._sha256 = hashlib.sha256(content).hexdigest()

    def current(self) -> Roster:
        """The roster that holds now. Costs one look at the file's time."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._seen:
                self._read()
                # A write between the look and the reading changes the time again, and is seen the next time.
                self._seen = stamp
        except (OSError, RosterUnusable) as error:
            self._keep(_reason(error))
        return self._roster

    async def check(self) -> str | None:
        """For ``/readyz``: says so while an older roster holds than the file's.

        Ready all the same, or a slip in one file would take every replica from the voters.
        """
        self.current()
        return None if self._fault is None else f"the file can't be used, the roster before it holds: {self._fault}"

    def _read(self) -> None:
        content = self._path.read_bytes()
        roster = parse_roster(content)
        self._fault = None
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != self._sha256:
            self._roster, self._sha256 = roster, sha256
            _log.info("roster read", sha256=sha256, persons=len(roster.persons))

    def _keep(self, fault: str) -> None:
        if fault != self._fault:
            _log.error("roster not usable, the one before it holds", reason=fault)
        self._fault = fault


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _reason(error: OSError | RosterUnusable) -> str:
    return error.reason if isinstance(error, RosterUnusable) else str(error.strerror)
