"""Looks at a stack's processes while a crowd votes, for the crowd's report."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import asyncpg
import httpx
from evote_platform.database import SESSIONS_PLANNED

from ..nodes.processes import Use, cpu_of_others_s, uses_of_children
from ..people.observed import Bounds, Machine, Observed, Seen, Used
from ..stack.stack import Stack

_LAG = re.compile(r"^evote_projection_lag_records\{[^}]*\} (\S+)$", re.MULTILINE)
_ANSWERS_WITHIN_S = 2
# Beside sessions: the server itself, who writes its buffers, checkpoints and log, and who starts autovacuum's workers.
_DATABASE_BOUNDS = f"""
SELECT 5 + current_setting('autovacuum_max_workers')::int + current_setting('max_worker_processes')::int
       + {SESSIONS_PLANNED} AS processes,
       pg_size_bytes(current_setting('shared_memory_size')) / 1024 / 1000.0 AS shared_mb
"""


class Watcher:
    """Looks every so often, in a thread, from where a ``with`` begins to where it ends."""

    def __init__(self, stack: Stack, observed: Observed, every_s: float) -> None:
        self._stack = stack
        self._observed = observed
        self._every_s = every_s
        self._spent = defaultdict[str, dict[int, float]](dict)
        """By name and process id: what a process spent that was started again counts, too."""
        self._bounds = dict[str, Bounds]()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watches", daemon=True)

    def __enter__(self) -> Self:
        self._bounds["PostgreSQL"] = asyncio.run(bounds_of_database(self._stack.database_url))
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
        named = defaultdict[str, list[Use]](list)
        for use in uses:
            self._spent[use.name][use.pid] = use.cpu_s
            named[use.name].append(use)
        return {
            name: used_by(alike, sum(self._spent[name].values()), self._bounds.get(name))
            for name, alike in named.items()
        }

    def _lag(self, client: httpx.Client) -> Mapping[str, float]:
        lag = {}
        for service in self._stack.services:
            try:
                text = client.get(f"{service.url}/metrics").text
            except httpx.TransportError:
                continue  # broken on purpose, or overloaded: it tells nothing
            lag[service.name] = sum(records for value in _LAG.findall(text) if (records := float(value)) >= 0)
        return lag


def used_by(alike: Sequence[Use], cpu_s: float, bounds: Bounds | None) -> Used:
    """What the processes of one name have used; ``cpu_s`` is also that of those that have ended.

    What they share is memory like any other, unless a setting says how much that may come to.
    """
    own_mb, shared_mb = sum(use.memory_mb for use in alike), sum(use.shared_mb for use in alike)
    processes = sum(use.processes for use in alike)
    return Used(cpu_s, own_mb if bounds else own_mb + shared_mb, processes, shared_mb, bounds)


async def bounds_of_database(url: str) -> Bounds:
    """How many processes PostgreSQL comes to when the pools of all services are full, and what its buffers come to.

    Raises:
        OSError, asyncpg.PostgresError: it is away or refuses.
    """
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(_DATABASE_BOUNDS)
    finally:
        await connection.close()
    assert row is not None  # noqa: S101 - a query without FROM has one row
    return Bounds(row["processes"], float(row["shared_mb"]))
