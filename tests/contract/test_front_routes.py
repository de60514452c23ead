"""Which routes the residents' front may call from its own origin: those of residents and the public, and no other."""

from __future__ import annotations

from evote_platform.access import Commanded, Reading
from evote_platform.cross_origin import FrontRoute

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
