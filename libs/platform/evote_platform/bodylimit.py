"""Refusing bodies that are too large before they fill the memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import BODY_TOO_LARGE, PROBLEM_SCOPE_KEY, Problem


class BodyTooLarge(HTTPException):
    """A body passes its limit while it is read. Field: ``limit_bytes``.

    FastAPI lets exceptions of this base through where it reads bodies, and no others.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(413)
        self.limit_bytes = limit_bytes


def body_too_large(limit_bytes: int) -> Problem:
    """413 for a body beyond ``limit_bytes``; the rest of it is not read, so the connection can't go on."""
    return Problem(BODY_TOO_LARGE, {"limit_bytes": limit_bytes}, headers={"Connection": "close"})


def counted(receive: Receive, limit_bytes: int) -> Receive:
    """The same messages, until their bodies pass the limit together: then ``BodyTooLarge``."""
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        return message

    return receive_counted


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
            scope[PROBLEM_SCOPE_KEY] = problem.kind.slug
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, counted(receive, self._max_body_bytes), send)
