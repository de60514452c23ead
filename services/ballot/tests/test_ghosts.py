"""Ballots that come late: held up by a replica that stopped, withheld on purpose, replayed, or behind the close."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

import httpx
import pytest
from evote_ballot import verification
from evote_ballot.domain.cast import open_cast
from evote_ballot.domain.refusals import OlderThanLast
from evote_ballot.intake import CheckedCast
from evote_ballot.main import PROGRAM
from evote_belenios import native
from evote_belenios.ballots import tracker_of
from evote_belenios.credentials import public_credential
from evote_belenios.groups import ED25519
from evote_belenios.order import parse_order, sign_order, verify_order
from evote_eventlog.events import BallotAccepted, BallotBoxClosed
from evote_local.testbed import eventually, running_app

pytestmark = pytest.mark.stack
Stopped = Callable[[set[Any]], AbstractContextManager[Callable[[], None]]]
NO = [[0, 0, 1]]
OLDER = (409, "older-than-your-last-ballot")
PENDING, CLOSED = (503, "close-pending"), (403, "election-closed")


@asynccontextmanager
async def another_replica(place: Any) -> AsyncIterator[Any]:
    """One more replica, and the service behind it; it is the last of ``place.replicas``."""
    app = PROGRAM.app(PROGRAM.start(place.settings), place.clock)
    async with running_app(app) as client:
        place.replicas.append(client)
        yield app.state.service


@pytest.fixture(params=["threads", "processes"])
def stopped(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, left_out: Callable[[str], NoReturn]
) -> Stopped:
    """Makes what verifies in the newest replica stand still within a block, or until it is told to go on."""
    if request.param == "processes":
        request.getfixturevalue("without_core")
        return stopped_processes
    if native.core is None:
        left_out("there is no compiled core of this version: make install says why")
    return partial(stopped_thread, monkeypatch)


@contextmanager
def stopped_thread(monkeypatch: pytest.MonkeyPatch, _: set[Any]) -> Iterator[Callable[[], None]]:
    """The next check that begins waits in its thread."""
    go, check, waits = threading.Event(), verification._check, iter([True])

    def held_up(*arguments: Any) -> verification.Examined:
        if next(waits, False):
            go.wait()
        return check(*arguments)

    monkeypatch.setattr(verification, "_check", held_up)
    try:
        yield go.set
    finally:
        go.set()


@contextmanager
def stopped_processes(before: set[Any]) -> Iterator[Callable[[], None]]:
    """The processes that there were not ``before`` stand still."""
    processes = set(multiprocessing.active_children()) - before

    def go_on() -> None:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)

    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield go_on
    finally:
        go_on()


def is_verifying(client: httpx.AsyncClient, scraper: httpx.Auth) -> Callable[[], Awaitable[bool]]:
    async def waiting() -> bool:
        metrics = (await client.get("/metrics", auth=scraper)).text
        return "evote_ballot_verifications_waiting 1.0" in metrics

    return waiting


def tracker_in(cast: str) -> str:
    return tracker_of(json.loads(cast)["ballot"])


async def recorded(place: Any) -> list[str]:
    records = await place.services.records(place.election.uuid, BallotAccepted)
    return [record.envelope.data.tracker for record in records]


async def publish(place: Any, cast: str) -> None:
    """As a replica would that answers to nobody."""
    await place.services.producer.publish(open_cast(cast.encode(), place.election.uuid))


async def test_a_replica_whose_worker_stood_still_does_not_bring_an_old_ballot_after_a_newer_one(
    stopped: Stopped, place: Any
) -> None:
    before = set(multiprocessing.active_children())
    async with another_replica(place):
        slow = place.replicas[-1]
        held_up, newer = place.new_cast(0, number=1), place.new_cast(0, NO, number=1)
        with stopped(before) as go_on:
            answer = asyncio.create_task(place.post(held_up, -1))
            await eventually(is_verifying(slow, place.access))
            receipt = (await place.post(newer, 0)).json()

            async def read_by_the_slow() -> bool:
                # It reads on while it verifies: what it has not read yet it finds at the latest behind its own record.
                return (await slow.get(f"{place.base}/status/{tracker_in(newer)}")).status_code == 200

            await eventually(read_by_the_slow)
            go_on()
            woken = await answer
        assert (woken.status_code, place.slug(woken)) == OLDER
        assert (woken.json()["last_number"], woken.json()["last_tracker"]) == (1, tracker_in(newer))
        assert await recorded(place) == [tracker_in(newer)]
        await place.log(receipt)
        assert await place.superseded_by(receipt["tracker"]) is None


async def test_a_replica_that_stood_still_before_it_published_gives_no_receipt_either(place: Any) -> None:
    """The record is in the log then, and no reader admits it."""
    async with another_replica(place) as slow:
        held_up, newer = place.new_cast(0, number=1), place.new_cast(0, NO, number=1)
        checked = await slow.intake.check(place.election.uuid, held_up.encode())
        assert isinstance(checked, CheckedCast)
        assert (await place.post(newer, 0)).status_code == 201
        with pytest.raises(OlderThanLast):
            await slow.intake.record(checked)
        assert await recorded(place) == [tracker_in(newer), tracker_in(held_up)]
        for replica in (0, -1):
            assert (await place.replicas[replica].get(f"{place.base}/status/{tracker_in(held_up)}")).status_code == 404
            assert await place.refused(held_up, replica) == OLDER


async def test_nothing_is_recorded_for_a_client_that_went_away(stopped: Stopped, place: Any) -> None:
    before = set(multiprocessing.active_children())
    async with another_replica(place):
        slow = place.replicas[-1]
        with stopped(before) as go_on:
            answer = asyncio.create_task(place.post(place.new_cast(0), -1))
            await eventually(is_verifying(slow, place.access))
            answer.cancel()
            await asyncio.wait([answer])
            go_on()
        # What verifies has finished what it had begun when it answers the next ballot.
        assert (await place.post(place.new_cast(1), -1)).status_code == 201
        assert len(await recorded(place)) == 1


async def test_a_withheld_ballot_that_is_published_later_supersedes_nothing(two_replicas: Any) -> None:
    place = two_replicas
    withheld, newer = place.new_cast(0, number=1), place.new_cast(0, NO, number=1)
    receipt = (await place.post(newer)).json()
    await publish(place, withheld)
    last = await place.cast(1)
    await place.log(receipt, last)
    for replica in (0, 1):
        assert await place.refused(withheld, replica) == OLDER
        assert await place.superseded_by(receipt["tracker"], replica) is None
        turnout = (await place.replicas[replica].get(f"{place.base}/turnout")).json()
        assert (turnout["accepted"], turnout["voters"]) == (2, 2)


async def test_a_replayed_ballot_stays_where_it_first_stood(two_replicas: Any) -> None:
    place = two_replicas
    cast = place.new_cast(0)
    first = (await place.post(cast)).json()
    second = await place.cast(0, NO)
    await publish(place, cast)
    await publish(place, place.signed(0, json.loads(cast)["ballot"], 9))
    await place.cast(0)
    for replica in (0, 1):
        assert (await place.post(cast, replica)).json() == first
    await place.log(first, second)
    assert await place.superseded_by(first["tracker"]) == second["tracker"]


async def test_a_device_that_forgot_signs_anew_over_the_same_ballot_and_can_tell_who_said_so(place: Any) -> None:
    await place.cast(0)
    await place.cast(0)
    forgetful = place.new_cast(0, NO, number=1)
    answer = await place.post(forgetful)
    assert (answer.status_code, place.slug(answer)) == OLDER
    problem = answer.json()
    statement = {"number": problem["last_number"], "signature": problem["last_signature"]}
    verify_order(
        parse_order(statement, ED25519),
        election_uuid=place.election.uuid,
        tracker=problem["last_tracker"],
        credential=public_credential(place.credentials[0], place.election.uuid, ED25519),
    )
    again = await place.post(place.signed(0, json.loads(forgetful)["ballot"], problem["last_number"] + 1))
    assert (again.status_code, again.json()["tracker"]) == (201, tracker_in(forgetful))


async def test_the_last_number_is_told_only_to_who_holds_the_credential(place: Any) -> None:
    """A ballot that anybody may read, with a number that only its voter can sign."""
    cast = json.loads(place.new_cast(0))
    assert (await place.post(json.dumps(cast))).status_code == 201
    unknown = json.loads(place.new_cast(0, number=1))
    stranger = sign_order(
        place.credentials[1], place.election.uuid, ED25519, tracker_of(unknown["ballot"]), 1, secrets.token_bytes
    )
    for order in (stranger.to_json(), cast["order"], {**unknown["order"], "number": 2}):
        assert await place.refused(json.dumps({**unknown, "order": order})) == (422, "invalid-order")
    assert await place.refused(json.dumps({**unknown, "order": {**unknown["order"], "number": 0}})) == (
        422,
        "invalid-order",
    )
    assert await place.refused(json.dumps(unknown)) == OLDER


async def test_a_replica_that_starts_behind_the_close_marker_gives_no_receipt(place: Any) -> None:
    """The tables have the marker, the new replica's memory has what comes behind it."""
    in_time, late = place.new_cast(0), place.new_cast(1)
    receipt = (await place.post(in_time)).json()
    markers = [
        await place.services.producer.publish(
            BallotBoxClosed(election_uuid=place.election.uuid, partition=partition, partitions=3), partition=partition
        )
        for partition in range(3)
    ]

    async def projected() -> bool:
        service = place.service
        async with service.pool.acquire() as connection:
            return await connection.fetchval("SELECT count(*) FROM close_markers") == len(markers)

    await eventually(projected)
    async with another_replica(place):
        await publish(place, late)
        answers = [await place.post(late, replica) for replica in (-1, 0, -1)]
        assert [(answer.status_code, place.slug(answer)) for answer in answers] == [(403, "election-closed")] * 3
        for replica in (0, -1):
            status = await place.replicas[replica].get(f"{place.base}/status/{tracker_in(late)}")
            assert status.status_code == 404
            assert (await place.post(in_time, replica)).json() == receipt


async def test_who_asks_again_behind_the_hour_is_told_closed_only_when_their_ballot_can_not_come_any_more(
    two_replicas: Any,
) -> None:
    """A producer of another replica gets it in behind the hour, and before the marker: it counts."""
    place = two_replicas
    handed_over, never_sent = place.new_cast(0), place.new_cast(0, NO)
    place.clock.moved = timedelta(hours=9)
    for replica in (0, 1):
        answer = await place.post(handed_over, replica)
        assert ((answer.status_code, place.slug(answer)), "settled" in answer.json()) == (PENDING, False)
    await publish(place, handed_over)

    async def told(cast: str, replica: int) -> httpx.Response:
        """Once it is anything else than to come again."""
        answers: list[httpx.Response] = []

        async def settled() -> bool:
            answers.append(await place.post(cast, replica))
            return answers[-1].status_code != 503

        await eventually(settled)
        return answers[-1]

    receipts = [await told(handed_over, replica) for replica in (0, 1)]
    assert [receipt.status_code for receipt in receipts] == [200, 200]
    assert receipts[0].json() == receipts[1].json()
    own = receipts[0].json()["position"]["partition"]
    markers = [BallotBoxClosed(election_uuid=place.election.uuid, partition=p, partitions=3) for p in range(3)]
    for marker in markers:
        if marker.partition != own:
            await place.services.producer.publish(marker, partition=marker.partition)

    async def projected() -> bool:
        return bool(await place.service.pool.fetchval("SELECT count(*) = 2 FROM close_markers"))

    await eventually(projected)
    for replica in (0, 1):
        assert await place.refused(never_sent, replica) == PENDING, "those of other partitions settle nothing"
    await place.services.producer.publish(markers[own], partition=own)
    for replica in (0, 1):
        answer = await told(never_sent, replica)
        assert ((answer.status_code, place.slug(answer)), answer.json().get("settled")) == (CLOSED, True)
        assert (await place.post(handed_over, replica)).json() == receipts[0].json()
