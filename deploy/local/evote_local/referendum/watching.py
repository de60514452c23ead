"""Looks at a stack's processes while a crowd votes, for the crowd's report."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

from ..nodes.processes import Use, cpu_of_others_s, uses_of_children
from ..people.observed import Machine, Observed, Seen, Used
from ..stack.stack import Stack

_LAG = re.compile(r"^evote_projection_lag_records\{[^}]*\} (\S+)$", re.MULTILINE)
_ANSWERS_WITHIN_S = 2


class Watcher:
    """Looks every so often, in a thread, from where a ``with`` begins to where it ends."""

    def __init__(self, stack: Stack, observed: Observed, every_s: float) -> None:
        self._stack = stack
        self._observed = observed
        self._every_s = every_s
        self._spent = defaultdict[str, dict[int, float]](dict)
        """By name and process id: what a process spent that was started again counts, too."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watches", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        headers = {"Authorization": f"Bearer {self._stack.identities.staff.scraper_token}"}
        with httpx.Client(headers=headers, timeout=_ANSWERS_WITHIN_S) as client:
            due = time.monotonic()
            while True:
                at, uses = time.monotonic(), uses_of_children()
                machine = Machine(os.cpu_count() or 1, cpu_of_others_s(uses))
                self._observed.add(Seen(at, self._used(uses), self._lag(client), machine))
                due += self._every_s
                if self._ended.wait(max(0.0, due - time.monotonic())):
                    return

    def _used(self, uses: list[Use]) -> Mapping[str, Used]:
        memory = defaultdict[str, float](float)
        for use in uses:
            self._spent[use.name][use.pid] = use.cpu_s
            memory[use.name] += use.memory_mb
        return {name: Used(sum(self._spent[name].values()), memory[name]) for name in memory}

    def _lag(self, client: httpx.Client) -> Mapping[str, float]:
        lag = {}
        for service in self._stack.services:
            try:
                text = client.get(f"{service.url}/metrics").text
            except httpx.TransportError:
                continue  # broken on purpose, or overloaded: it tells nothing
            lag[service.name] = sum(records for value in _LAG.findall(text) if (records := float(value)) >= 0)
        return lag
