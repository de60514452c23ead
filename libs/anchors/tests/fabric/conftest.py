"""A channel of two organisations, stood in for, with two peers of the anchorer's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from evote_anchors.fabric.gateway import Timeouts
from evote_anchors.fabric.identity import Identity
from evote_anchors.fabric.profile import Organisation, PeerEndpoint, Profile
from evote_anchors.fabric.reader import FabricReader
from evote_anchors.fabric.writer import FabricWriter

from .authorities import TestOrganisation
from .channel_stand_in import StandInChannel
from .gateway_stand_in import StandInPeer

# The real time, as TLS checks the stand-ins' certificates by no other clock; in whole seconds, as they count.
NOW = datetime.now(UTC).replace(microsecond=0)
# A stand-in answers within milliseconds, but for a busy machine; a test whose stand-ins are told to be silent is short.
TIMEOUTS, SHORT_TIMEOUTS = Timeouts(call_s=30.0, commit_s=30.0), Timeouts(call_s=1.0, commit_s=0.5)


@pytest.fixture(scope="session")
def city() -> TestOrganisation:
    return TestOrganisation("CityMSP", NOW)


@pytest.fixture(scope="session")
def audit() -> TestOrganisation:
    return TestOrganisation("AuditMSP", NOW)


@pytest.fixture
async def channel(city: TestOrganisation, audit: TestOrganisation) -> StandInChannel:
    return StandInChannel("anchors", "anchor", city, [audit])


@pytest.fixture
async def peers(channel: StandInChannel, city: TestOrganisation) -> AsyncIterator[list[StandInPeer]]:
    both = [StandInPeer(channel, city.peer) for _ in range(2)]
    for peer in both:
        await peer.start()
    yield both
    for peer in both:
        await peer.stop()


@pytest.fixture
def random() -> Callable[[int], bytes]:
    """Counts instead of guessing, so that a failing test fails alike each time."""
    counter = itertools.count(1)
    return lambda size: next(counter).to_bytes(size)


@pytest.fixture
def profile_of(
    city: TestOrganisation, audit: TestOrganisation, peers: list[StandInPeer]
) -> Callable[[Identity], Profile]:
    endpoints = tuple(PeerEndpoint(peer.address, city.authority_pem, None) for peer in peers)
    organisations = tuple(Organisation(each.msp_id, (each.authority,)) for each in (city, audit))
    return lambda identity: Profile("anchors", "anchor", endpoints, organisations, city.msp_id, identity)


@pytest.fixture
def timeouts() -> Timeouts:
    return TIMEOUTS


@pytest.fixture
async def new_writer(
    profile_of: Callable[[Identity], Profile],
    city: TestOrganisation,
    random: Callable[[int], bytes],
    timeouts: Timeouts,
) -> AsyncIterator[Callable[[], FabricWriter]]:
    """Makes writers: a second one is what a restarted process has, its memory lost."""
    made: list[FabricWriter] = []

    def make() -> FabricWriter:
        made.append(FabricWriter(profile_of(city.client.identity), random, lambda: NOW, timeouts))
        return made[-1]

    yield make
    for writer in made:
        await writer.close()


@pytest.fixture
def writer(new_writer: Callable[[], FabricWriter]) -> FabricWriter:
    return new_writer()


@pytest.fixture
async def reader(
    profile_of: Callable[[Identity], Profile], audit: TestOrganisation, random: Callable[[int], bytes]
) -> AsyncIterator[FabricReader]:
    """Reads as a client of the other organisation."""
    reader = FabricReader(profile_of(audit.client.identity), random, lambda: NOW, TIMEOUTS)
    yield reader
    await reader.close()
