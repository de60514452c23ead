"""Checkpoints on real PostgreSQL, cosigned by real witnesses of which some are down or lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.events import CheckpointWitnessed, EventData
from evote_ledger_anchor import wakes, witness_client, witnessing
from evote_ledger_anchor.metrics import WitnessMetrics
from evote_ledger_anchor.settings import LedgerSettings, UnusableWitnessPolicy
from evote_ledger_anchor.store import checkpoint_note, newest_counted, newest_size, range_hashes
from evote_ledger_anchor.witness_client import Backoff
from evote_ledger_anchor.witnessing import Witnessing
from evote_local.nodes.ports import LOOPBACK
from evote_local.stack.witnesses import LocalWitness, define_witnesses, majority_policy
from evote_local.testbed import eventually, lengthened
from evote_platform.clock import utc_now
from evote_platform.settings import Environment
from evote_tlog.checkpoint import Checkpoint, SigningKey, parse_note
from evote_tlog.cosignature import Cosigner
from evote_tlog.policy import (
    Group,
    Policy,
    PolicyLog,
    PolicyWitness,
    cosigners,
    log_policy,
    parse_policy,
    verify_policy,
)
from evote_tlog.proof import Range
from evote_tlog.witness import AddCheckpoint, format_add_checkpoint, parse_add_checkpoint
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

pytestmark = pytest.mark.stack

INTERVAL_S = 0.05
LIAR = Cosigner("liar.example", Ed25519PrivateKey.from_private_bytes(b"l" * 32))
STRANGER = Cosigner("liar.example", Ed25519PrivateKey.from_private_bytes(b"s" * 32))


class Publisher:
    """Kafka's part played by hand: what is published is projected at once."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.events: list[CheckpointWitnessed] = []

    async def publish(self, event: EventData) -> None:
        assert isinstance(event, CheckpointWitnessed)
        self.events.append(event)
        await self._log.apply(self._log.record(event))


class Asking:
    """A task that asks the witnesses of a policy, and what it shows."""

    def __init__(self, log: Any, database_url: str, policy: Policy) -> None:
        self.pool, self.policy, self.publisher = log.pool, policy, Publisher(log)
        self.registry = CollectorRegistry()
        self.wake = asyncio.Event()
        self.task = Witnessing(
            database_url=SecretStr(database_url),
            pool=log.pool,
            producer=self.publisher,  # type: ignore[arg-type]
            policy=policy,
            clock=utc_now,
            metrics=WitnessMetrics(self.registry),
            interval_s=INTERVAL_S,
            wake=self.wake,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Asking]:
        task = asyncio.create_task(self.task.run())
        try:
            yield self
            assert not task.done(), task.exception()
        finally:
            while not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=1)

    async def counts(self) -> bool:
        newest = await newest_counted(self.pool, self.policy)
        return newest is not None and newest.size == await newest_size(self.pool)

    async def cosigned_by(self) -> set[str]:
        newest = await newest_counted(self.pool, self.policy)
        return set(cosigners(parse_note(newest.note), self.policy)) if newest else set()

    def outcomes(self, witness: str, outcome: str) -> float:
        labels = {"witness": witness, "outcome": outcome}
        return self.registry.get_sample_value("evote_witness_requests_total", labels) or 0.0

    def saw(self, witness: str, outcome: str) -> Callable[[], Awaitable[bool]]:
        async def seen() -> bool:
            return self.outcomes(witness, outcome) > 0

        return seen

    def lag(self) -> float | None:
        return self.registry.get_sample_value("evote_witness_lag_entries")


@pytest.fixture
def witnesses(tmp_path: Path, key: SigningKey) -> Iterator[list[LocalWitness]]:
    started = define_witnesses(tmp_path, 3, key.verifier)
    for witness in started:
        witness.start()
    yield started
    for witness in started:
        witness.stop()


@pytest.fixture
def policy(witnesses: list[LocalWitness], key: SigningKey) -> Iterator[Policy]:
    """Of witnesses that answer: on a busy machine the last of them takes longer than a log would wait for it."""
    with lengthened("evote_ledger_anchor.witnessing.GRACE_S", "evote_ledger_anchor.witness_client.ANSWER_TIMEOUT_S"):
        yield parse_policy(majority_policy(witnesses, key.verifier))


async def test_a_checkpoint_counts_when_the_witnesses_have_cosigned_it(
    log: Any, events: Any, database_url: str, policy: Policy, client: httpx.AsyncClient
) -> None:
    async with Asking(log, database_url, policy).running() as asking:
        for number in range(5):
            await log.append([events.ballot(3 * number + part) for part in range(3)])
            await eventually(asking.counts)
        shown = (await client.get("/checkpoint/witnessed")).text
        assert verify_policy(shown, policy).size == 15
        assert await asking.cosigned_by() == {"witness-1", "witness-2", "witness-3"}

        async def no_lag() -> bool:
            return asking.lag() == 0

        await eventually(no_lag)
        assert [event.size for event in asking.publisher.events] == [3, 6, 9, 12, 15]
        assert asking.registry.get_sample_value(
            "evote_witness_last_success_timestamp_seconds", {"witness": "witness-1"}
        )


async def test_the_witnesses_are_asked_when_a_checkpoint_is_projected_and_given_one_proof(
    log: Any, events: Any, database_url: str, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakes, "LOOK_AGAIN_S", 1e6)
    proved: list[tuple[tuple[Range, ...], int]] = []

    async def noted(pool: asyncpg.Pool, ranges: Sequence[Range], size: int) -> list[bytes]:
        proved.append((tuple(ranges), size))
        return await range_hashes(pool, ranges, size)

    monkeypatch.setattr(witnessing, "range_hashes", noted)
    async with Asking(log, database_url, policy).running() as asking:
        for number in range(4):
            await log.append([events.ballot(number)])
            asking.wake.set()
            await eventually(asking.counts)
    assert {size for _, size in proved} == {2, 3, 4}
    assert len(proved) == len(set(proved)), "one for each witness"


async def test_a_quorum_is_enough_while_a_witness_is_down(
    log: Any, events: Any, database_url: str, policy: Policy, witnesses: list[LocalWitness]
) -> None:
    witnesses[1].kill()
    async with Asking(log, database_url, policy).running() as asking:
        await log.append([events.ballot(1)])
        await eventually(asking.counts)
        assert await asking.cosigned_by() == {"witness-1", "witness-3"}
        await eventually(asking.saw("witness-2", "unreachable"))
        for number in range(2, 6):
            await log.append([events.ballot(number)])
            await eventually(asking.counts)
        assert asking.outcomes("witness-2", "unreachable") < 5  # it is left alone for a while


async def test_without_a_quorum_the_lag_shows_and_the_return_of_one_witness_covers_it_all(
    log: Any, events: Any, database_url: str, policy: Policy, witnesses: list[LocalWitness]
) -> None:
    async with Asking(log, database_url, policy).running() as asking:
        await log.append([events.ballot(0)])
        await eventually(asking.counts)
        for witness in witnesses[:2]:
            witness.kill()
        for number in range(1, 8):
            await log.append([events.ballot(number)])

        async def lag_shows() -> bool:
            return asking.lag() == 7

        await eventually(lag_shows)
        await eventually(asking.saw("witness-3", "cosigned"))
        assert not await asking.counts()
        witnesses[0].start()
        await eventually(asking.counts)
        assert asking.publisher.events[-1].size == 8
        assert len(asking.publisher.events) == 2


async def test_a_replica_that_was_not_asking_goes_on_where_the_witnesses_are(
    log: Any, events: Any, database_url: str, policy: Policy
) -> None:
    async with AsyncExitStack() as first:
        one = await first.enter_async_context(Asking(log, database_url, policy).running())
        await log.append([events.ballot(0), events.ballot(1)])
        await eventually(one.counts)
        async with Asking(log, database_url, policy).running() as other:
            await log.append([events.ballot(2)])
            await eventually(one.counts)
            assert not other.publisher.events  # one replica asks at a time
            await first.aclose()
            await log.append([events.ballot(3)])
            await eventually(other.counts)
            assert [event.size for event in other.publisher.events] == [4]
            assert await other.cosigned_by() == {"witness-1", "witness-2", "witness-3"}


def respond(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def cosign(cosigner: Cosigner, note: str) -> bytes:
    return cosigner.cosign(parse_note(note), 1_795_000_000).line.encode()


def over_another_checkpoint(request: AddCheckpoint) -> bytes:
    lines = parse_note(request.note).text.split("\n")
    other = request.note.replace(f"\n{lines[1]}\n", f"\n{int(lines[1]) + 1}\n", 1)
    return respond("200 OK", cosign(LIAR, other))


LIES: dict[str, tuple[Callable[[AddCheckpoint], bytes], str]] = {
    "signs something else": (over_another_checkpoint, "forged"),
    "signs with another key": (lambda request: respond("200 OK", cosign(STRANGER, request.note)), "forged"),
    "signs nothing": (lambda _: respond("200 OK", b""), "forged"),
    "sends no note": (lambda _: respond("200 OK", b"\xffnonsense\n"), "malformed"),
    "sends a hundred lines": (lambda request: respond("200 OK", 100 * cosign(LIAR, request.note)), "malformed"),
    "sends without end": (lambda _: respond("200 OK", b"x" * 10_000_000), "malformed"),
    "claims a giant size": (lambda _: respond("409 Conflict", b"9000000000000000000\n"), "ahead"),
    "claims no size": (lambda _: respond("409 Conflict", b"-1\n"), "malformed"),
    "claims sizes in turns": (lambda request: respond("409 Conflict", b"%d\n" % (1 - request.old_size)), "malformed"),
    "redirects": (lambda _: respond("307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/", b""), "refused"),
    "says inconsistent": (lambda _: respond("422 Unprocessable Entity", b"no\n"), "inconsistent"),
    "speaks no HTTP": (lambda _: b"SSH-2.0-OpenSSH_9.2\r\n", "unreachable"),
    "hangs up": (lambda _: b"", "unreachable"),
}

BLIND = {name: Cosigner(f"{name}.example", Ed25519PrivateKey.generate()) for name in ("blind-1", "blind-2")}


def blindly(cosigner: Cosigner) -> Callable[[AddCheckpoint], bytes]:
    return lambda request: respond("200 OK", cosign(cosigner, request.note))


def majority(members: tuple[PolicyWitness, ...], key: SigningKey) -> Policy:
    group = Group("g", len(members) // 2 + 1, tuple(member.name for member in members))
    return Policy((PolicyLog(key.verifier),), members, (group,), "g")


class LyingWitness:
    """Answers a request with the bytes that the lie makes of it; without a lie it never answers."""

    def __init__(self, lie: Callable[[AddCheckpoint], bytes] | None) -> None:
        self._lie = lie
        self._over = asyncio.Event()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        request = parse_add_checkpoint(await reader.readexactly(int(length)))
        if self._lie is None:
            await self._over.wait()
        else:
            writer.write(self._lie(request))
        writer.close()

    @asynccontextmanager
    async def serving(self, name: str, cosigner: Cosigner) -> AsyncIterator[PolicyWitness]:
        server = await asyncio.start_server(self._answer, LOOPBACK, 0)
        async with server:
            yield PolicyWitness(name, cosigner.verifier, f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}")
            self._over.set()


async def test_a_lying_witness_is_seen_through_beside_real_ones(
    log: Any, events: Any, database_url: str, policy: Policy
) -> None:
    await log.append([events.ballot(0), events.ballot(1)])
    async with LyingWitness(over_another_checkpoint).serving("liar", LIAR) as liar:
        with_liar = majority((*policy.witnesses[:2], liar), log.key)
        async with Asking(log, database_url, with_liar).running() as asking:
            await eventually(asking.counts)
            assert await asking.cosigned_by() == {"witness-1", "witness-2"}
            await eventually(asking.saw("liar", "forged"))


@asynccontextmanager
async def asking_a_liar(
    log: Any, database_url: str, lie: Callable[[AddCheckpoint], bytes] | None
) -> AsyncIterator[Asking]:
    """Two of the liar and two that cosign whatever they are sent."""
    async with AsyncExitStack() as servers:
        members = [
            await servers.enter_async_context(LyingWitness(blindly(cosigner)).serving(name, cosigner))
            for name, cosigner in BLIND.items()
        ]
        members.append(await servers.enter_async_context(LyingWitness(lie).serving("liar", LIAR)))
        asking = Asking(log, database_url, majority(tuple(members), log.key))
        yield await servers.enter_async_context(asking.running())


@pytest.mark.parametrize("lie", LIES)
async def test_no_lie_of_a_witness_is_taken_nor_holds_up_the_others(
    log: Any, events: Any, database_url: str, lie: str
) -> None:
    answer, outcome = LIES[lie]
    await log.append([events.ballot(0), events.ballot(1)])
    async with asking_a_liar(log, database_url, answer) as asking:
        await eventually(asking.counts)
        assert await asking.cosigned_by() == set(BLIND)
        await eventually(asking.saw("liar", outcome))
        assert asking.outcomes("liar", "cosigned") == 0


async def test_a_hanging_witness_is_left_behind_once_there_is_a_quorum(
    log: Any, events: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_client, "ANSWER_TIMEOUT_S", 3600)
    async with asking_a_liar(log, database_url, None) as asking:
        for number in range(3):
            await log.append([events.ballot(number)])
            await eventually(asking.counts)


async def test_a_witness_that_does_not_answer_in_time_has_failed(
    log: Any, events: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_client, "ANSWER_TIMEOUT_S", 0.01)
    await log.append([events.ballot(0)])
    async with asking_a_liar(log, database_url, None) as asking:
        await eventually(asking.saw("liar", "slow"))


async def test_two_histories_of_the_log_never_count_both(
    log: Any, events: Any, database_url: str, policy: Policy, witnesses: list[LocalWitness], key: SigningKey
) -> None:
    """Whoever has the log's key shows another history to two witnesses first: the public one then gets no quorum."""
    secret = key.sign(Checkpoint(key.verifier.name, 1, bytes(32)))
    async with httpx.AsyncClient(timeout=50) as http:
        for witness in witnesses[:2]:
            body = format_add_checkpoint(AddCheckpoint(0, (), secret))
            assert (await http.post(f"{witness.url}/add-checkpoint", content=body)).status_code == 200
    await log.append([events.ballot(0)])
    async with Asking(log, database_url, policy).running() as asking:
        await eventually(asking.saw("witness-1", "inconsistent"))
        await eventually(asking.saw("witness-2", "inconsistent"))
        await eventually(asking.saw("witness-3", "cosigned"))
        assert not asking.publisher.events
        assert asking.lag() == 1


async def test_a_log_that_was_rolled_back_is_told_so_by_the_witnesses(
    log: Any, events: Any, database_url: str, policy: Policy, pool: asyncpg.Pool
) -> None:
    async with Asking(log, database_url, policy).running() as asking:
        for number in range(3):
            await log.append([events.ballot(number)])
        await eventually(asking.counts)
    await pool.execute("DELETE FROM checkpoints WHERE size > 1; DELETE FROM witnessed")
    async with Asking(log, database_url, policy).running() as asking:
        await eventually(asking.saw("witness-1", "ahead"))
        assert not asking.publisher.events


async def test_an_event_without_the_cosignatures_does_not_make_a_checkpoint_count(
    log: Any, events: Any, pool: asyncpg.Pool, policy: Policy
) -> None:
    assert await newest_counted(pool, policy) is None
    assert await newest_counted(pool, None) is None
    await log.append([events.ballot(0)])
    note = await checkpoint_note(pool, 1)
    assert note is not None
    await log.apply(log.record(CheckpointWitnessed(origin=log.key.verifier.name, size=1, note=note)))
    assert await newest_counted(pool, policy) is None
    for easier in (None, log_policy(log.key.verifier)):
        newest = await newest_counted(pool, easier)
        assert newest is not None
        assert newest.size == 1


def test_a_witness_that_fails_is_left_alone_for_longer_each_time() -> None:
    backoff = Backoff()
    pauses = []
    for _ in range(2000):
        backoff.failed(100.0)
        pauses.append(backoff.until - 100)
    assert pauses[:6] == [2, 4, 8, 16, 32, 60]
    assert set(pauses[6:]) == {60}
    backoff.succeeded()
    assert backoff.until == 0
    backoff.failed(0)
    assert backoff.until == 2


def settings(policy_file: Path | None) -> LedgerSettings:
    return LedgerSettings(
        environment=Environment.TEST,
        kafka_bootstrap="localhost:1",
        database_url=SecretStr("postgresql://localhost/x"),
        port=1,
        roster_file=Path("roster.json"),
        log_key_file=Path("key.pem"),
        log_origin="vote.city.example/log",
        witness_policy_file=policy_file,
    )


def test_a_policy_that_this_log_can_not_follow_stops_the_start(tmp_path: Path, key: SigningKey) -> None:
    assert settings(None).witness_policy(key.verifier) is None
    file = tmp_path / "policy"
    log_line, witness = f"log {key.verifier.text}\n", f"witness w {LIAR.verifier.text}"
    for text, reason in (
        ("quorum w\n", "line 1"),
        (f"{witness} http://w\nquorum w\n", "add the line 'log vote"),
        (f"{log_line}{witness}\nquorum w\n", "URLs of the witnesses w"),
    ):
        file.write_text(text)
        with pytest.raises(UnusableWitnessPolicy, match=reason):
            settings(file).witness_policy(key.verifier)
    file.write_text(f"{log_line}{witness} http://w\nquorum w\n")
    policy = settings(file).witness_policy(key.verifier)
    assert policy is not None
    assert policy.logs == (PolicyLog(policy.logs[0].key),)
