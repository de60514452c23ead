"""Which routes the residents' front may call from its own origin: those of residents and the public, and no other."""

from __future__ import annotations

import itertools
import re
from contextlib import nullcontext
from typing import Any

import pytest
from evote_platform.access import Commanded, Reading
from evote_platform.cross_origin import FrontRoute
from evote_platform.program import Program
from evote_platform.routing import RouteTable
from fastapi.routing import APIRoute
from starlette.types import Message, Scope

from .test_bodies import PROGRAMS, routes

RESIDENTS = {"voter", "public", "log", "anchors"}
OTHERS = {"officer", "trustee"}


def test_the_front_may_call_what_is_for_residents_and_the_public_and_nothing_of_officers_or_trustees() -> None:
    tags = {(tag, isinstance(route, FrontRoute)) for route, _ in routes() for tag in route.tags}
    assert tags == {(tag, True) for tag in RESIDENTS} | {(tag, False) for tag in OTHERS}
    assert all(
        any(isinstance(route, FrontRoute) for router in program.routers for route in router.routes)
        for program in PROGRAMS
    )


def test_nothing_that_takes_a_signed_request_is_for_the_front() -> None:
    signed = [route for route, asked in routes() if any(isinstance(call, Commanded | Reading) for call in asked)]
    assert signed and not any(isinstance(route, FrontRoute) for route in signed)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.service)
async def test_who_is_turned_away_unasked_is_counted_by_the_route_that_the_router_would_have_taken(
    program: Program[Any],
) -> None:
    table = RouteTable(program.routers)
    of_service = [route for router in program.routers for route in router.routes if isinstance(route, APIRoute)]
    paths = {re.sub(r"\{[a-z_]+(:path)?\}", "1" * 14, route.path) for route in of_service}
    app = program.app(lambda *_: nullcontext())  # nothing runs: whatever is asked, the answer is a problem
    for path, method in itertools.product([*paths, "/", "/nowhere", "/elections/"], ["GET", "POST", "PUT", "DELETE"]):
        scope: Scope = {"type": "http", "http_version": "1.1", "path": path, "method": method, "headers": []}
        scope |= {"scheme": "http", "query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
        found = table.find(scope, method)
        await app(scope, _nothing, _unread)
        taken = scope.get("route")
        assert found is (taken if method in getattr(taken, "methods", ()) else None), path


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _unread(_: Message) -> None: ...
