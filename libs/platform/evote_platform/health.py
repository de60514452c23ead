"""Whether this replica should get traffic: asked anew each time, answered within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

CHECK_TIMEOUT_S: Final = 1.0
"""How long a check may take before it counts as failed, in seconds."""

Check = Callable[[], Awaitable[bool | None]]
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
    """A part of the service that is gone for good: only a restart helps."""

    part: str
    reason: str


class Readiness:
    """The checks of a service, and its one-way road to failure.

    Nothing is cached: a check that passed a second ago says nothing about Kafka now.
    """

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._listeners: list[Callable[[Failure], None]] = []
        self._failure: Failure | None = None
        self.draining = asyncio.Event()
        """Set when the server starts to shut down: long answers (server-sent events) end then."""

    @property
    def failure(self) -> Failure | None:
        """What :meth:`fail` was called with first."""
        return self._failure

    def register(self, name: str, check: Check) -> None:
        """Add a check; the name appears in ``/readyz`` and must be new."""
        if name in self._checks:
            raise ValueError(f"there is a check {name!r} already")
        self._checks[name] = check

    def fail(self, part: str, reason: str) -> None:
        """Never be ready again and end the service: a part that must not die has died."""
        failure = Failure(part, reason)
        _log.error("service-failed", part=part, reason=reason)
        if self._failure is None:
            self._failure = failure
            for listener in self._listeners:
                listener(failure)

    def on_failure(self, listener: Callable[[Failure], None]) -> None:
        """Call ``listener`` when the service fails, or at once when it has."""
        self._listeners.append(listener)
        if self._failure is not None:
            listener(self._failure)

    async def check(self) -> dict[str, CheckResult]:
        """Run all checks at the same time."""
        names = list(self._checks)
        found = await asyncio.gather(*(_bounded(self._checks[name]) for name in names))
        results = dict(zip(names, found, strict=True))
        if self._failure is not None:
            results[self._failure.part] = CheckResult(False, self._failure.reason)
        if self.draining.is_set():
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
    return CheckResult(False, "not ready") if answer is False else CheckResult(True, "ok")
