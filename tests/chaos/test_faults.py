"""What must hold while parts of the platform fail: on real Kafka, PostgreSQL and service processes."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from evote_belenios.archive import read_ballots
from evote_belenios.ballots import tracker_of
from evote_eventlog.events import Topic
from evote_local.people.staff import Staff
from evote_local.people.voters import PollingDay, cast_body, encrypt, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently
from evote_platform.database import Schema
from evote_platform.roles import role_statements

pytestmark = [pytest.mark.stack, pytest.mark.slow]

VOTERS = 40


@dataclass
class Polls:
    """An open referendum, and the means to vote in it."""

    referendum: Referendum
    day: PollingDay
    client: httpx.AsyncClient
    directory: Path
    staff: Staff
    """The auditor of record among them follows the vote."""

    @property
    def uuid(self) -> str:
        return self.referendum.officers.election_uuid

    def receipts(self) -> list[str]:
        return [cast.tracker for voter in self.referendum.voters for cast in voter.casts]

    async def archived(self, least: int = 0) -> list[str]:
        """The trackers in the archive, in its order, once it has so many: it follows the log a moment later."""
        path = self.directory / "archive.bel"

        async def has_them() -> bool:
            await self.referendum.officers.download_archive(path, auditor=self.staff.signing("tally"))
            return sum(1 for _ in read_ballots(path)) >= least

        await patiently(has_them)
        return [tracker_of(text) for text in read_ballots(path)]

    async def vote_by_all(self, step: Callable[[], None] = lambda: None) -> None:
        await self.referendum.vote(self.day, self.referendum.plan_visits(), step)


@pytest.fixture(scope="module")
def executor() -> Iterator[ProcessPoolExecutor]:
    with device_pool() as pool:
        yield pool


@asynccontextmanager
async def open_polls(
    stack: Stack, directory: Path, executor: ProcessPoolExecutor, voters: int = VOTERS
) -> AsyncIterator[Polls]:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=voters, seed=1)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        yield Polls(referendum, await referendum.open_polls(executor), client, directory, stack.identities.staff)


Story = Callable[[Polls], Coroutine[None, None, None]]


def hold(stack: Stack, directory: Path, executor: ProcessPoolExecutor, story: Story, voters: int = VOTERS) -> None:
    async def held() -> None:
        async with open_polls(stack, directory, executor, voters) as polls:
            await story(polls)

    asyncio.run(held())


def test_kill_9_of_a_ballot_replica_under_load_loses_no_receipt(
    stack: Stack, tmp_path: Path, executor: ProcessPoolExecutor
) -> None:
    victim = stack.ballots[1]

    async def story(polls: Polls) -> None:
        cast = 0

        def step() -> None:
            nonlocal cast
            cast += 1
            if cast == 15:
                victim.kill()
            if cast == 35:
                victim.start()

        await polls.vote_by_all(step)
        assert polls.day.measured.unavailable > 0, "the replica was killed too late to be noticed"
        victim.wait_ready()
        assert await polls.referendum.close_and_count() == polls.referendum.expected_result()
        # Every receipt is in the archive, and nothing is there twice.
        assert sorted(await polls.archived()) == sorted(polls.receipts())

    hold(stack, tmp_path, executor, story)


def test_kafka_stopped_for_10_s_answers_503_and_loses_nothing_acknowledged(
    stack: Stack, tmp_path: Path, executor: ProcessPoolExecutor
) -> None:
    async def story(polls: Polls) -> None:
        reached = asyncio.Event()
        cast = 0

        def step() -> None:
            nonlocal cast
            cast += 1
            if cast == 10:
                reached.set()

        # One voter stays at home, so that nothing but the outage can refuse the ballot that is sent into it.
        voter = polls.referendum.voters[0]
        visits = [visit for visit in polls.referendum.plan_visits() if visit.voter is not voter]
        credential = await polls.day.obtain_credential(voter, polls.client)
        ballot = encrypt(polls.day.election.json, credential, [[0, 1, 0]])
        body = cast_body(polls.day.election, credential, ballot, 1)
        voting = asyncio.create_task(polls.referendum.vote(polls.day, visits, step))
        await reached.wait()
        # SIGKILL, and in this thread: the kernel ties the broker's life to the thread that starts it again.
        stack.kafka.kill()
        outage = asyncio.create_task(asyncio.sleep(10))
        # Connections of their own: one that stood idle may have been closed by the replica.
        refused = await _post(stack.ballots[0], polls.uuid, body)
        async with open_client() as client:
            unwell = await client.get(f"{stack.ballots[0].url}/statusz")
            ready = await client.get(f"{stack.ballots[0].url}/readyz")
        await outage
        stack.kafka.start()
        await voting
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.json()["type"].endswith(":log-unavailable")
        assert unwell.status_code == 503
        assert "kafka" not in ready.json()["checks"], "no replica is taken from the voters for it"
        for service in stack.services:
            service.wait_well()
        await polls.referendum.officers.close()
        await polls.referendum.officers.wait_for(["tallied"])
        archived = await polls.archived()
        assert len(archived) == len(set(archived))
        # The ballot that was refused may have reached the log all the same: its voter was told to try again.
        assert set(polls.receipts()) <= set(archived) <= {*polls.receipts(), tracker_of(ballot)}

    hold(stack, tmp_path, executor, story)


def test_two_ballots_of_one_credential_in_flight_have_one_order_everywhere(
    stack: Stack, tmp_path: Path, executor: ProcessPoolExecutor
) -> None:
    async def story(polls: Polls) -> None:
        voter = polls.referendum.voters[0]
        credential = await polls.day.obtain_credential(voter, polls.client)
        taken = []
        for number in range(1, 6):
            ballots = [encrypt(polls.day.election.json, credential, [[0, 1, 0]]) for _ in range(2)]
            casts = [cast_body(polls.day.election, credential, ballot, number) for ballot in ballots]
            answers = await asyncio.gather(
                *(_settled(replica, polls.uuid, cast) for replica, cast in zip(stack.ballots, casts, strict=True))
            )
            first = [answer.json()["tracker"] for answer in answers if answer.is_success]
            assert (len(first), [answer.status_code for answer in answers].count(409)) == (1, 1), (
                "one of them was first"
            )
            taken += first
        boards = [await _logged_board(polls, replica, len(taken)) for replica in stack.ballots]
        archived = await polls.archived(len(taken))
        assert boards[0] == boards[1]
        assert [tracker for tracker, _ in boards[0]] == archived
        assert archived == taken
        assert [superseded for _, superseded in boards[0]] == [True] * (len(taken) - 1) + [False]

    hold(stack, tmp_path, executor, story, voters=3)


def test_a_poison_event_stops_nobody(stack: Stack, tmp_path: Path, executor: ProcessPoolExecutor) -> None:
    marker = secrets.token_hex(8)

    async def story(polls: Polls) -> None:
        await _write_poison(stack, marker)
        await polls.vote_by_all()
        assert await polls.referendum.close_and_count() == polls.referendum.expected_result()
        letters = await _dead_letters(stack, {"ballots", "elections"})
        assert all(letter["reason"] for letter in letters)

    hold(stack, tmp_path, executor, story, voters=5)


def test_a_dropped_database_is_replayed_to_the_same_board_and_tally(
    stack: Stack, tmp_path: Path, executor: ProcessPoolExecutor
) -> None:
    async def story(polls: Polls) -> None:
        await polls.vote_by_all()
        await polls.referendum.close_and_count()
        before = await _public_state(stack, polls)
        await _drop_and_replay(stack)
        assert await _public_state(stack, polls) == before

    hold(stack, tmp_path, executor, story, voters=10)


async def _drop_and_replay(stack: Stack) -> None:
    """Lose the schemas of ballot, ledger-anchor and tally. auth's also holds the vault, which a backup restores."""
    lost = {service.module: service for service in stack.services if service.name != "auth"}
    stopped = [service for service in stack.services if service.module in lost]
    for service in stopped:
        service.stop()
    connection = await asyncpg.connect(stack.database_url)
    for schema in ("ballot", "ledger", "tally"):
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.execute(role_statements(Schema(schema, Path())))
    await connection.close()
    for service in lost.values():
        await asyncio.to_thread(stack.migrate, service)
        await asyncio.to_thread(_replay, service)
    for service in stopped:
        service.start()
    for service in stopped:
        service.wait_ready()


def _replay(service: Service) -> None:
    subprocess.run([sys.executable, "-m", service.module, "replay"], env=dict(service.environment), check=True)


async def _public_state(stack: Stack, polls: Polls) -> tuple[list[tuple[str, bool]], str, str, bytes]:
    """The board, the encrypted tally, the result and the archive, as anyone may read them, once they have every ballot.

    A service is ready before it has examined all of them again.
    """
    cast = len(polls.receipts())
    await polls.archived(cast)
    board = await _logged_board(polls, stack.ballots[0], cast)
    tally = await polls.referendum.officers.text("encrypted-tally")
    result = await polls.referendum.officers.text("result")
    return board, tally, result, (polls.directory / "archive.bel").read_bytes()


async def _board(polls: Polls, replica: Service) -> list[tuple[str, bool]]:
    url = f"{replica.url}/elections/{polls.uuid}/ballots?limit=1000"
    items = (await polls.client.get(url, auth=polls.staff.signing("ballot"))).json()["items"]
    return [(item["tracker"], item["superseded"]) for item in items]


async def _logged_board(polls: Polls, replica: Service, size: int) -> list[tuple[str, bool]]:
    board: list[tuple[str, bool]] = []

    async def whole() -> bool:
        board[:] = await _board(polls, replica)
        return len(board) == size

    await patiently(whole)
    return board


async def _write_poison(stack: Stack, marker: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka.bootstrap_servers)
    await producer.start()
    for topic in (Topic.BALLOTS, Topic.ELECTIONS, Topic.LEDGER, Topic.TALLY, Topic.IDENTITY):
        for value in (b"not JSON " + marker.encode(), b'{"specversion":"1.0","type":"unknown"}', b"\xff\x00"):
            await producer.send_and_wait(stack.kafka_settings.topic_name(topic), value)
    await producer.stop()


async def _dead_letters(stack: Stack, topics: set[str]) -> list[dict[str, str]]:
    """All of them, once there are some of each of these topics."""
    letters: list[dict[str, str]] = []
    consumer = AIOKafkaConsumer(
        stack.kafka_settings.topic_name(Topic.DEAD_LETTER),
        bootstrap_servers=stack.kafka.bootstrap_servers,
        auto_offset_reset="earliest",
    )

    async def complete() -> bool:
        fetched = await consumer.getmany(timeout_ms=1000)
        letters.extend(json.loads(message.value)["data"] for messages in fetched.values() for message in messages)
        return {letter["original_topic"] for letter in letters} >= topics

    await consumer.start()
    try:
        await patiently(complete)
    finally:
        await consumer.stop()
    return letters


async def _post(replica: Service, uuid: str, cast: str) -> httpx.Response:
    async with open_client() as client:
        return await client.post(
            f"{replica.url}/elections/{uuid}/ballots", content=cast, headers={"Content-Type": "application/json"}
        )


async def _settled(replica: Service, uuid: str, cast: str) -> httpx.Response:
    """The same bytes again while nobody could tell what became of them, as on a busy machine."""
    while (answer := await _post(replica, uuid, cast)).status_code == 503:  # noqa: ASYNC110 - of another process
        await asyncio.sleep(float(answer.headers["Retry-After"]))
    return answer


def test_services_start_from_last_to_first_and_before_kafka(stack: Stack) -> None:
    """In any order: docs/architecture.md, "Releases"."""
    for service in stack.services:
        service.stop()
    stack.kafka.kill()
    for service in reversed(stack.services):
        service.start()
    for service in stack.services:
        service.wait_alive()
        assert httpx.get(f"{service.url}/readyz", timeout=60).status_code == 503
    stack.kafka.start()
    for service in stack.services:
        service.wait_ready()
