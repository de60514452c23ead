"""What the event loop takes on next: a few new requests a turn, in the order of their arrival, and none that is late.

What was begun goes on in every turn. A loop that began all that comes would hold up each of the ten or twenty turns
that a request takes, and answer everybody late. Who has waited too long by the time of their turn is told so before
anything else is done about the request, which costs a fifth of what a route's own refusal does.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from .arrival import arrived
from .bodylimit import again_within
from .door import LONGEST_S, Appointments
from .management import MANAGEMENT_SCOPE_KEY, PROBED
from .observer import SECURITY_HEADERS, HttpMetrics
from .problems import OVERLOADED, PROBLEM_MEDIA_TYPE, Problem
from .routing import RouteTable

_BEGUN_A_TURN: Final = 4
LATE_S: Final = LONGEST_S / 2
"""For how long a request may have waited, in seconds. A loop that has too much to do lets in those who are about to be
late: with no time left they would be turned away at the door behind this one, which is empty then."""
_CROWD: Final = 16
"""While fewer wait, there is room for those who are late, too: a machine stood still for a moment."""
_WEIGHT: Final = 1 / 8
_HEAD: Final = [
    (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    *((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
]


class Admission:
    """ASGI middleware around the observer: a line of log for each who is turned away would cost more than the answer.

    What probes ask for is never turned away: a replica that is busy is ready all the same. Nor is whoever comes by the
    management port: an operator who wants to know what is wrong. Nor is a browser's question whether it may ask (a
    preflight), which is cheap: a page would be told that there was no answer.
    """

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, routes: RouteTable) -> None:
        """``metrics`` count who is turned away as every answer, by the one of ``routes`` that they came for."""
        self._app = app
        self._metrics = metrics
        self._routes = routes
        self._appointments = Appointments()
        self._waiting: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._begun = 0
        """In this turn of the loop."""
        self._turned_at = 0.0
        self._between_s = 0.0
        """From one beginning to the next while somebody waits, smoothed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or turn it away."""
        if _is_exempt(scope) or await self._is_admitted(arrived(scope)):
            await self._app(scope, receive, send)
        else:
            await self._turn_away(scope, send)

    async def _is_admitted(self, at: float) -> bool:
        if self._waiting or self._begun >= _BEGUN_A_TURN:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((at, turn))
            admitted: bool = await turn
            return admitted
        self._begin(time.monotonic())
        return True

    def _begin(self, now: float) -> None:
        if not self._begun:
            self._turned_at = now
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._begun += 1

    def _next_turn(self) -> None:
        now = time.monotonic()
        if self._waiting:
            self._between_s += ((now - self._turned_at) / self._begun - self._between_s) * _WEIGHT
        self._begun = 0
        while self._waiting and self._begun < _BEGUN_A_TURN:
            at, turn = self._waiting.popleft()
            if turn.done():  # cancelled, with its connection
                continue
            is_admitted = now - at <= LATE_S or len(self._waiting) < _CROWD
            if is_admitted:
                self._begin(now)
            turn.set_result(is_admitted)

    async def _turn_away(self, scope: Scope, send: Send) -> None:
        # For the metrics, which promise something of single routes, and for the headers that let the front read it.
        scope["route"] = route = self._routes.find(scope, scope["method"])
        again_s = self._appointments.next_s(self._between_s, again_within(route))
        problem = Problem(OVERLOADED, retry_after_s=again_s)
        answer = problem.response().body
        head = [*_HEAD, (b"content-length", b"%d" % len(answer))]
        head.append((b"retry-after", problem.headers["Retry-After"].encode()))
        await send({"type": "http.response.start", "status": OVERLOADED.status, "headers": head})
        await send({"type": "http.response.body", "body": answer})
        self._metrics.turned_away(scope)


def _is_exempt(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] == "OPTIONS":
        return True
    return scope["path"] in PROBED or MANAGEMENT_SCOPE_KEY in scope
