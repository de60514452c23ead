"""How long one pass of the monitor takes, how long it keeps other tasks waiting, and what memory it takes for an entry.

``make bench-monitor [ENTRIES=2500] [ENTRIES_EACH=5]`` starts a Kafka and a PostgreSQL of its own in a temporary folder,
and fills them with a log, then with four times as much. Memory is counted at both sizes, so that what an entry takes is
the difference: what does not grow cancels. Counted are the sizes of Python's objects (tracemalloc), at the peak of a
pass and after it. The process holds more, by what its allocators keep; of this one that would say nothing, since it has
made the log.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.events import (
    AnchorVerified,
    BallotAccepted,
    CheckpointAnchored,
    CheckpointSigned,
    CheckpointWitnessed,
    EventData,
    LogEntry,
)
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.replay import replay
from evote_eventlog.topics import create_topics
from evote_ledger_anchor.domain import sign_checkpoints
from evote_ledger_anchor.monitor.notes import Notes
from evote_ledger_anchor.monitor.passes import Passes
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.service import SCHEMA
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.postgres import PostgresServer
from evote_local.referendum.taken import taken_by
from evote_local.testbed import begun_cast
from evote_platform.clock import utc_now
from evote_platform.database import migrate, open_pool
from evote_tlog.checkpoint import SigningKey
from evote_tlog.merkle import Frontier, leaf_hash
from pydantic import SecretStr
from tqdm import tqdm

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

BALLOT_BYTES = 2500  # about an Ed25519 ballot of one question with three answers
BLOCK_TIME = "2026-11-25T00:00:00.000Z"
_BLINK_S = 0.005


def ballot(number: int) -> BallotAccepted:
    return begun_cast(number, rest=f'"padding":"{"x" * BALLOT_BYTES}"')


async def fill(producer: EventProducer, key: SigningKey, frontier: Frontier, entries: int, each: int) -> None:
    """Ballots up to a number; over every few of them a checkpoint with witnesses and anchor, as on a slow day."""
    for start in tqdm(range(frontier.size, entries, 500), desc="publishing", unit="×500"):
        numbers = range(start, min(start + 500, entries))
        records = await asyncio.gather(*(producer.publish(ballot(number)) for number in numbers))
        log = [
            LogEntry(
                topic=record.position.topic.value,
                partition=record.position.partition,
                offset=record.position.offset,
                leaf_hash=leaf_hash(record.value).hex(),
            )
            for record in sorted(records, key=lambda record: record.position)
        ]
        for at in range(0, len(log), each):
            for signed in sign_checkpoints(frontier, log[at : at + each], key):
                for event in (signed, *vouched(signed)):
                    await producer.publish(event)


def vouched(signed: CheckpointSigned) -> list[EventData]:
    """What witnesses and a chain add to a checkpoint."""
    where: dict[str, Any] = {
        "origin": signed.origin,
        "chain": "ethereum",
        "ledger": "eip155:1:0x" + "0" * 40,
        "size": signed.size,
        "root": signed.root,
        "transaction": "0x" + signed.root,
        "block": signed.size,
        "block_hash": "0x" + signed.root,
    }
    return [
        CheckpointWitnessed(origin=signed.origin, size=signed.size, note=signed.note),
        CheckpointAnchored(**where, block_time=BLOCK_TIME, anchorer="0x" + "0" * 40),
        AnchorVerified(**where),
    ]


async def longest_wait(waits: list[float]) -> None:
    """How late a task comes that wants to go on all the time."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_BLINK_S)
        waits.append(time.perf_counter() - before - _BLINK_S)


@dataclass(frozen=True)
class Memory:
    """Bytes of the objects that came with a first pass: at its peak, and of those that stay."""

    peak: int
    kept: int


async def timed(passes: Passes, name: str) -> Row:
    waits: list[float] = []
    blinking = asyncio.create_task(longest_wait(waits))
    began, cpu = time.perf_counter(), time.process_time()
    report = await passes.run(None)
    seconds, busy = time.perf_counter() - began, time.process_time() - cpu
    blinking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await blinking
    assert not report.findings, "the log is as it was made"
    return [f"{name} over {report.size:,} entries", seconds, busy, max(waits) * 1000]


async def weighed(passes: Passes) -> Memory:
    gc.collect()
    tracemalloc.start()
    try:
        await passes.run(None)
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Memory(peak, kept)


async def measure(kafka: KafkaSettings, url: SecretStr, arguments: argparse.Namespace) -> list[Table]:
    await asyncio.to_thread(migrate, url, SCHEMA)
    key = SigningKey("bench.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    producer = EventProducer(kafka, "bench", utc_now)
    await producer.start()
    frontier = Frontier()
    seen: list[tuple[int, Memory]] = []
    passed: list[Row] = []
    async with await open_pool(url, "ledger") as pool:
        for entries in (arguments.entries, 4 * arguments.entries):
            await fill(producer, key, frontier, entries, arguments.entries_each)
            await replay(kafka, pool, LedgerProjection(key.verifier), lambda done, total: None)
            passes = Passes(kafka, pool, Notes(key.verifier), [])
            passed += [await timed(passes, "first pass"), await timed(passes, "later pass")]
            seen.append((entries, await weighed(Passes(kafka, pool, Notes(key.verifier), []))))
    await producer.stop()
    (small, less), (large, more) = seen
    growth = large - small
    grown = f"an entry, from {small:,} to {large:,} with a checkpoint each {arguments.entries_each}"
    return [
        Table(["", "s", "s of a core", "ms that other tasks waited, at most"], passed),
        Table(
            ["bytes of Python's objects", "at the peak of a pass", "kept between passes"],
            [[grown, (more.peak - less.peak) / growth, (more.kept - less.kept) / growth]],
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=2500, help="of the smaller log")
    parser.add_argument("--entries-each", type=int, default=5, help="how many a checkpoint covers")
    arguments = parser.parse_args()
    taken = taken_by(f"make bench-monitor ENTRIES={arguments.entries} ENTRIES_EACH={arguments.entries_each}")
    with tempfile.TemporaryDirectory(prefix="evote-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        directory.chmod(0o755)  # PostgreSQL's unprivileged user has to enter
        node, server = KafkaNode(directory / "kafka"), PostgresServer(directory / "postgres")
        try:
            node.start()
            server.start()
            kafka = KafkaSettings(node.bootstrap_servers)

            async def run() -> list[Table]:
                await create_topics(kafka)
                return await measure(kafka, SecretStr(server.create_database("bench")), arguments)

            found = asyncio.run(run())
        finally:
            server.kill()
            node.kill()
    tell(
        "monitor",
        taken,
        "A pass reads everything, so that it grows with the log. Kafka and PostgreSQL share the cores.",
        *found,
    )


if __name__ == "__main__":
    main()
