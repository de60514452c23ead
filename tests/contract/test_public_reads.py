"""Every answer that anybody may read says how long it may be kept: a crowd must not be a crowd at the database."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from .test_openapi_documents import operations, program

NOTED_BY = "public_for.<locals>.note"


@pytest.mark.parametrize("service", ["ballot", "tally"])
def test_every_public_read_says_how_long_it_may_be_kept(service: str) -> None:
    documented = operations(service)
    routes = [route for router in program(service).routers for route in router.routes]
    forgotten = [
        route.path
        for route in routes
        if isinstance(route, APIRoute)
        and "GET" in route.methods
        and not route.path.endswith("/events")  # a stream
        and {} in documented[f"GET {route.path.replace(':path', '')}"].get("security", [{}])
        and NOTED_BY not in {getattr(it.dependency, "__qualname__", "") for it in route.dependencies}
    ]
    assert forgotten == []
