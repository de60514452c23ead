"""What comes before a byte of a request's body is read, and what bounds the body: its size, and the time it takes.

FastAPI reads and parses a body first and asks a route's dependencies afterwards, so that anybody could have a service
parse megabytes only to be refused. A :class:`GuardedRoute` asks those of them that are a :class:`Guard` before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from .arrival import WHOLE_SCOPE_KEY
from .door import LAST_COMING_S
from .plain import plain_handler
from .problems import BODY_TOO_LARGE, BODY_TOO_SLOW, OUT_OF_SERVICE, Problem
from .tracing import TRACED, serving

SMALL_BODY_BYTES: Final = 64 * 1024
"""The largest body of a route that declares no other with :class:`BodyUpTo`."""
PATIENCE_S = 10.0
"""How long a body may take that hardly comes, in seconds."""
_SLOWEST_BYTES_PER_S = 32 * 1024
"""A body that comes at this pace is waited for as long as it takes."""
_PASSED_SCOPE_KEY: Final = "evote.guards"
"""Where the ASGI scope notes what each guard found."""


class BodyTooLarge(HTTPException):
    """A body passes its limit. Field: ``limit_bytes``.

    FastAPI lets exceptions of this base through where it reads bodies, and no others.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(413)
        self.limit_bytes = limit_bytes


class BodyTooSlow(HTTPException):
    """A body did not come in time."""

    def __init__(self) -> None:
        super().__init__(408)


def body_problem(error: BodyTooLarge | BodyTooSlow) -> Problem:
    """413 or 408; the rest of the body is not read, so the connection can't go on."""
    closing = {"Connection": "close"}
    if isinstance(error, BodyTooLarge):
        return Problem(BODY_TOO_LARGE, {"limit_bytes": error.limit_bytes}, headers=closing)
    return Problem(BODY_TOO_SLOW, headers=closing)


@runtime_checkable
class Guard(Protocol):
    """A dependency that decides by a request's head alone. It is hashable, and the same for every request."""

    async def before_body(self, request: Request) -> Any:
        """Raise a problem, or give what the dependency needs later from :func:`passed`."""


class Beforehand:
    """A dependency with which a :class:`GuardedRoute` is done before the body: FastAPI never hears of it.

    FastAPI's way to a dependency costs a request more than what most of them do.
    """

    async def __call__(self) -> None:
        """For ``Depends``, which wants something to call."""


@dataclass(frozen=True)
class BodyUpTo(Beforehand):
    """A dependency that declares how large the bodies of its routes may be, for ``Depends(BodyUpTo(…))``."""

    max_bytes: int


@dataclass(frozen=True)
class AgainWithin(Beforehand):
    """A dependency that declares by when whoever is turned away there is told to come again, at the latest.

    For a route whose requests bring what is void soon.
    """

    seconds: float


def again_within(route: object) -> float:
    """Of whatever route a request is for, in seconds."""
    return route.again_within_s if isinstance(route, GuardedRoute) else LAST_COMING_S


def passed(request: Request, guard: Guard) -> Any:
    """What a guard found before the body was read."""
    return request.scope[_PASSED_SCOPE_KEY][guard]


class GuardedRoute(APIRoute):
    """A route that asks its guards before it reads a byte of the body, and bounds the body."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, dependencies: Sequence[Depends] | None = None, **options: Any
    ) -> None:
        """As FastAPI makes it, without the dependencies that are :class:`Beforehand`."""
        declared = dependencies or ()
        self._beforehand = [each.dependency for each in declared if isinstance(each.dependency, Beforehand)]
        self.again_within_s = min(
            (each.seconds for each in self._beforehand if isinstance(each, AgainWithin)), default=LAST_COMING_S
        )
        """By when whoever is turned away here is told to come again, at the latest."""
        left = [each for each in declared if not isinstance(each.dependency, Beforehand)]
        super().__init__(path, endpoint, dependencies=left, **options)
        is_plain = plain_handler(self) is not None
        self.plain_handler = self.get_route_handler() if is_plain else None
        """Answers its requests without FastAPI's layers, where there is nothing for them to do (:mod:`.plain`)."""

    def path_values(self, scope: Scope) -> dict[str, Any]:
        """What the path of a request for it names, by name."""
        found = self.path_regex.match(scope["path"])
        assert found is not None, "the request is for this route"  # noqa: S101
        return {name: self.param_convertors[name].convert(value) for name, value in found.groupdict().items()}

    @property
    def asked(self) -> tuple[object, ...]:
        """All that is asked of a request, in its order: before the body, and by FastAPI."""
        return (*self._beforehand, *_calls(self.dependant))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler or a plain route's own, behind the guards, and while the replica serves."""
        handle, asked = plain_handler(self) or super().get_route_handler(), self.asked
        guards = dict.fromkeys(call for call in asked if isinstance(call, Guard))
        most = max((call.max_bytes for call in asked if isinstance(call, BodyUpTo)), default=SMALL_BODY_BYTES)
        route = self.path_format

        async def handle_guarded(request: Request) -> Response:
            request.scope[_PASSED_SCOPE_KEY] = {guard: await guard.before_body(request) for guard in guards}
            declared = request.headers.get("content-length", "")
            # More digits than any limit has are too many, and int() would refuse thousands of them.
            if declared.isdecimal() and (len(declared) > 18 or int(declared) > most):
                raise BodyTooLarge(most)
            if not await request.app.readiness.serves():
                raise Problem(OUT_OF_SERVICE)
            return await handle(Request(request.scope, bounded(request.receive, most, request.scope)))

        async def handle_traced(request: Request) -> Response:
            with serving(request.scope, request.method, route):
                return await handle_guarded(request)

        return handle_traced if TRACED in asked else handle_guarded


def bounded(receive: Receive, max_bytes: int, scope: Scope) -> Receive:
    """The same messages, unless the body is too large or too slow: then ``BodyTooLarge`` or ``BodyTooSlow``.

    Behind the body's end, where only the disconnection is waited for, there is no limit.
    """
    received = 0
    began: float | None = None
    more = True

    async def receive_bounded() -> Message:
        nonlocal received, began, more
        if not more:
            return await receive()
        if WHOLE_SCOPE_KEY in scope:
            message = await receive()
        else:
            began = asyncio.get_running_loop().time() if began is None else began
            try:
                async with asyncio.timeout_at(began + PATIENCE_S + received / _SLOWEST_BYTES_PER_S):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
        received += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
        if received > max_bytes:
            raise BodyTooLarge(max_bytes)
        return message

    return receive_bounded


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
