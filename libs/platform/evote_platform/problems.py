"""Problem documents (RFC 9457): the one form in which a client reads an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

TYPE_PREFIX = "urn:tsukuba-evote:problem:"
MEDIA_TYPE = "application/problem+json"
_MOST_FIELD_ERRORS = 50
_log = structlog.get_logger(__name__)


class Problem(Exception):
    """A refusal as the client will read it. ``detail`` says what was wrong and what to do."""

    def __init__(
        self,
        slug: str,
        title: str,
        status: int,
        detail: str,
        *,
        extensions: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """``slug`` ends the type URI; ``extensions`` are further members of the document."""
        super().__init__(f"{status} {slug}: {detail}")
        self.slug = slug
        self.title = title
        self.status = status
        self.detail = detail
        self.extensions = dict(extensions or {})
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The document's JSON."""
        document = {
            "type": f"{TYPE_PREFIX}{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extensions,
        }
        return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def problem_response(request: Request, problem: Problem) -> Response:
    """The response of a problem; the metrics count it by the type that is noted in the request's state."""
    request.state.problem = problem.slug
    return Response(problem.body(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of an app a problem document, unexpected ones included."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
    return problem_response(request, error)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    errors = error.errors()
    if any(item["type"] == "json_invalid" for item in errors):
        problem = Problem("malformed-json", "The body is not JSON", 400, "Send one well-formed JSON value.")
        return problem_response(request, problem)
    # Only where and why: the input may hold what must not be repeated, or text that can't be encoded.
    fields = [
        {"field": ".".join(str(part) for part in item["loc"]), "reason": item["msg"]}
        for item in errors[:_MOST_FIELD_ERRORS]
    ]
    problem = Problem(
        "invalid-request",
        "The request does not have the form it must have",
        422,
        "Correct the fields that errors lists.",
        extensions={"errors": fields},
    )
    return problem_response(request, problem)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    title = HTTPStatus(error.status_code).phrase
    problem = Problem(
        title.lower().replace(" ", "-"),
        title,
        error.status_code,
        f"{error.detail}. See /openapi.json for what there is.",
        headers=error.headers,
    )
    return problem_response(request, problem)


async def _on_unexpected(request: Request, error: Exception) -> Response:
    _log.error("unexpected-error", exc_info=error)
    problem = Problem(
        "internal-error",
        "An error of ours",
        500,
        "Try again; the operators see it in the log.",
    )
    return problem_response(request, problem)
