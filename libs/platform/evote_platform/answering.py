"""Every error of an app becomes a problem document: a service's refusals, the framework's, the database's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from .bodylimit import BodyTooLarge, BodyTooSlow, body_problem
from .field_errors import UNREADABLE_FIELD, field_error, field_error_of
from .outages import DATABASE_AWAY, is_outage
from .problems import (
    DATABASE_UNAVAILABLE,
    INVALID_REQUEST,
    MALFORMED_JSON,
    PROBLEM_SCOPE_KEY,
    Answer,
    Facts,
    Problem,
    ProblemTable,
    kind_of_status,
)
from .text import UNCARRIABLE
from .wording import Words

_ADDITION_SCOPE_KEY: Final = "evote.problem.addition"
"""Where a route notes in the ASGI scope what each of its problems says beside its own."""

_log = structlog.get_logger(__name__)

_MAX_FIELD_ERRORS = 50


def install_problem_handlers(app: FastAPI, table: ProblemTable) -> None:
    """Make every error of the app a problem document; unexpected ones are left to the observer."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(BodyTooLarge, _answer_body)
    app.add_exception_handler(BodyTooSlow, _answer_body)
    for error_type in DATABASE_AWAY:
        app.add_exception_handler(error_type, _answer_database_away)
    app.add_exception_handler(OSError, _answer_unreachable)
    for text_error in UNCARRIABLE:
        app.add_exception_handler(text_error, _answer_uncarriable)
    for answer in table.answers:
        app.add_exception_handler(answer.refusal, _answering(answer))


def invalid_request(errors: Sequence[Mapping[str, str]]) -> Problem:
    """422; ``errors`` are made by :func:`.field_error`, and repeat nothing that the client sent."""
    return Problem(INVALID_REQUEST, {"errors": errors})


@dataclass(frozen=True)
class Addition:
    """What each problem of a route says beside its own: further members, and a sentence at the detail's end."""

    members: Facts
    sentence: Words


def route_adding(base: type[APIRoute], addition: Addition) -> type[APIRoute]:
    """A kind of route that adds this to each of its problems, whoever raised it (see :meth:`Problem.add`)."""

    class RouteAdding(base):  # type: ignore[valid-type, misc]
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_noting_addition(request: Request) -> Response:
                request.scope[_ADDITION_SCOPE_KEY] = addition
                response: Response = await handle(request)
                return response

            return handle_noting_addition

    return RouteAdding


def _answer(request: Request, problem: Problem) -> Response:
    request.scope[PROBLEM_SCOPE_KEY] = problem.kind.slug
    addition: Addition | None = request.scope.get(_ADDITION_SCOPE_KEY)
    if addition is not None:
        problem.add(addition.members, addition.sentence)
    return problem.response()


def _answering(answer: Answer[Any]) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    async def answer_refusal(request: Request, error: Exception) -> Response:
        return _answer(request, answer.problem(error))

    return answer_refusal


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - Starlette calls by the type registered above
    return _answer(request, error)


async def _answer_uncarriable(request: Request, error: Exception) -> Response:
    fault = field_error(UNREADABLE_FIELD, Words("使えない文字が入っています", "holds NUL or a lone surrogate"))
    return _answer(request, invalid_request([fault]))


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return _answer(request, Problem(MALFORMED_JSON))
    return _answer(request, invalid_request([field_error_of(fault) for fault in faults[:_MAX_FIELD_ERRORS]]))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return _answer(request, Problem(kind_of_status(error.status_code), headers=error.headers))


async def _answer_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, BodyTooLarge | BodyTooSlow)  # noqa: S101
    return _answer(request, body_problem(error))


async def _answer_database_away(request: Request, error: Exception) -> Response:
    # A wrong server doesn't mend itself: only its type, since messages of the database may hold what a client sent.
    _log.warning("database-away", error=type(error).__name__)
    return _answer(request, Problem(DATABASE_UNAVAILABLE))


async def _answer_unreachable(request: Request, error: Exception) -> Response:
    if not is_outage(error):
        try:
            raise error  # a file's: the observer's to answer
        finally:
            del error  # which its traceback would keep by way of this frame, with the request and its body
    return await _answer_database_away(request, error)
