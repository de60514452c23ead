"""Voters send small bodies: the service's own limit is for rolls, and anyone could fill the memory with that."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

MAX_VOTER_BODY_BYTES: Final = 64 * 1024


class SmallBodyRoute(APIRoute):
    """A route that answers 413 as soon as a body is larger than ``MAX_VOTER_BODY_BYTES``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, over a request that counts what it receives."""
        handle = super().get_route_handler()

        async def handle_small(request: Request) -> Response:
            received = 0

            async def receive_counted() -> Message:
                nonlocal received
                message = await request.receive()
                received += len(message.get("body", b""))
                if received > MAX_VOTER_BODY_BYTES:
                    # FastAPI lets this type through where it reads bodies, and no other.
                    raise HTTPException(413, headers={"Connection": "close"})
                return message

            return await handle(Request(request.scope, receive_counted))

        return handle_small
