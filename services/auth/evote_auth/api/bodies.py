"""Voters send small bodies: the service's own limit is for rolls, and anyone could fill the memory with that."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from evote_platform.bodylimit import counted
from fastapi import Request, Response
from fastapi.routing import APIRoute

MAX_VOTER_BODY_BYTES: Final = 64 * 1024


class SmallBodyRoute(APIRoute):
    """A route that answers 413 as soon as a body is larger than ``MAX_VOTER_BODY_BYTES``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, over a request that counts what it receives."""
        handle = super().get_route_handler()

        async def handle_small(request: Request) -> Response:
            return await handle(Request(request.scope, counted(request.receive, MAX_VOTER_BODY_BYTES)))

        return handle_small
