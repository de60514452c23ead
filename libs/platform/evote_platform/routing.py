"""Which of a service's routes a request is for, told before the framework's router has looked."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.types import Scope


class RouteTable:
    """The routes of some routers, in the order in which they are looked through, by method.

    For layers that turn people away: the router's own way (``route.matches``) to one route of twenty takes twice as
    long as all the rest of a refusal. No service is mounted in another app, or has a ``root_path``: paths are matched
    whole, here and by :meth:`.GuardedRoute.path_values`.
    """

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        """``routers`` are included without a prefix."""
        self._by_method: dict[str, list[APIRoute]] = {}
        for router in routers:
            for route in router.routes:
                if isinstance(route, APIRoute):
                    for method in route.methods or ():
                        self._by_method.setdefault(method, []).append(route)

    def find(self, scope: Scope, method: str) -> APIRoute | None:
        """The route of a request's path by ``method``; None where the router would answer 404 or 405."""
        path = scope["path"]
        return next((route for route in self._by_method.get(method, ()) if route.path_regex.match(path)), None)
