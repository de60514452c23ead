"""Which routes have a door, and whose turns are taken there."""

from __future__ import annotations

from types import SimpleNamespace

from evote_auth.main import PROGRAM as AUTH
from evote_auth.metrics import Way
from evote_platform.bodylimit import again_within
from evote_platform.turns import TurnAt

from .test_bodies import routes

RELEASES = {
    "/elections/{election_uuid}/releases": Way.CARD,
    "/elections/{election_uuid}/face-enrolments": Way.CARD,
    "/elections/{election_uuid}/face-releases": Way.FACE,
    "/elections/{election_uuid}/phone-releases": Way.PHONE,
}
CODE_LIVES_S = 60
"""As long as an authorization code may be expected to (RFC 6749, 4.1.2: ten minutes at most; providers: one)."""


def test_each_release_has_the_door_of_its_way() -> None:
    service = SimpleNamespace(doors={way: way for way in Way})
    found = {
        route.path: call.door(service)
        for route, asked in routes()
        for call in asked
        if isinstance(call, TurnAt) and "POST" in route.methods
    }
    assert found == RELEASES


def test_no_way_in_has_a_release_without_a_door() -> None:
    voters = [
        route.path
        for router in AUTH.routers
        for route in router.routes
        if "voter" in route.tags and route.path.endswith("releases")
    ]
    assert set(voters) <= set(RELEASES) and len(voters) == len(Way)


def test_who_brings_a_code_that_ages_is_told_to_come_again_while_it_is_good() -> None:
    told = {route.path: again_within(route) for route, _ in routes() if route.path in RELEASES}
    by_phone = told.pop("/elections/{election_uuid}/phone-releases")
    assert by_phone * 6 <= CODE_LIVES_S / 2
    assert all(again_s > by_phone for again_s in told.values())
