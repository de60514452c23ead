"""Readiness: what must work for a replica to be of use, asked each time and never remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Check = Callable[[], Awaitable[None]]
"""Returns when its part works, and raises (:class:`NotReady`, or what the part raised) when it doesn't."""

_CHECK_TIMEOUT_S = 1.5


class NotReady(Exception):
    """A part does not work yet, or no longer; the message says why and may be shown."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    ok: bool
    detail: str


class Readiness:
    """The named checks of one service."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def register(self, name: str, check: Check) -> None:
        """Add a check; the service is ready when all of them pass."""
        self._checks[name] = check

    async def results(self) -> dict[str, CheckResult]:
        """Run all checks at once, each for at most 1.5 s."""
        found = await asyncio.gather(*(self._run(check) for check in self._checks.values()))
        return dict(zip(self._checks, found, strict=True))

    async def _run(self, check: Check) -> CheckResult:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await check()
        except NotReady as error:
            return CheckResult(ok=False, detail=str(error))
        except TimeoutError:
            return CheckResult(ok=False, detail=f"no answer in {_CHECK_TIMEOUT_S} s")
        except Exception as error:  # any fault of a part means: not ready
            # Its text may hold addresses or passwords: the type has to do.
            return CheckResult(ok=False, detail=type(error).__name__)
        return CheckResult(ok=True, detail="ok")
