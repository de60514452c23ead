"""Plain routes: those that ask FastAPI for no more than the values in their path.

FastAPI is where a route is declared: its path, its parameters, its dependencies, and its answers in OpenAPI. What it
does for each request, it does for every route that there may be: it looks for parameters in query, headers and cookies,
keeps files and generators until the answer is sent, and serialises what a function returned. Who casts needs none of
that, and it takes as long as all of our own layers.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any, TypeAlias

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_typed_return_annotation
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
"""Answers a request, or raises what the app has a problem for."""


def plain_handler(route: APIRoute) -> Handler | None:
    """What FastAPI's own handler of a route does when the route is plain; None when it is not.

    A plain route's function takes the request, the path's values and what its dependencies give, and makes the answer
    itself. Its dependencies take the request, and what their own give. As FastAPI does, it calls them first, and says
    then what is wrong with the path: ``RequestValidationError``.
    """
    dependant, answer = route.dependant, get_typed_return_annotation(route.endpoint)
    inner = list(_all_within(dependant))
    # One that is asked for twice, FastAPI calls once.
    if len({id(each.call) for each in inner}) < len(inner) or any(each.path_params for each in inner):
        return None
    if not all(map(_takes_no_more, [dependant, *inner])) or not (
        isinstance(answer, type) and issubclass(answer, Response)
    ):
        return None
    endpoint: Callable[..., Coroutine[Any, Any, Response]] = route.endpoint

    async def handle(request: Request) -> Response:
        values, errors = await _given(dependant, request), list[Any]()
        for named in dependant.path_params:
            text = request.path_params[named.alias]
            values[named.name], wrong = named.validate(text, loc=("path", named.alias))
            errors += wrong
        if errors:
            raise RequestValidationError(errors)
        return await endpoint(**values)

    return handle


def _all_within(dependant: Dependant) -> list[Dependant]:
    return [each for inner in dependant.dependencies for each in (inner, *_all_within(inner))]


def _takes_no_more(dependant: Dependant) -> bool:
    """Than values of the path, the request, and what its dependencies give; and is a coroutine."""
    call = dependant.call
    return (iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)) and not (
        dependant.query_params
        or dependant.header_params
        or dependant.cookie_params
        or dependant.body_params
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.websocket_param_name
        or dependant.security_scopes_param_name
        or dependant.concurrency
    )


async def _given(dependant: Dependant, request: Request) -> dict[str, Any]:
    """By its dependencies, and the request."""
    named = (dependant.request_param_name, dependant.http_connection_param_name)
    values: dict[str, Any] = {name: request for name in named if name is not None}
    for inner in dependant.dependencies:
        assert inner.call is not None  # noqa: S101
        found = await inner.call(**await _given(inner, request))
        if inner.name is not None:
            values[inner.name] = found
    return values
