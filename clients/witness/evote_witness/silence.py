"""Whether the logs still ask: a witness that nobody asks vouches for nothing, and looks healthy from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

_LOOK_EVERY_S = 5.0
_log = logging.getLogger(__name__)


class Silence:
    """The time since one of the logs last asked. Strangers don't count."""

    def __init__(self, patience_s: float, monotonic_s: Callable[[], float]) -> None:
        """``patience_s``: what is said aloud when it has passed; the beginning counts as asked."""
        self._patience_s = patience_s
        self._monotonic_s = monotonic_s
        self._heard_at = self._said_at = monotonic_s()

    def heard(self) -> None:
        """A log has asked."""
        self._heard_at = self._said_at = self._monotonic_s()

    @property
    def minutes(self) -> int:
        """Whole minutes since then."""
        return int((self._monotonic_s() - self._heard_at) // 60)

    def look(self) -> None:
        """Say it, once in each patience."""
        if self._monotonic_s() - self._said_at >= self._patience_s:
            self._said_at = self._monotonic_s()
            _log.warning(
                "no log has asked for %d minutes: if people vote now, does the city still use this witness?",
                self.minutes,
            )

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_EVERY_S)
