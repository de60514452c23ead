"""Whether this replica should get traffic, and what is known of all that it works with: asked anew each time, answered
within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

CHECK_TIMEOUT_S: Final = 1.0
"""How long a check may take before it counts as failed, in seconds."""

Check = Callable[[], Awaitable[bool | str | None]]
"""Not ready: answers False or raises (:class:`NotReady` to say why). Ready: answers True or nothing."""

_log = structlog.get_logger(__name__)


class NotReady(Exception):
    """A check found out why the service can't work. Field: ``detail``, shown to operators."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    ok: bool
    detail: str


@dataclass(frozen=True)
class Failure:
    """A part of the service that is gone for good."""

    part: str
    reason: str


class Readiness:
    """The checks of a replica, and its one-way roads: to failure, which a restart helps, and to a stop.

    A replica is ready when it has started, is not leaving, and its own parts work. What all replicas share is looked at
    too, and takes none of them out of service: an outage of Kafka would take all at once from the voters, who are
    better told by each endpoint what can't be done now.

    Nothing is cached: a check that passed a second ago says nothing about Kafka now.
    """

    def __init__(self) -> None:
        self._own: dict[str, Check] = {}
        self._shared: dict[str, Check] = {}
        self._listeners: list[Callable[[Failure], None]] = []
        self._failure: Failure | None = None
        self._stop: Failure | None = None
        self._was_ready = False
        self._asking = False
        self._leaving = False
        self._start_waits: str | None = None
        self.settled = asyncio.Event()
        """Set when the replica has started, or waits for something in its start: it can say how it is from then on."""
        self.draining = asyncio.Event()
        """Set when the server starts to shut down: long answers (server-sent events) end then."""

    @property
    def failure(self) -> Failure | None:
        """What :meth:`fail` was called with first."""
        return self._failure

    def register(self, name: str, check: Check) -> None:
        """Add the check of a part of this replica, without which it can't serve; the name must be new."""
        self._add(self._own, name, check)

    def watch(self, name: str, check: Check) -> None:
        """Add the check of what all replicas share, such as Kafka; the name must be new."""
        self._add(self._shared, name, check)

    def _add(self, checks: dict[str, Check], name: str, check: Check) -> None:
        if name in self._own or name in self._shared:
            raise ValueError(f"there is a check {name!r} already")
        checks[name] = check

    def start_waits(self, reason: str) -> None:
        """The start goes on when something is there that isn't; ``reason`` is shown to operators."""
        self._start_waits = reason
        self.settled.set()

    def started(self) -> None:
        """The start is done: all checks are there."""
        self._start_waits = None
        self.settled.set()

    def leave(self) -> None:
        """Be ready no more, since the process ends soon; clients that still come are served."""
        self._leaving = True

    def fail(self, part: str, reason: str) -> None:
        """Never be ready again and end the service: a part that must not die has died."""
        failure = Failure(part, reason)
        _log.error("service-failed", part=part, reason=reason)
        if self._failure is None:
            self._failure = failure
            for listener in self._listeners:
                listener(failure)

    @property
    def stopped(self) -> Failure | None:
        """What :meth:`stop` was called with first."""
        return self._stop

    def stop(self, part: str, reason: str) -> None:
        """Never be ready again, and live on to say why: a restart of this release would only come to the same place.

        ``reason`` is shown to operators.
        """
        _log.error("service-stopped", part=part, reason=reason)
        self._stop = self._stop or Failure(part, reason)

    async def serves(self) -> bool:
        """Whether clients may be answered: it was ready once, and has not stopped since.

        Before, its tables may show half of the log, and "there is no such election" would be wrong. Later outages are
        for each endpoint to tell.
        """
        if not self._was_ready and not self._asking:
            self._asking = True  # one client's question is enough, however many come
            try:
                await self.check()
            finally:
                self._asking = False
        return self._was_ready and self._stop is None

    def on_failure(self, listener: Callable[[Failure], None]) -> None:
        """Call ``listener`` when the service fails, or at once when it has."""
        self._listeners.append(listener)
        if self._failure is not None:
            listener(self._failure)

    async def ready(self) -> dict[str, CheckResult]:
        """What decides whether this replica gets traffic: until it has started, everything; then its own parts."""
        if not self._was_ready:
            return await self.check()
        return await self._results(self._own)

    async def check(self) -> dict[str, CheckResult]:
        """Run all checks."""
        results = await self._results({**self._own, **self._shared})
        self._was_ready = self._was_ready or all(result.ok for result in results.values())
        return results

    async def _results(self, checks: dict[str, Check]) -> dict[str, CheckResult]:
        """Of these checks, run at the same time, and of what ends the replica's work."""
        found = await asyncio.gather(*(_bounded(check) for check in checks.values()))
        results = dict(zip(checks, found, strict=True))
        if self._start_waits is not None:
            results["start"] = CheckResult(False, self._start_waits)
        for ended in (self._failure, self._stop):
            if ended is not None:
                results[ended.part] = CheckResult(False, ended.reason)
        if self._leaving:
            results["draining"] = CheckResult(False, "shutting down")
        return results


async def _bounded(check: Check) -> CheckResult:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            answer = await check()
    except NotReady as error:
        return CheckResult(False, error.detail)
    except TimeoutError:
        return CheckResult(False, f"no answer within {CHECK_TIMEOUT_S:g} s")
    except Exception as error:
        return CheckResult(False, type(error).__name__)
    if answer is False:
        return CheckResult(False, "not ready")
    return CheckResult(True, answer if isinstance(answer, str) else "ok")
