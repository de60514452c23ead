"""How large a body each route of each service takes, and what it asks before it reads one."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isasyncgenfunction, iscoroutinefunction

from evote_auth.main import PROGRAM as AUTH
from evote_ballot.main import PROGRAM as BALLOT
from evote_biometric.main import PROGRAM as BIOMETRIC
from evote_ledger_anchor.main import PROGRAM as LEDGER_ANCHOR
from evote_platform.access import Commanded, limit_address
from evote_platform.bodylimit import Beforehand, BodyUpTo, Guard, GuardedRoute
from evote_tally.main import PROGRAM as TALLY

PROGRAMS = (AUTH, BALLOT, BIOMETRIC, LEDGER_ANCHOR, TALLY)
MEBIBYTE = 1024 * 1024
LARGE = {
    "/elections/{election_uuid}/roll": 64 * MEBIBYTE,  # an officer's
    "/elections": MEBIBYTE,  # an officer's
    "/elections/{election_uuid}/ballots": MEBIBYTE // 4,
    "/enrolments": 13 * MEBIBYTE,
    "/verifications/{verification_id}/frames": 24 * MEBIBYTE,
    "/elections/{election_uuid}/trustees/{trustee}/confirmation": MEBIBYTE,
    "/elections/{election_uuid}/trustees/{trustee}/{step}": MEBIBYTE,
}
"""Of all routes that take more than 64 KiB."""


def routes() -> Iterator[tuple[GuardedRoute, tuple[object, ...]]]:
    for program in PROGRAMS:
        for router in program.routers:
            for route in router.routes:
                assert isinstance(route, GuardedRoute)
                yield route, route.asked


def test_only_these_routes_take_large_bodies() -> None:
    found = {route.path: call.max_bytes for route, asked in routes() for call in asked if isinstance(call, BodyUpTo)}
    assert found == LARGE


def test_every_officers_command_and_every_limited_voter_is_asked_before_the_body() -> None:
    commands = [call for _, asked in routes() for call in asked if isinstance(call, Commanded)]
    assert commands and all(isinstance(call, Guard) for call in commands)
    assert isinstance(limit_address, Guard) and isinstance(limit_address, Beforehand)
    assert limit_address in next(asked for route, asked in routes() if route.path.endswith("/own-ballots"))


def test_no_request_waits_for_a_thread_that_only_passes_something_on() -> None:
    """FastAPI calls what isn't a coroutine in a thread: that costs more than any of these does."""
    for route, asked in routes():
        for call in (route.endpoint, *asked):
            assert callable(call)
            kinds = (call, type(call).__call__)
            assert any(iscoroutinefunction(each) or isasyncgenfunction(each) for each in kinds), (route.path, call)
