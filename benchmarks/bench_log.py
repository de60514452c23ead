"""How many entries a second the log takes, part by part, and how soon a checkpoint covers a ballot at a steady pace.

``make bench-log [ENTRIES=50000]`` starts a Kafka and a PostgreSQL of its own in a temporary folder. Each part works off
a backlog that stands in Kafka when it starts; its clock runs from the first record it touches to the last commit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import resource
import statistics
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_belenios.admission import examine_cast, examine_casts
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.envelope import Envelope, decode, encode
from evote_eventlog.events import BallotAccepted, CheckpointSigned, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_eventlog.topics import create_topics
from evote_eventlog.transactional import TransactionalProducer
from evote_ledger_anchor.metrics import SequencerMetrics
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.sequencer import TRANSACTIONAL_ID, Sequencer
from evote_ledger_anchor.service import SCHEMA
from evote_ledger_anchor.store import newest_size
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.postgres import PostgresServer
from evote_local.referendum.taken import taken_by
from evote_local.testbed import begun_cast
from evote_platform.clock import utc_now
from evote_platform.database import migrate, open_pool
from evote_platform.server import collect_seldom
from evote_tlog.checkpoint import SigningKey
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from tqdm import tqdm

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

KEY = SigningKey("bench.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
BATCH_INTERVAL_S = 0.5
_SHARED = 2000
Work = Callable[[], Coroutine[Any, Any, None]]
Progress = tuple[int, ...]
"""How many entries each part of the work has done."""


def ballot_rest() -> str:
    """What an Ed25519 ballot with three answers has beside its beginning, in shape and size."""
    source = random.Random(1)

    def scalar() -> str:
        return str(source.getrandbits(252))

    def proof() -> dict[str, str]:
        return {"challenge": scalar(), "response": scalar()}

    choices = [{"alpha": source.randbytes(32).hex(), "beta": source.randbytes(32).hex()} for _ in range(3)]
    answer = {
        "choices": choices,
        "individual_proofs": [[proof(), proof()] for _ in choices],
        "overall_proof": [proof()],
    }
    signature = {"hash": "A" * 43, "proof": proof()}
    return json.dumps({"answers": [answer], "signature": signature}, separators=(",", ":"))[1:-1]


REST = ballot_rest()


def ballot(number: int) -> BallotAccepted:
    """The event of one voter's ballot."""
    return begun_cast(number, rest=REST)


def shares() -> list[Row]:
    """What two parts of the work take for an entry, by themselves, in microseconds of a processor."""
    ballots = [ballot(number) for number in range(_SHARED)]
    values = [encode(Envelope.wrap(cast, id=cast.tracker, source="bench", time=utc_now())) for cast in ballots]

    def each_us(work: Callable[[], object]) -> float:
        before = time.process_time()
        work()
        return (time.process_time() - before) / _SHARED * 1e6

    return [
        [
            "a record read, by the sequencer and by the projection each",
            each_us(lambda: [decode(one) for one in values]),
        ],
        [
            "what a record says by itself, its order statement too, verified by the sequencer: one by one",
            each_us(lambda: deque(map(examine_cast, ballots), maxlen=0)),
        ],
        [
            "the same, a fetch at once, beside Python's lock",
            each_us(lambda: examine_casts(ballots)),
        ],
    ]


class Bench:
    """One Kafka and one PostgreSQL; each part of the log in topics and a database of its own."""

    def __init__(self, node: KafkaNode, server: PostgresServer, entries: int) -> None:
        self._node, self._server, self._entries = node, server, entries
        self.rows: list[Row] = []
        """Of the table: what was measured so far."""

    @asynccontextmanager
    async def fresh(self, name: str) -> AsyncIterator[tuple[KafkaSettings, EventProducer]]:
        """Topics with a backlog of ballots, and a producer for them."""
        kafka = KafkaSettings(self._node.bootstrap_servers, f"{name}.")
        await create_topics(kafka)
        producer = EventProducer(kafka, "bench", utc_now)
        await producer.start()
        for start in tqdm(range(0, self._entries, 500), desc=f"{name}: publishing", unit="×500", mininterval=1):
            numbers = range(start, min(start + 500, self._entries))
            await asyncio.gather(*(producer.publish(ballot(number)) for number in numbers))
        yield kafka, producer
        await producer.stop()

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator[tuple[SecretStr, asyncpg.Pool]]:
        """An empty database with the tables of ledger-anchor."""
        url = SecretStr(await asyncio.to_thread(self._server.create_database, name))
        await asyncio.to_thread(migrate, url, SCHEMA)
        async with await open_pool(url, "ledger") as pool:
            yield url, pool

    @asynccontextmanager
    async def running(self, *works: Work) -> AsyncIterator[None]:
        """The works as tasks, until the block ends."""
        tasks = [asyncio.create_task(work()) for work in works]
        yield
        while not all(task.done() for task in tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1)

    async def measure(self, part: str, progress: Callable[[], Awaitable[Progress]]) -> None:
        """Wait until all is done and print the rate, from the last moment at which nothing was."""
        began, cpu = time.perf_counter(), time.process_time()
        while max(await progress()) == 0:
            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.005)
        while min(await progress()) < self._entries:  # noqa: ASYNC110 - another task's work
            await asyncio.sleep(0.02)
        seconds, busy = time.perf_counter() - began, time.process_time() - cpu
        print(f"{part}: {self._entries / seconds:,.0f} entries/s", flush=True)
        self.rows.append([part, self._entries / seconds, busy / seconds, busy / self._entries * 1e6])


def sequencer(kafka: KafkaSettings, url: SecretStr, pool: asyncpg.Pool, metrics: SequencerMetrics) -> Sequencer:
    """As the service runs it."""
    return Sequencer(
        kafka=kafka,
        database_url=url,
        pool=pool,
        writer=TransactionalProducer(kafka, "bench", utc_now, TRANSACTIONAL_ID),
        key=KEY,
        metrics=metrics,
        batch_interval_s=BATCH_INTERVAL_S,
    )


def projection(kafka: KafkaSettings, pool: asyncpg.Pool, producer: EventProducer) -> ProjectionRunner:
    """As the service runs it."""
    metrics = ProjectionMetrics(CollectorRegistry())
    return ProjectionRunner(kafka, pool, LedgerProjection(KEY.verifier), producer, metrics)


async def projected(pool: asyncpg.Pool) -> Progress:
    """How many entries and how many ballots the tables show."""
    row = await pool.fetchrow(
        "SELECT coalesce((SELECT max(size) FROM checkpoints), 0)::bigint AS entries,"
        " coalesce((SELECT sum(next_offset) FROM consumer_offsets WHERE topic = $1), 0)::bigint AS ballots",
        Topic.BALLOTS.value,
    )
    assert row is not None
    return row["entries"], row["ballots"]


async def apart(bench: Bench) -> None:
    """The sequencer without a projection, then the projection of what it wrote."""
    async with bench.fresh("apart") as (kafka, producer):
        async with bench.database("sequencer") as (url, pool):
            metrics = SequencerMetrics(CollectorRegistry())

            async def sequenced() -> Progress:
                size = metrics.size._value.get()
                return (0 if math.isnan(size) else int(size),)  # it isn't a number before the sequencer has looked

            async with bench.running(sequencer(kafka, url, pool, metrics).run):
                await bench.measure("sequencer alone", sequenced)
        async with bench.database("projection") as (_, pool), bench.running(projection(kafka, pool, producer).run):
            await bench.measure("projection alone", partial(projected, pool))


async def together(bench: Bench, pace: int, seconds: int, entries: int) -> Row:
    """Both in one process, as the service runs them, and then a steady pace."""
    async with bench.fresh("together") as (kafka, producer), bench.database("together") as (url, pool):
        works = (
            projection(kafka, pool, producer).run,
            sequencer(kafka, url, pool, SequencerMetrics(CollectorRegistry())).run,
        )
        async with bench.running(*works):
            await bench.measure("both in one process", partial(projected, pool))
            return await steady(kafka, producer, pool, range(entries, entries + pace * seconds), pace)


async def steady(kafka: KafkaSettings, producer: EventProducer, pool: asyncpg.Pool, numbers: range, pace: int) -> Row:
    """From when a ballot was written to when the checkpoint over it was."""
    published: dict[tuple[int, int], float] = {}

    async def publish(number: int) -> None:
        began = time.time()  # events tell no more than the minute of a ballot
        record = await producer.publish(ballot(number))
        published[record.position.partition, record.position.offset] = began

    async with asyncio.TaskGroup() as publishing:
        for number in tqdm(numbers, desc="pacing", unit="ballot", mininterval=1):
            publishing.create_task(publish(number))
            await asyncio.sleep(1 / pace)
    while await newest_size(pool) < numbers.stop:  # noqa: ASYNC110 - another task's work
        await asyncio.sleep(0.02)
    moments = await covered(kafka)
    delays = sorted(moments[place] - at for place, at in published.items())
    cut = statistics.quantiles(delays, n=100)
    return [f"{pace} ballots a second, cast to checkpoint", *(s * 1000 for s in (cut[49], cut[98], delays[-1]))]


async def covered(kafka: KafkaSettings) -> dict[tuple[int, int], float]:
    """When (seconds since 1970) the checkpoint over each ballot was written."""
    tail = EventTail(kafka, [Topic.LEDGER])
    moments: dict[tuple[int, int], float] = {}
    async for record in tail.read("earliest", until=await tail.end_offsets()):
        if isinstance(record, Record) and isinstance(event := record.envelope.data, CheckpointSigned):
            at = record.envelope.time.timestamp()
            moments |= {(entry.partition, entry.offset): at for entry in event.entries}
    return moments


def parse_arguments() -> Any:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=50_000)
    parser.add_argument("--pace", type=int, default=50, help="ballots a second")
    parser.add_argument("--seconds", type=int, default=20)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    taken = taken_by(f"make bench-log ENTRIES={arguments.entries}")
    with tempfile.TemporaryDirectory(prefix="evote-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        directory.chmod(0o755)  # PostgreSQL's unprivileged user has to enter
        node, server = KafkaNode(directory / "kafka"), PostgresServer(directory / "postgres")
        try:
            node.start()
            server.start()
            print(f"{os.cpu_count()} cores; {arguments.entries:,} ballots; Kafka and PostgreSQL on the same machine")
            bench = Bench(node, server, arguments.entries)

            async def run() -> Row:
                await apart(bench)
                return await together(bench, arguments.pace, arguments.seconds, arguments.entries)

            collect_seldom()
            paced = uvloop.run(run())  # both as the service does
        finally:
            server.kill()
            node.kill()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tell(
        "log",
        taken,
        f"{arguments.entries:,} ballots of 3 KB, each with the voter's signed order statement, which the sequencer "
        "verifies, from Kafka's records to committed `CheckpointSigned` events and tables. Kafka and PostgreSQL share "
        f"the cores. This process took {peak_mb:,.0f} MB at most.",
        Table(["", "entries/s", "of a core, in this process", "µs of it an entry"], bench.rows),
        Table(["of it, by itself", "µs of a processor an entry"], shares()),
        Table(["", "p50 ms", "p99 ms", "max ms"], [paced]),
    )


if __name__ == "__main__":
    main()
