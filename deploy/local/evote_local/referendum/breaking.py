"""Breaks parts of a stack while a crowd votes, one after the other, and says from when to when all was not well."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..people.observed import Fault, Observed

_WRITTEN: Final = re.compile(r"(?P<part>[a-z0-9-]+)@(?P<at>[0-9]+(\.[0-9]+)?)(\+(?P<lasting>[0-9]+(\.[0-9]+)?))?")
_USUALLY_S: Final = 5.0


class FaultUnreadable(Exception):
    """What is to be broken isn't said as it must be: ``text`` and ``reason``."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text}: {reason}; write such as kafka@30+10, the part, when, and for how many seconds")
        self.text = text
        self.reason = reason


class Part(Protocol):
    """A part of a stack."""

    def kill(self) -> None:
        """``kill -9``."""

    def start(self) -> None:
        """Start it again, over what it had written."""


@dataclass(frozen=True)
class Planned:
    """A part that is to be killed, and started again after a while; in seconds from the polls' opening."""

    part: str
    at_s: float
    lasting_s: float

    def __str__(self) -> str:
        return f"{self.part} killed for {self.lasting_s:g} s"


def parse_faults(text: str, parts: Sequence[str]) -> list[Planned]:
    """``part@at[+lasting]``, more of them with spaces between; in the order of their time.

    Raises :class:`FaultUnreadable`.
    """
    planned = []
    for word in text.split():
        read = _WRITTEN.fullmatch(word)
        if read is None:
            raise FaultUnreadable(word, "that is no fault")
        if read["part"] not in parts:
            raise FaultUnreadable(word, f"there is no such part, but {', '.join(parts)}")
        planned.append(Planned(read["part"], float(read["at"]), float(read["lasting"] or _USUALLY_S)))
    return sorted(planned, key=lambda one: one.at_s)


class Breaker:
    """Carries a plan out in a thread of its own, from :meth:`begin` on."""

    def __init__(
        self,
        planned: Sequence[Planned],
        parts: Mapping[str, Part],
        observed: Observed,
        wait_well: Callable[[], None],
    ) -> None:
        """``wait_well`` returns when the whole stack is well again, and raises when it doesn't become so."""
        self._planned = planned
        self._parts = parts
        self._observed = observed
        self._wait_well = wait_well
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._run, name="breaks", daemon=True)
        self._failure: Exception | None = None
        self.left: list[Planned] = list(planned)
        """What has not been broken yet."""

    def begin(self) -> None:
        """The polls have opened."""
        self._thread.start()

    def end(self) -> None:
        """The crowd has gone: nothing more is broken. Raises what kept a part from coming back."""
        self._gone.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        opened = time.monotonic()
        try:
            for planned in self._planned:
                if self._gone.wait(max(0.0, opened + planned.at_s - time.monotonic())):
                    return
                self.left.remove(planned)
                self._break(planned)
        except Exception as failure:  # raised where somebody waits for this thread
            self._failure = failure

    def _break(self, planned: Planned) -> None:
        begun, part = time.monotonic(), self._parts[planned.part]
        # Written first: what is refused from now on is this fault's doing.
        self._observed.add(Fault(str(planned), begun, None))
        part.kill()
        # Not shortened when the crowd goes: a part that stays away is another fault than the one that was asked for.
        time.sleep(planned.lasting_s)
        part.start()
        self._wait_well()
        self._observed.add(Fault(str(planned), begun, time.monotonic()))
