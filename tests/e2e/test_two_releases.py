"""An upgrade while people vote: two releases side by side, whoever is upgraded first, and then the new one's events."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest
from evote_belenios.archive import read_ballots
from evote_belenios.ballots import tracker_of
from evote_eventlog.errors import ReaderStopped
from evote_eventlog.events import Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.releases import NEWEST_RELEASE
from evote_eventlog.tail import EventTail
from evote_local.people import trustees
from evote_local.people.voters import open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently
from evote_verify.reading import records

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
VOTERS = 20
THIS, NEXT = "jp.tsukuba.evote.ballots.BallotAccepted.v2", "jp.tsukuba.evote.ballots.BallotAccepted.v3"


class Fleet:
    """The services of a stack, each of this release or the next, and told what all read."""

    def __init__(self, stack: Stack) -> None:
        self._of_this = {service.name: (service.module, dict(service.environment)) for service in stack.services}

    def roll(self, services: list[Service], *, next_release: bool, events_release: int) -> None:
        """Replace replicas, one after the other, while the others serve."""
        for service in services:
            module, environment = self._of_this[service.name]
            environment = {**environment, "EVOTE_EVENTS_RELEASE": str(events_release)}
            if next_release:
                environment |= {"NEXT_RELEASE_OF": module, "PYTHONPATH": str(HERE)}
            service.stop()
            service.module, service.environment = "next_release" if next_release else module, environment
            service.start()
            service.wait_ready()


async def ballots_in_the_log(kafka: KafkaSettings) -> Counter[str]:
    """How many of which type; read by this release, so ``ReaderStopped`` at the first that it doesn't know."""
    seen: Counter[str] = Counter()
    tail = EventTail(kafka, [Topic.BALLOTS])
    async for record in tail.read("earliest", until=await tail.end_offsets()):
        seen[record.envelope.type] += 1
    return seen


def test_a_release_that_is_told_of_events_that_it_does_not_know_refuses_to_start(stack: Stack) -> None:
    for service in stack.services:
        done = subprocess.run(
            [sys.executable, "-m", service.module, "serve"],
            env={**service.environment, "EVOTE_EVENTS_RELEASE": "99"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "setting EVOTE_EVENTS_RELEASE: Value error, this release of the platform writes events" in done.stderr


def test_people_vote_through_an_upgrade_in_either_order_and_nothing_is_lost(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_upgrade(stack, tmp_path, monkeypatch))


async def _upgrade(stack: Stack, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=VOTERS, seed=11)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        fleet, writers = Fleet(stack), stack.ballots
        readers = [stack.tally, stack.ledger_anchor]
        with device_pool() as executor:
            day = await referendum.open_polls(executor)
            visits = referendum.plan_visits()
            step = len(visits) // 5 + 1

            async def some_vote() -> None:
                now, visits[:] = visits[:step], visits[step:]
                await referendum.vote(day, now, lambda: None)
                await _every_replica_has_every_ballot_logged(stack, client, referendum)

            async def roll(services: list[Service], *, next_release: bool, events_release: int) -> None:
                await asyncio.to_thread(fleet.roll, services, next_release=next_release, events_release=events_release)

            # A writer first: one replica of the next release writes what everybody else, of this one, reads.
            await roll(writers[1:], next_release=True, events_release=NEWEST_RELEASE)
            await some_vote()
            # The way back, and readers first: this release writes, the next one orders and counts.
            await roll(writers[1:], next_release=False, events_release=NEWEST_RELEASE)
            await roll(readers, next_release=True, events_release=NEWEST_RELEASE)
            await some_vote()
            assert await ballots_in_the_log(stack.kafka_settings) == {THIS: len(_receipts(referendum))}
            # Everybody is of the next release; only then are they told so, one replica after the other.
            others = [service for service in stack.services if service not in (*readers, *writers)]
            await roll([*others, *writers], next_release=True, events_release=NEWEST_RELEASE)
            await some_vote()
            assert NEXT not in await ballots_in_the_log(stack.kafka_settings)
            await roll([writers[0], *readers], next_release=True, events_release=NEWEST_RELEASE + 1)
            await some_vote()
            await roll([*others, writers[1]], next_release=True, events_release=NEWEST_RELEASE + 1)
            await some_vote()
            assert not visits
            # Trustees' and auditors' programs are readers too.
            monkeypatch.syspath_prepend(HERE)
            read = importlib.import_module("next_release").next_releases_ballot
            monkeypatch.setitem(records._PARSERS, "ballots.BallotAccepted.v3", read)
            monkeypatch.setattr(trustees, "PROGRAM", "next_release")
            monkeypatch.setenv("NEXT_RELEASE_OF", "evote_cli.main")
            monkeypatch.setenv("PYTHONPATH", str(HERE))
            assert await referendum.close_and_count() == referendum.expected_result()
            await referendum.officers.download_archive(directory / "final.bel")
    archived = [tracker_of(text) for text in read_ballots(directory / "final.bel")]
    assert sorted(archived) == sorted(_receipts(referendum))
    # And this release's reader, which is what this process is, stops at the first that it was never told of.
    with pytest.raises(ReaderStopped):
        await ballots_in_the_log(stack.kafka_settings)


def _receipts(referendum: Referendum) -> list[str]:
    return [cast.tracker for voter in referendum.voters for cast in voter.casts]


async def _every_replica_has_every_ballot_logged(
    stack: Stack, client: httpx.AsyncClient, referendum: Referendum
) -> None:
    for replica in stack.ballots:
        for tracker in _receipts(referendum):
            url = f"{replica.url}/elections/{referendum.officers.election_uuid}/status/{tracker}"

            async def logged(url: str = url) -> bool:
                answer = await client.get(url)
                return answer.status_code == 200 and answer.json()["state"] != "accepted"

            await patiently(logged)
