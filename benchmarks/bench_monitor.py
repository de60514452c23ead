"""How long one pass of the monitor takes, and how long it keeps other tasks waiting.

    python benchmarks/bench_monitor.py [--entries 10000] [--entries-each 5]

Starts a Kafka and a PostgreSQL of its own in a temporary folder, and fills them with a log.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.events import BallotAccepted, LogEntry
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
from evote_local.testbed import begun_cast
from evote_platform.clock import utc_now
from evote_platform.database import migrate, open_pool
from evote_tlog.checkpoint import SigningKey
from evote_tlog.merkle import Frontier, leaf_hash
from pydantic import SecretStr
from tqdm import tqdm

BALLOT_BYTES = 2500  # about an Ed25519 ballot of one question with three answers
_BLINK_S = 0.005


def ballot(number: int) -> BallotAccepted:
    return begun_cast(number, rest=f'"padding":"{"x" * BALLOT_BYTES}"')


async def fill(producer: EventProducer, key: SigningKey, entries: int, each: int) -> None:
    """Ballots, and a checkpoint over every few of them, as on a day when they come slowly."""
    frontier = Frontier()
    for start in tqdm(range(0, entries, 500), desc="publishing", unit="×500"):
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
            for event in sign_checkpoints(frontier, log[at : at + each], key):
                await producer.publish(event)


async def longest_wait(waits: list[float]) -> None:
    """How late a task comes that wants to go on all the time."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_BLINK_S)
        waits.append(time.perf_counter() - before - _BLINK_S)


async def measure(kafka: KafkaSettings, url: SecretStr, arguments: argparse.Namespace) -> None:
    await asyncio.to_thread(migrate, url, SCHEMA)
    key = SigningKey("bench.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    producer = EventProducer(kafka, "bench", utc_now)
    await producer.start()
    async with await open_pool(url, "ledger") as pool:
        await fill(producer, key, arguments.entries, arguments.entries_each)
        await replay(kafka, pool, LedgerProjection(key.verifier), lambda done, total: None)
        passes = Passes(kafka, pool, Notes(key.verifier), [])
        for name in ("first pass", "later pass"):
            waits: list[float] = []
            blinking = asyncio.create_task(longest_wait(waits))
            began, cpu = time.perf_counter(), time.process_time()
            report = await passes.run(None)
            seconds, busy = time.perf_counter() - began, time.process_time() - cpu
            blinking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await blinking
            print(
                f"{name} over {report.size} entries: {seconds:.2f} s, {busy:.2f} s of a core, "
                f"other tasks waited {max(waits) * 1000:.0f} ms at most, {len(report.findings)} findings"
            )
    await producer.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--entries-each", type=int, default=5, help="how many a checkpoint covers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evote-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        directory.chmod(0o755)  # PostgreSQL's unprivileged user has to enter
        node, server = KafkaNode(directory / "kafka"), PostgresServer(directory / "postgres")
        try:
            node.start()
            server.start()
            kafka = KafkaSettings(node.bootstrap_servers)

            async def run() -> None:
                await create_topics(kafka)
                await measure(kafka, SecretStr(server.create_database("bench")), arguments)

            asyncio.run(run())
        finally:
            server.kill()
            node.kill()


if __name__ == "__main__":
    main()
