"""The door: what may ask at all is decided before any endpoint sees a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import reports
from .answers import refusal_response
from .pairing import PairingSecret
from .reports import Refused

_METHODS: Final = ("GET", "POST")
_REQUEST_HEADERS: Final = frozenset({"authorization", "content-type"})
_ALWAYS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Origin",
    "X-Content-Type-Options": "nosniff",
}
# Fetch metadata is sent by browsers alone and can't be set by pages: when it is there, it must be that of a fetch()
# by another origin, for the agent serves no page of its own and is no address to navigate to.
_FETCH_METADATA: Final[Mapping[str, frozenset[str]]] = {
    "sec-fetch-site": frozenset({"cross-site", "same-site"}),
    "sec-fetch-mode": frozenset({"cors"}),
    "sec-fetch-dest": frozenset({"empty"}),
}


class Gate:
    """ASGI middleware that lets through the voting page's own requests, with the pairing secret, and nothing else."""

    def __init__(self, app: ASGIApp, *, origin: str, port: int, secret: PairingSecret) -> None:
        self._app = app
        self._origin = origin
        # A name of an attacker's that resolves to 127.0.0.1 (DNS rebinding) comes with the attacker's Host.
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        from_page = headers.getlist("origin") == [self._origin]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = MutableHeaders(raw=message["headers"])
                added.update(_ALWAYS)
                if from_page:
                    added["Access-Control-Allow-Origin"] = self._origin
                    added["Access-Control-Expose-Headers"] = "Retry-After"
            await send(message)

        try:
            if headers.getlist("host") not in ([host] for host in self._hosts):
                raise Refused(reports.HOST_REFUSED)
            if not from_page or not _is_a_fetch(headers):
                raise Refused(reports.ORIGIN_REFUSED)
            if scope["method"] == "OPTIONS":
                answer = _preflight(headers)
                await answer(scope, receive, send_with_headers)
                return
            await self._secret.check(headers.get("authorization", ""))
        except Refused as refused:
            await refusal_response(refused)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _is_a_fetch(headers: Headers) -> bool:
    return all(headers.get(name) in (None, *accepted) for name, accepted in _FETCH_METADATA.items())


def _preflight(headers: Headers) -> Response:
    """Answer a CORS preflight (Fetch standard, section 4.8), and Chrome's older one for private networks."""
    wanted = {name.strip().lower() for name in headers.get("access-control-request-headers", "").split(",")}
    if headers.get("access-control-request-method") not in _METHODS or not wanted - {""} <= _REQUEST_HEADERS:
        raise Refused(reports.PREFLIGHT_REFUSED)
    allowed = {
        "Access-Control-Allow-Methods": ", ".join(_METHODS),
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
    }
    if headers.get("access-control-request-private-network") == "true":
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=allowed)
