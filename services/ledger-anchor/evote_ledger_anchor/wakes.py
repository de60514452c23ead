"""Work that goes by the tables begins when this replica's projection has written them, not at the next look."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from evote_eventlog.events import EventData

LOOK_AGAIN_S: Final = 0.5
"""The tables are looked at this often without a word: another replica may be the one that projects."""


class Wakes:
    """Who wants to be woken, by what was applied."""

    def __init__(self) -> None:
        self._by_type: defaultdict[str, list[asyncio.Event]] = defaultdict(list)

    def at(self, *events: type[EventData]) -> asyncio.Event:
        """One that is set whenever such an event was applied here."""
        wake = asyncio.Event()
        for event in events:
            self._by_type[event.type_name()].append(wake)
        return wake

    def applied(self, types: Iterable[str]) -> None:
        """Events of these CloudEvents types are in the tables now."""
        for name in types:
            for wake in self._by_type.get(name, ()):
                wake.set()


async def woken(wake: asyncio.Event) -> None:
    """Wait until it is set, or it is time to look again; whoever looks at the tables then misses nothing before."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_AGAIN_S):
            await wake.wait()
    wake.clear()
