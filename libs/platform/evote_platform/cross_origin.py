"""Which page of another origin a browser lets read our answers: the residents' front and no other (Fetch Standard).

The page and each service are origins of their own. A route is open to the front when its router says so
(:class:`FrontRoute`); officers and trustees have programs, which no browser asks on behalf of a page. Nothing here
keeps anybody out: what a page may not read, whoever runs a program reads all the same.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from fastapi import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .bodylimit import GuardedRoute
from .routing import RouteTable

_EXPOSED: Final = b"ETag, Retry-After"
"""What the front reads of an answer's head, beside what browsers show anyway. Not ``X-Request-Id``: an id that the page
has read from one service is one that it could tell the other."""
_REQUEST_HEADERS: Final = "Content-Type, If-None-Match"
"""What the front sends, beside what browsers let pass anyway. Not ``Authorization``: residents have nothing to show."""
_PREFLIGHT_KEPT_S: Final = 7200
"""How long a browser need not ask again, in seconds: the longest that Chromium keeps it."""


class FrontRoute(GuardedRoute):
    """A route that the residents' front calls from its own origin."""


class AnswersToFront:
    """ASGI middleware, the outermost: the front may read what its routes answer, problems and 500 included."""

    def __init__(self, app: ASGIApp, *, origins: Set[str]) -> None:
        """``origins``: of the front, as browsers write them."""
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_shared(message: Message) -> None:
            # Who answers has noted by now which route it is: the router, also where it refuses the method, and whoever
            # turns people away before it is asked: they may read that, and when to come again.
            if message["type"] == "http.response.start" and isinstance(scope.get("route"), FrontRoute):
                # Also without an origin: a cache must not give the front what it was told for somebody else.
                varies = [value for name, value in message["headers"] if name == b"vary"]
                head = [line for line in message["headers"] if line[0] != b"vary"]
                head.append((b"vary", b", ".join([*varies, b"Origin"])))
                if (origin := _allowed_origin(scope, self._origins)) is not None:
                    head.append((b"access-control-allow-origin", origin.encode("latin-1")))
                    head.append((b"access-control-expose-headers", _EXPOSED))
                message["headers"] = head
            await send(message)

        await self._app(scope, receive, send_shared)


class Preflights:
    """ASGI middleware: answers what a browser asks before the front's requests, and lets everything else pass.

    It stands before routes and their guards: asking takes nothing of an address's share. A page of another origin, and
    whoever asks for an officers' route, is answered as if there were no such thing.
    """

    def __init__(self, app: ASGIApp, *, origins: Set[str], routes: RouteTable) -> None:
        """``routes``: all of the service."""
        self._app = app
        self._origins = origins
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and _allowed_origin(scope, self._origins):
            method = Headers(scope=scope).get("access-control-request-method", "")
            if isinstance(route := self._routes.find(scope, method), FrontRoute):
                scope["route"] = route  # for the headers of AnswersToFront, and for the log
                allowed = {
                    "Access-Control-Allow-Methods": method,
                    "Access-Control-Allow-Headers": _REQUEST_HEADERS,
                    "Access-Control-Max-Age": str(_PREFLIGHT_KEPT_S),
                }
                await Response(status_code=204, headers=allowed)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _allowed_origin(scope: Scope, origins: Set[str]) -> str | None:
    origin: bytes = next((value for name, value in scope["headers"] if name == b"origin"), b"")
    return text if (text := origin.decode("latin-1")) in origins else None
