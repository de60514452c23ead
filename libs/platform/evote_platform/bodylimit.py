"""Refusing bodies that are too large before they fill the memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import PROBLEM_SCOPE_KEY, body_too_large


class BodyLimit:
    """ASGI middleware: 413 at once for a declared length beyond the limit, and in the middle of a
    chunked body when it passes the limit."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        """``max_body_bytes`` is the largest body that is let through."""
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        # More digits than any limit has are too many, and int() would refuse thousands of them.
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self._max_body_bytes):
            problem = body_too_large(self._max_body_bytes)
            scope[PROBLEM_SCOPE_KEY] = problem.type_slug
            await problem.response()(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                # FastAPI lets this type through where it reads bodies, and no other.
                raise HTTPException(413, headers={"Connection": "close"})
            return message

        await self._app(scope, receive_counted, send)
