"""The sequencer on real Kafka and PostgreSQL, with every write to Kafka broken both ways."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from evote_eventlog import envelope, hearing, tail
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.errors import Fenced, LogUnavailable, UnknownEvent
from evote_eventlog.events import BallotAccepted, CheckpointSigned, EventData, LogEntry, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_eventlog.topics import create_topics
from evote_eventlog.transactional import TransactionalProducer
from evote_ledger_anchor import sequencer as sequencers
from evote_ledger_anchor.metrics import SequencerMetrics
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.sequencer import TRANSACTIONAL_ID, Sequencer
from evote_ledger_anchor.store import StoredCheckpoint, newest_size
from evote_ledger_anchor.witness_client import WitnessClient, open_http
from evote_local.faults import WRITES, BrokenWrite, Fault, break_write, breaking, every_fault
from evote_local.nodes.kafka import KafkaNode
from evote_local.stack.witnesses import LocalWitness, define_witnesses, majority_policy
from evote_local.testbed import eventually, lengthened, patiently
from evote_platform.clock import utc_now
from evote_platform.health import NotReady
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.merkle import Frontier, leaf_hash
from evote_tlog.policy import Policy, parse_policy
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

pytestmark = pytest.mark.stack


WORKS = None
LOST = (Fault.LOST, LogUnavailable("broken by a test"))
LANDED = (Fault.LANDED, LogUnavailable("broken by a test"))
FENCED = (Fault.LOST, Fenced("another"))


class FaultyWriter:
    """Breaks each publish that its script names, how, and with which word to the sequencer."""

    def __init__(self, writer: TransactionalProducer, script: Sequence[tuple[Fault, Exception] | None]) -> None:
        self._writer = writer
        self._script = iter(script)
        self.starts = 0
        self.broken = 0

    async def start(self) -> None:
        self.starts += 1
        await self._writer.start()

    async def stop(self) -> None:
        await self._writer.stop()

    async def publish_all(self, events: Sequence[EventData]) -> list[Record]:
        planned = next(self._script, WORKS)
        if planned is WORKS:
            return await self._writer.publish_all(events)
        self.broken += 1
        fault, failure = planned
        return await break_write(fault, lambda: self._writer.publish_all(events), failure)


class Stack:
    """One database and one Kafka, on which sequencers and projections run."""

    def __init__(self, kafka: KafkaSettings, database_url: str, pool: asyncpg.Pool, key: SigningKey) -> None:
        self.kafka, self.database_url, self.pool, self.key = kafka, database_url, pool, key
        self.producer = EventProducer(kafka, "test", utc_now)
        self.published: list[Record] = []

    def writer(self) -> TransactionalProducer:
        return TransactionalProducer(self.kafka, "ledger-anchor", utc_now, TRANSACTIONAL_ID)

    def sequencer(
        self,
        writer: Any,
        policy: Policy | None = None,
        *,
        metrics: SequencerMetrics | None = None,
        batch_interval_s: float = 0.05,
    ) -> Sequencer:
        return Sequencer(
            kafka=self.kafka,
            database_url=SecretStr(self.database_url),
            pool=self.pool,
            writer=writer,
            key=self.key,
            metrics=metrics or SequencerMetrics(CollectorRegistry()),
            batch_interval_s=batch_interval_s,
            policy=policy,
        )

    @asynccontextmanager
    async def running(self, *works: Any) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work.run()) for work in works]
        try:
            yield
            for task in tasks:
                assert not task.done(), task.exception()
        finally:
            # As evote_platform.background does: a task may lose a cancellation.
            while not all(task.done() for task in tasks):
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=1)

    def projection(self, projection: LedgerProjection | None = None) -> ProjectionRunner:
        projection = projection or LedgerProjection(self.key.verifier)
        return ProjectionRunner(
            self.kafka, self.pool, projection, self.producer, ProjectionMetrics(CollectorRegistry())
        )

    async def publish(self, event: EventData, partition: int | None = None) -> Record:
        record = await self.producer.publish(event, partition=partition)
        self.published.append(record)
        return record

    async def logged(self) -> int:
        return await newest_size(self.pool)

    async def log_of_kafka(self) -> list[LogEntry]:
        """The entries as Kafka tells them: continuous, each growth with the root of its entries."""
        tail = EventTail(self.kafka, [Topic.LEDGER])
        frontier, entries = Frontier(), []
        async for record in tail.read("earliest", until=await tail.end_offsets()):
            assert isinstance(record, Record)
            event = record.envelope.data
            assert isinstance(event, CheckpointSigned)
            assert event.previous_size == len(entries)
            entries += event.entries
            for entry in event.entries:
                frontier.append(bytes.fromhex(entry.leaf_hash))
            assert (event.size, event.root) == (len(entries), frontier.root().hex())
        return entries

    async def check_log(self, expected: Sequence[Record]) -> None:
        """Exactly the expected records, each once, each partition in its order."""
        entries = await self.log_of_kafka()
        places = [(entry.topic, entry.partition, entry.offset) for entry in entries]
        assert Counter(places) == Counter(
            (record.position.topic.value, record.position.partition, record.position.offset) for record in expected
        )
        by_place = {tuple(record.position): leaf_hash(record.value).hex() for record in expected}
        assert all(entry.leaf_hash == by_place[place] for entry, place in zip(entries, places, strict=True))
        for partition in {place[:2] for place in places}:
            offsets = [place[2] for place in places if place[:2] == partition]
            assert offsets == sorted(offsets)


@pytest.fixture
async def stack(kafka: KafkaSettings, database_url: str, pool: asyncpg.Pool, key: SigningKey) -> AsyncIterator[Stack]:
    stack = Stack(kafka, database_url, pool, key)
    await stack.producer.start()
    # Who starts and leads is counted: nobody stops to lead because the machine is busy.
    with lengthened("evote_ledger_anchor.leadership._ANSWERS_WITHIN_S"):
        yield stack
    await stack.producer.stop()


async def test_the_rules_hold_end_to_end(stack: Stack, events: Any) -> None:
    first = await stack.publish(events.ballot(1))
    partition = first.position.partition
    expected = [
        first,
        await stack.publish(events.credentials(0)),
        await stack.publish(events.closed()),
        await stack.publish(events.ballot(2)),
    ]
    await stack.publish(events.authenticated(1))
    await stack.publish(events.ballot(1))
    expected.append(await stack.publish(events.ballot(2, 3)))
    await stack.publish(events.ballot(2, 2))
    expected.append(await stack.publish(events.marker(partition), partition))
    await stack.publish(events.ballot(1, 2))
    expected.append(await stack.publish(events.ballot(1, election=events.other_election)))
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, len(expected)))
        late = await stack.publish(events.closed(election=events.other_election))
        await eventually(lambda: _at_least(stack, len(expected) + 1))
    await stack.check_log([*expected, late])


async def _at_least(stack: Stack, size: int) -> bool:
    return await stack.logged() >= size


class WatchedWriter(FaultyWriter):
    """Notes when it was last asked to write, in seconds of the monotonic clock."""

    asked_at = 0.0

    async def publish_all(self, events: Sequence[EventData]) -> list[Record]:
        self.asked_at = monotonic()
        return await super().publish_all(events)


async def test_the_delay_of_a_checkpoint_counts_what_a_record_waited_for_the_others(
    stack: Stack, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_POLL_MS", 60_000)  # however slow the machine is
    registry, writer = CollectorRegistry(), WatchedWriter(stack.writer(), [])

    def delays() -> float:
        return registry.get_sample_value("evote_ledger_checkpoint_delay_seconds_sum") or 0.0

    sequencer = stack.sequencer(writer, metrics=SequencerMetrics(registry), batch_interval_s=3.0)
    async with stack.running(stack.projection(), sequencer):
        await stack.publish(events.ballot(1))
        await eventually(lambda: _observed(delays, 0.0))
        before = delays()
        await stack.publish(events.ballot(2))
        acknowledged = monotonic()
        await eventually(lambda: _observed(delays, before))
        assert delays() - before >= writer.asked_at - acknowledged


async def _observed(delays: Callable[[], float], before: float) -> bool:
    return delays() > before


@pytest.mark.parametrize(
    "script",
    [
        [WORKS, LOST, LANDED, LOST],
        [WORKS, LANDED, WORKS, LANDED, LANDED],
        [FENCED, WORKS, FENCED],
    ],
)
async def test_broken_writes_neither_lose_nor_double_an_entry(
    stack: Stack, events: Any, script: list[tuple[Fault, Exception] | None]
) -> None:
    writer = FaultyWriter(stack.writer(), script)
    async with stack.running(stack.projection(), stack.sequencer(writer)):
        number = 0
        while writer.broken < len([fault for fault in script if fault is not WORKS]):
            await stack.publish(events.ballot(number))
            number += 1
            await asyncio.sleep(0.02)
        await eventually(lambda: _at_least(stack, number))
        await eventually(lambda: _started(writer, 1 + writer.broken))
    await stack.check_log(stack.published)


@pytest.mark.parametrize("broken", every_fault("ledger-anchor sequences"), ids=str)
async def test_a_checkpoint_whose_write_broke_is_in_the_log_once(
    stack: Stack, events: Any, broken: BrokenWrite
) -> None:
    for number in range(3):
        await stack.publish(events.ballot(number))
    async with stack.running(stack.projection()):
        with breaking(broken) as seen:
            async with stack.running(stack.sequencer(stack.writer())):
                await eventually(lambda: _at_least(stack, 3))
    assert seen.reached == [broken] and set(seen.names) == set(WRITES["ledger-anchor sequences"])
    await stack.check_log(stack.published)


async def test_a_duplicate_is_known_after_a_restart(stack: Stack, events: Any) -> None:
    for number in range(5):
        await stack.publish(events.ballot(number))
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, 5))
    expected = list(stack.published)
    expected.append(await stack.publish(events.marker(0), 0))
    for number in range(5):
        await stack.publish(events.ballot(number))
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, 6))
    expected.append(await stack.publish(events.closed()))
    for number in range(100, 130):
        record = await stack.publish(events.ballot(number))
        if record.position.partition != 0:
            expected.append(record)
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, len(expected)))
    await stack.check_log(expected)


class EntriesOnly(LedgerProjection):
    """A replica that projects the ledger but has not come to the sources yet."""

    topics = frozenset({Topic.LEDGER})


async def test_a_leader_stops_at_an_event_of_a_newer_release_and_leaves_it_to_one_that_knows_it(
    stack: Stack, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passed such a record by: a ballot was acknowledged, and in no log."""
    ballots = [await stack.publish(events.ballot(number), partition=0) for number in range(5)]
    newer = json.loads(ballots[0].value)
    newer["data"]["channel"] = "device"
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka.bootstrap_servers) as next_release:
        value = json.dumps(newer, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        await next_release.send_and_wait(stack.kafka.topic_name(Topic.BALLOTS), value, partition=0)
    await stack.publish(events.ballot(5), partition=0)
    leader = stack.sequencer(stack.writer())
    for work in (leader, stack.projection()):
        with pytest.raises(UnknownEvent):
            async with asyncio.timeout(100):
                await work.run()
    assert all(entry.offset < 5 for entry in await stack.log_of_kafka())
    with pytest.raises(NotReady):
        await leader.check()

    class NextBallotAccepted(BallotAccepted):
        channel: str = "paper"

    NextBallotAccepted.__name__ = BallotAccepted.__name__  # the type is named by it
    monkeypatch.setitem(envelope._CLASS_BY_TYPE, BallotAccepted.type_name(), NextBallotAccepted)
    async with stack.running(stack.sequencer(stack.writer()), stack.projection()):
        await eventually(lambda: _at_least(stack, 6))
    # Of the next release's copy of the first ballot the rules say what they say of any: it is in the log already.
    assert [entry.offset for entry in await stack.log_of_kafka()] == [0, 1, 2, 3, 4, 6]


async def test_a_new_leader_waits_for_what_the_tables_do_not_show_yet(stack: Stack, events: Any) -> None:
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await stack.publish(events.ballot(0))
        await eventually(lambda: _at_least(stack, 1))
        # The checkpoint may be projected before the record that it is of, for which the next leader would wait as well.
        await eventually(lambda: _records(stack, 1))
    async with stack.running(stack.sequencer(first_writer := FaultyWriter(stack.writer(), []))):
        for number in range(1, 6):
            await stack.publish(events.ballot(number))
        await eventually(lambda: _entries_in_kafka(stack, 6))
    assert first_writer.starts == 1
    assert await stack.logged() == 1, "nobody projects"
    expected = list(stack.published)
    await stack.publish(events.ballot(1))
    expected.append(await stack.publish(events.ballot(7)))
    second = stack.sequencer(writer := FaultyWriter(stack.writer(), []))
    async with stack.running(second):
        await eventually(lambda: _started(writer, 1))
        await asyncio.sleep(0.5)  # time to do the wrong thing
        async with stack.running(stack.projection(EntriesOnly(stack.key.verifier))):
            await eventually(lambda: _at_least(stack, 6))
            await asyncio.sleep(0.5)
        async with stack.running(stack.projection()):
            await eventually(lambda: _at_least(stack, 7))
    await stack.check_log(expected)


async def _records(stack: Stack, count: int) -> bool:
    return bool(await stack.pool.fetchval("SELECT count(*) FROM records") >= count)


async def _entries_in_kafka(stack: Stack, count: int) -> bool:
    return len(await stack.log_of_kafka()) >= count


async def test_of_two_sequencers_one_leads_and_the_other_takes_over(stack: Stack, events: Any) -> None:
    writers = [FaultyWriter(stack.writer(), []) for _ in range(2)]
    first, second = (stack.sequencer(writer) for writer in writers)
    async with stack.running(stack.projection()), AsyncExitStack() as leading:
        await leading.enter_async_context(stack.running(first))
        await eventually(lambda: _leads(writers[0]))
        async with stack.running(second):
            for number in range(20):
                await stack.publish(events.ballot(number))
            await eventually(lambda: _at_least(stack, 20))
            await second.check()
            assert [writer.starts for writer in writers] == [1, 0]
            await leading.aclose()
            for number in range(20, 40):
                await stack.publish(events.ballot(number))
            await eventually(lambda: _at_least(stack, 40))
            assert [writer.starts for writer in writers] == [1, 1]
    await stack.check_log(stack.published)


async def _leads(writer: FaultyWriter) -> bool:
    return writer.starts == 1


async def test_a_leader_whose_lock_is_gone_stops_and_nothing_is_doubled(stack: Stack, events: Any) -> None:
    writers = [FaultyWriter(stack.writer(), []) for _ in range(2)]
    async with stack.running(stack.projection(), *(stack.sequencer(writer) for writer in writers)):
        for round_ in range(3):
            for number in range(20):
                await stack.publish(events.ballot(round_ * 20 + number))
            await eventually(lambda size=round_ * 20 + 1: _at_least(stack, size))
            # The leader that wrote those may have lost its lock in the last round and be stopping: wait for the next.
            await eventually(lambda: _leader_is_cut_off(stack))
        await eventually(lambda: _at_least(stack, 60))
        await eventually(lambda: _started_in_all(writers, 3))
    await stack.check_log(stack.published)


async def _leader_is_cut_off(stack: Stack) -> bool:
    """Whether there was a leader's lock, which is gone now."""
    killed = await stack.pool.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'evote-ledger-sequencer' AND datname = current_database()"
        " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
    )
    assert killed <= 1, "two at once hold the lock"
    return killed == 1


async def _started_in_all(writers: Sequence[FaultyWriter], times: int) -> bool:
    return sum(writer.starts for writer in writers) >= times


@pytest.mark.slow
async def test_a_ballot_is_logged_after_an_outage_of_kafka_in_which_nothing_was_published(
    tmp_path: Path, database_url: str, pool: asyncpg.Pool, key: SigningKey, events: Any
) -> None:
    broker = KafkaNode(tmp_path / "kafka")
    broker.start()
    try:
        kafka = KafkaSettings(broker.bootstrap_servers)
        await create_topics(kafka, {topic: 2 if topic is Topic.BALLOTS else 1 for topic in Topic})
        stack = Stack(kafka, database_url, pool, key)
        await stack.producer.start()
        async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
            await stack.publish(events.ballot(1))
            await eventually(lambda: _at_least(stack, 1))
            broker.kill()
            await asyncio.sleep(15)  # longer than a request of a consumer's lasts
            broker.start()
            await patiently(lambda: _answers(kafka))
            await stack.publish(events.ballot(2))
            await eventually(lambda: _at_least(stack, 2))
        await stack.check_log(stack.published)
        await stack.producer.stop()
    finally:
        broker.kill()


async def _answers(kafka: KafkaSettings) -> bool:
    try:
        await EventTail(kafka, list(Topic)).end_offsets()
    except LogUnavailable:
        return False
    return True


async def test_a_sequencer_that_went_deaf_reads_on_with_another_consumer(
    stack: Stack, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brokers answer it whatever it asks, and none of its fetches comes back."""
    deaf: list[AIOKafkaClient] = []

    class DeafAtFirst(EventTail):
        @asynccontextmanager
        async def _consumer(self) -> AsyncIterator[Any]:
            async with super()._consumer() as (consumer, partitions):
                if self._round_s and not deaf:
                    deaf.append(consumer._client)
                yield consumer, partitions

    async def sent(client: AIOKafkaClient, node: int, request: object, **options: object) -> object:
        if isinstance(request, FetchRequest) and client in deaf:
            await asyncio.get_running_loop().create_future()
        return await send(client, node, request, **options)

    send = AIOKafkaClient.send
    monkeypatch.setattr(AIOKafkaClient, "send", sent)
    monkeypatch.setattr(sequencers, "EventTail", DeafAtFirst)
    monkeypatch.setattr(hearing, "ASKED_EVERY_S", 0.2)
    monkeypatch.setattr(hearing, "DEAF_AFTER_S", 1.0)
    await stack.publish(events.ballot(1))
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, 1))
    assert deaf
    await stack.check_log(stack.published)


async def test_a_zombie_that_still_believes_to_lead_cannot_write(stack: Stack, events: Any) -> None:
    """The old leader's producer is alive and has entries in hand; its lock went unnoticed."""
    for number in range(3):
        await stack.publish(events.ballot(number))
    zombie = stack.writer()
    await zombie.start()
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, 3))
        with pytest.raises((Fenced, LogUnavailable)):
            await zombie.publish_all([events.closed()])
        await stack.publish(events.ballot(3))
        await eventually(lambda: _at_least(stack, 4))
    await zombie.stop()
    await stack.check_log(stack.published)


async def test_a_forged_checkpoint_in_kafka_stops_nobody(stack: Stack, events: Any) -> None:
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await stack.publish(events.ballot(1))
        await eventually(lambda: _at_least(stack, 1))
        await stack.producer.publish(
            CheckpointSigned(
                origin=stack.key.verifier.name, previous_size=1, size=1, root="0" * 64, note="forged", entries=()
            )
        )
        await stack.publish(events.ballot(2))
        await eventually(lambda: _at_least(stack, 2))
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await stack.publish(events.ballot(3))
        await eventually(lambda: _at_least(stack, 3))
    assert await stack.pool.fetchval("SELECT count(*) FROM entries") == 3


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE tiles SET hashes = set_byte(hashes, 0, 1 - get_byte(hashes, 0) % 2)",
        "DELETE FROM tiles; DELETE FROM entries; DELETE FROM checkpoints",
        "UPDATE checkpoints SET size = size + 1",
    ],
)
async def test_a_leader_signs_nothing_over_tables_that_were_changed(stack: Stack, events: Any, tampering: str) -> None:
    for number in range(3):
        await stack.publish(events.ballot(number))
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, 3))
    signed = await stack.log_of_kafka()
    await stack.pool.execute(tampering)
    writer = FaultyWriter(stack.writer(), [])
    sequencer = stack.sequencer(writer)
    async with stack.running(stack.projection(), sequencer):
        await stack.publish(events.ballot(9))
        await eventually(lambda: _started(writer, 3))
        with pytest.raises(NotReady):
            await sequencer.check()
    assert await stack.log_of_kafka() == signed


async def _started(writer: FaultyWriter, times: int) -> bool:
    return writer.starts >= times


@pytest.fixture
def witnesses(tmp_path: Path, key: SigningKey) -> Iterator[list[LocalWitness]]:
    started = define_witnesses(tmp_path, 3, key.verifier)
    for witness in started:
        witness.start()
    # A leader goes on without a witness that doesn't answer in time; those here do, busy as the machine may be.
    with lengthened(
        "evote_ledger_anchor.continuation.PATIENCE_S", "evote_ledger_anchor.witness_client.ANSWER_TIMEOUT_S"
    ):
        yield started
    for witness in started:
        witness.stop()


async def _cosign_more(policy: Policy, witness: LocalWitness, key: SigningKey) -> None:
    """The witness has seen the log at a size that it hasn't any more here."""
    frontier = Frontier()
    for number in range(9):
        frontier.append(leaf_hash(b"lost %d" % number))
    newest = StoredCheckpoint(9, key.sign(Checkpoint(key.verifier.name, 9, frontier.root())))
    member = next(member for member in policy.witnesses if member.name == witness.name)

    async def nothing_before(first: int, second: int) -> Sequence[bytes]:
        return ()

    async with open_http() as http:
        await WitnessClient(member, http).cosign(newest, nothing_before)


@pytest.mark.parametrize("before", [0, 3], ids=["an empty log", "an older copy"])
async def test_a_log_that_is_shorter_than_a_quorum_of_witnesses_saw_is_not_gone_on_with(
    stack: Stack, events: Any, witnesses: list[LocalWitness], before: int
) -> None:
    """Volumes of an earlier time were put back: a second history would be signed at sizes that are cosigned."""
    policy = parse_policy(majority_policy(witnesses, stack.key.verifier))
    for number in range(before):
        await stack.publish(events.ballot(number))
    async with stack.running(stack.projection(), stack.sequencer(stack.writer())):
        await eventually(lambda: _at_least(stack, before))
    for witness in witnesses[:2]:
        await _cosign_more(policy, witness, stack.key)
    await stack.publish(events.ballot(before))
    writer = FaultyWriter(stack.writer(), [])
    sequencer = stack.sequencer(writer, policy)
    async with stack.running(stack.projection(), sequencer):
        await eventually(lambda: _started(writer, 3))  # it has tried twice, and given up
        await eventually(lambda: _says(sequencer, "LogRolledBack"))
        assert await stack.logged() == before
        # Who is away says nothing, and one witness alone can hold nobody up.
        witnesses[0].stop()
        await eventually(lambda: _at_least(stack, before + 1))
    assert len(await stack.log_of_kafka()) == before + 1


async def _says(sequencer: Sequencer, trouble: str) -> bool:
    try:
        await sequencer.check()
    except NotReady as said:
        return trouble in str(said)
    return False


async def test_a_log_that_witnesses_have_seen_less_of_goes_on(
    stack: Stack, events: Any, witnesses: list[LocalWitness]
) -> None:
    policy = parse_policy(majority_policy(witnesses, stack.key.verifier))
    for number in range(3):
        await stack.publish(events.ballot(number))
    for size in (3, 4):  # new to the witnesses, then one behind
        async with stack.running(stack.projection(), stack.sequencer(stack.writer(), policy)):
            await eventually(lambda size=size: _at_least(stack, size))
        await stack.publish(events.ballot(size))
    await stack.check_log(stack.published[:4])
