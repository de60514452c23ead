"""A port apart for operators and their programs: what the public's port does not answer then."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import NOT_FOUND, Problem

OPERATIONS: Final = frozenset({"/livez", "/readyz", "/statusz", "/metrics", "/openapi.json"})
"""The paths of the management port."""
PROBED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""What programs ask every few seconds, and cheap: kubelet's probes, a balancer's, and Prometheus with its token."""
MANAGEMENT_SCOPE_KEY: Final = "evote.management"
"""In the ASGI scope of a request that came by the management port."""


class PortsApart:
    """ASGI middleware: the operations at the management port and nowhere else, and nothing else there."""

    def __init__(self, app: ASGIApp, management_port: int) -> None:
        """``management_port`` is the one that is listened on."""
        self._app = app
        self._management_port = management_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            # The connection's own port: what a client writes into Host or X-Forwarded-… has no part in it.
            at_management = scope["server"][1] == self._management_port
            if (scope["path"] in OPERATIONS) != at_management:
                await Problem(NOT_FOUND).response()(scope, receive, send)
                return
            if at_management:
                scope[MANAGEMENT_SCOPE_KEY] = True
        await self._app(scope, receive, send)
