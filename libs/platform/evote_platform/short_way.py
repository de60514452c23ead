"""The short way through an app: to its plain routes (:mod:`.plain`) and past FastAPI's own layers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .bodylimit import GuardedRoute
from .health import Readiness
from .routing import RouteTable

_Handlers: TypeAlias = Mapping[Any, Callable[[Request, Exception], Coroutine[Any, Any, Response]]]


class ServiceApp(FastAPI):
    """FastAPI without the layers that no service of ours uses, which each request would pass nevertheless.

    They are for pages of errors (ours has :class:`.RequestObserver`), for limits of bodies that are declared to FastAPI
    (ours to :class:`.BodyUpTo`), and for its own telemetry, which goes by the ``traceparent`` of whoever asks, voters
    included, as soon as anything in the process sets OpenTelemetry's global provider (ADR 44).
    """

    def __init__(self, *, table: RouteTable, readiness: Readiness, **options: Any) -> None:
        """``table`` has all routes of the app, which answer while the replica serves by its ``readiness``."""
        self._table = table
        self.readiness = readiness
        super().__init__(**options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or live."""
        await Starlette.__call__(self, scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The layers that were added, around the short way and FastAPI's own."""
        handlers: Any = self.exception_handlers
        app: ASGIApp = ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers)
        app = _ShortWay(app, self._table, handlers)
        for layer, arguments, options in reversed(self.user_middleware):
            app = layer(app, *arguments, **options)
        return app


class _ShortWay:
    """Calls the handlers of plain routes, and leaves all else to FastAPI.

    An app's ``dependency_overrides``, and its handlers for numbers of statuses, have no effect on plain routes.
    """

    def __init__(self, app: ASGIApp, routes: RouteTable, handlers: _Handlers) -> None:
        self._app = app
        self._routes = routes
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.find(scope, scope["method"]) if scope["type"] == "http" else None
        if not isinstance(route, GuardedRoute) or route.plain_handler is None:
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = route, route.path_values(scope)
        request = Request(scope, receive, send)
        try:
            response = await route.plain_handler(request)
        except Exception as error:
            # Here, and by no function that is given the error: its traceback has the frame of whoever raises it, and
            # would keep what names it there, with the request and its body, until garbage is collected.
            answer = next((self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers), None)
            if answer is None:
                raise
            response = await answer(request, error)
            error.__traceback__ = None  # for refusals that were raised from a variable, as Starlette does
        await response(scope, receive, send)
