"""Errors as clients read them: RFC 9457 ``application/problem+json``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from .text import UNCARRIABLE

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
PROBLEM_SCOPE_KEY: Final = "evote.problem"
"""Where the ASGI scope notes the slug of the problem that was answered, for the metrics and the log."""

_MEMBERS_SCOPE_KEY: Final = "evote.problem.members"
"""Where a route notes in the ASGI scope the members that each of its problems has, such as ``other_ways``."""

_TYPE_PREFIX = "urn:tsukuba-evote:problem:"
_PLAIN_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_MAX_FIELD_ERRORS = 50

_SLUG_BY_STATUS: Final[Mapping[int, str]] = {
    400: "malformed-json",  # the only 400 that FastAPI raises by itself: a body that can't be parsed
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
}

_ECHOING = frozenset({"value_error", "assertion_error", "union_tag_invalid"})
"""Pydantic errors whose message may repeat what the client sent."""

DATABASE_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    ConnectionError,
    TimeoutError,
)
"""What asyncpg raises while the database is down, starting, stopping or out of connections."""


class Problem(Exception):
    """An answer other than success. Raise it anywhere below a request.

    Args:
        type_slug: kebab-case name of the kind of problem, such as ``election-closed``.
        title: the kind in one line; the same for every occurrence.
        status: HTTP status.
        detail: what was wrong this time and what to do; never a value that the client sent.
        extensions: further members, such as ``closed_at``.
        headers: response headers, such as ``Retry-After``.
    """

    def __init__(
        self,
        type_slug: str,
        title: str,
        status: int,
        detail: str = "",
        *,
        extensions: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {type_slug}")
        self.type_slug = type_slug
        self.title = title
        self.status = status
        self.detail = detail
        self.extensions = dict(extensions or {})
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        members = {"type": f"{_TYPE_PREFIX}{self.type_slug}", "title": self.title, "status": self.status}
        if self.detail:
            members["detail"] = self.detail
        return {**self.extensions, **members}

    def response(self) -> Response:
        """The answer to send. ASCII JSON, so that no text of an extension can fail to encode."""
        return Response(
            json.dumps(self.document()).encode("ascii"),
            status_code=self.status,
            headers=self.headers,
            media_type=PROBLEM_MEDIA_TYPE,
        )


def unavailable(type_slug: str, title: str, detail: str, retry_after_s: float) -> Problem:
    """503 with ``Retry-After``: Kafka or the database is away, or there is too much to do."""
    return Problem(type_slug, title, 503, detail, headers=retry_after(retry_after_s))


def rate_limited(retry_after_s: float) -> Problem:
    """429 with ``Retry-After``."""
    return Problem(
        "rate-limited",
        "Too many requests",
        429,
        "Wait as long as Retry-After says.",
        headers=retry_after(retry_after_s),
    )


def retry_after(seconds: float) -> dict[str, str]:
    """The header, in whole seconds and at least one."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem document; unexpected ones are left to the observer."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    for error_type in DATABASE_AWAY:
        app.add_exception_handler(error_type, _answer_database_away)
    for text_error in UNCARRIABLE:
        app.add_exception_handler(text_error, _answer_uncarriable)


def answer_refusals(app: FastAPI, refusals: Iterable[type[Exception]], problem_of: Callable[[Any], Problem]) -> None:
    """Answer a service's own refusals as the problems that ``problem_of`` makes of them."""

    async def answer(request: Request, error: Exception) -> Response:
        return _answer(request, problem_of(error))

    for refusal in refusals:
        app.add_exception_handler(refusal, answer)


def route_with_members(base: type[APIRoute], members: Mapping[str, Any]) -> type[APIRoute]:
    """A kind of route, each of whose problems has these members too, whoever raised it."""

    class RouteWithMembers(base):  # type: ignore[valid-type, misc]
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_noting_members(request: Request) -> Response:
                request.scope[_MEMBERS_SCOPE_KEY] = members
                response: Response = await handle(request)
                return response

            return handle_noting_members

    return RouteWithMembers


def _answer(request: Request, problem: Problem) -> Response:
    request.scope[PROBLEM_SCOPE_KEY] = problem.type_slug
    problem.extensions = {**request.scope.get(_MEMBERS_SCOPE_KEY, {}), **problem.extensions}
    return problem.response()


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - Starlette calls by the type registered above
    return _answer(request, error)


async def _answer_uncarriable(request: Request, error: Exception) -> Response:
    return _answer(request, _invalid_request([{"field": "?", "reason": "holds NUL or a lone surrogate"}]))


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return _answer(request, _malformed_json())
    return _answer(request, _invalid_request([_field_error(fault) for fault in faults[:_MAX_FIELD_ERRORS]]))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    problem = _malformed_json() if error.status_code == 400 else _of_status(error.status_code)
    problem.headers.update(error.headers or {})
    return _answer(request, problem)


async def _answer_database_away(request: Request, error: Exception) -> Response:
    return _answer(
        request,
        unavailable(
            "database-unavailable",
            "The database is not available",
            "Nothing is lost; try again after Retry-After.",
            2,
        ),
    )


def _invalid_request(errors: Sequence[Mapping[str, str]]) -> Problem:
    return Problem(
        "invalid-request",
        "The request does not match the API",
        422,
        "Correct the fields listed in errors.",
        extensions={"errors": errors},
    )


def _malformed_json() -> Problem:
    return Problem("malformed-json", "The body is not JSON", 400, "Send one JSON value in UTF-8.")


def _of_status(status: int) -> Problem:
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    return Problem(_SLUG_BY_STATUS.get(status, f"http-{status}"), title, status)


def body_too_large(limit_bytes: int) -> Problem:
    """413 for a body beyond ``limit_bytes``."""
    problem = _of_status(413)
    problem.detail = f"A body may have {limit_bytes} bytes at most."
    problem.headers["Connection"] = "close"  # the rest of the body is not read
    return problem


def internal_error() -> Problem:
    """500 that gives nothing away."""
    return Problem("internal-error", "Something went wrong here", 500, "The fault is logged under the X-Request-Id.")


def _field_error(fault: Mapping[str, Any]) -> dict[str, str]:
    location: Sequence[Any] = fault["loc"]
    kind = str(fault["type"])
    if kind == "extra_forbidden":
        # The name of an unknown field is the client's text: name the object that holds it.
        return {"field": _field_name(location[:-1]), "reason": "unknown field"}
    reason = "not valid" if kind in _ECHOING else str(fault["msg"])
    return {"field": _field_name(location), "reason": reason}


def _field_name(location: Sequence[Any]) -> str:
    return ".".join(part if _PLAIN_FIELD.fullmatch(part := str(raw)) else "?" for raw in location)
