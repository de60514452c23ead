"""What caches may keep of public answers, and the short answer to whoever has the right one (RFC 9110, 9111)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CACHING_SCOPE_KEY: Final = "evote.caching"
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_OF_THE_ANSWER: Final = frozenset({"etag", "cache-control", "vary"})


def public_for(seconds: int) -> Callable[[Request], Awaitable[None]]:
    """A dependency: any cache may keep the route's answers for so long. One second keeps a crowd off the database."""

    async def note(request: Request) -> None:
        # Whoever shows who they are may be told more: no cache keeps that.
        authorised = "authorization" in request.headers
        request.scope[_CACHING_SCOPE_KEY] = "no-store" if authorised else f"public, max-age={seconds}"

    return note


def tag_of(*parts: bytes) -> str:
    """An entity tag that differs when the parts do."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return f'"{digest.hexdigest()[:32]}"'


def not_modified(request: Request, tag: str, headers: Mapping[str, str]) -> Response | None:
    """The answer 304 when the client has what ``tag`` stands for: before a long answer is begun."""
    if not _has(Headers(scope=request.scope), tag):
        return None
    return Response(status_code=304, headers={**headers, "ETag": tag})


class ConditionalAnswers:
    """ASGI middleware: public answers get an entity tag, and are 304 to whoever names it in ``If-None-Match``.

    The body is made nevertheless, and not sent; a long answer is looked at by its own endpoint (:func:`not_modified`).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def send_conditionally(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_cached(scope, message):
                held = message
                return
            if held is None:
                await send(message)
                return
            start, held = held, None
            whole = not message.get("more_body", False)
            headers = MutableHeaders(scope=start)
            if whole and "etag" not in headers:
                headers["ETag"] = tag_of(message.get("body", b""))
            if whole and _has(Headers(scope=scope), headers["ETag"]):
                start, message = _without_body(start), {"type": "http.response.body", "body": b""}
            await send(start)
            await send(message)

        await self._app(scope, receive, send_conditionally)


def _is_cached(scope: Scope, start: Message) -> bool:
    """Whether caches may keep this answer; says so in its headers, where its route has noted it."""
    noted: str | None = scope.get(_CACHING_SCOPE_KEY)
    if start["status"] != 200:
        return False
    headers = MutableHeaders(scope=start)
    if noted is not None and "cache-control" not in headers:
        headers["Cache-Control"] = noted
    if not headers.get("cache-control", "").startswith("public"):
        return False
    # A cache must not give an auditor what it keeps for the public.
    headers.add_vary_header("Authorization")
    return True


def _without_body(start: Message) -> dict[str, Any]:
    headers = [(name, value) for name, value in start["headers"] if name.decode("latin-1") in _OF_THE_ANSWER]
    return {**start, "status": 304, "headers": headers}


def _has(request: Headers, tag: str) -> bool:
    given = ",".join(request.getlist("if-none-match"))
    return given.strip() == "*" or tag in _TAG.findall(given)
