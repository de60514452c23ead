"""How fast a backlog is sequenced and projected, and how soon a checkpoint covers a ballot at a steady pace.

    python services/ledger-anchor/benchmarks/bench_sequencing.py [--backlog 20000] [--pace 50] [--seconds 20]

Starts a Kafka and a PostgreSQL of its own in a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import evote_ledger_anchor
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.consumer import ProjectionMetrics, ProjectionRunner
from evote_eventlog.events import BallotAccepted, CheckpointSigned, LogEntry, Topic
from evote_eventlog.kafka import KafkaSettings, create_topics
from evote_eventlog.producer import EventProducer, TransactionalProducer
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_ledger_anchor.metrics import SequencerMetrics
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.sequencer import TRANSACTIONAL_ID, Sequencer
from evote_ledger_anchor.store import newest_size
from evote_local.kafka import KafkaNode
from evote_local.postgres import PostgresServer
from evote_platform.clock import utc_now
from evote_platform.database import migrate, open_pool
from evote_tlog.checkpoint import SigningKey
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from tqdm import tqdm

BALLOT_BYTES = 2500  # about an Ed25519 ballot of one question with three answers


def ballot(number: int) -> BallotAccepted:
    text = f"{number:010}".ljust(BALLOT_BYTES, "x")
    tracker = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return BallotAccepted(election_uuid="1" * 14, credential=str(number), tracker=tracker, ballot=text)


async def backlog(producer: EventProducer, count: int) -> None:
    for start in tqdm(range(0, count, 500), desc="publishing", unit="×500"):
        await asyncio.gather(*(producer.publish(ballot(number)) for number in range(start, min(start + 500, count))))


async def covered(kafka: KafkaSettings, since: int) -> dict[tuple[int, int], float]:
    """When (Kafka's time, seconds) the checkpoint over each ballot was written."""
    tail = EventTail(kafka, [Topic.LEDGER])
    moments: dict[tuple[int, int], float] = {}
    async for record in tail.read("earliest", until=await tail.end_offsets()):
        if isinstance(record, Record) and isinstance(event := record.envelope.data, CheckpointSigned):
            entries: tuple[LogEntry, ...] = event.entries if event.previous_size >= since else ()
            moments |= {(entry.partition, entry.offset): record.timestamp.timestamp() for entry in entries}
    return moments


async def measure(kafka: KafkaSettings, url: SecretStr, arguments: argparse.Namespace) -> None:
    await asyncio.to_thread(migrate, url, "ledger", Path(evote_ledger_anchor.__file__).parent / "migrations")
    key = SigningKey("bench.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    producer = EventProducer(kafka, "bench", utc_now)
    await producer.start()
    async with await open_pool(url, "ledger") as pool:
        await backlog(producer, arguments.backlog)
        registry = CollectorRegistry()
        projection = ProjectionRunner(
            kafka, pool, LedgerProjection(key.verifier), producer, ProjectionMetrics(registry)
        )
        sequencer = Sequencer(
            kafka=kafka,
            database_url=url,
            pool=pool,
            writer=TransactionalProducer(kafka, "bench", utc_now, TRANSACTIONAL_ID),
            key=key,
            clock=utc_now,
            metrics=SequencerMetrics(registry),
            batch_interval_s=0.25,
        )
        began = time.perf_counter()
        tasks = [asyncio.create_task(work.run()) for work in (projection, sequencer)]
        while await newest_size(pool) < arguments.backlog:  # noqa: ASYNC110 - another task's work
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - began
        print(
            f"backlog of {arguments.backlog}: {arguments.backlog / seconds:.0f} entries/s, {seconds:.1f} s, "
            "sequenced, signed and projected, start of both included"
        )
        published: dict[tuple[int, int], float] = {}

        async def publish(number: int) -> None:
            record = await producer.publish(ballot(number))
            published[record.position.partition, record.position.offset] = record.timestamp.timestamp()

        async with asyncio.TaskGroup() as publishing:
            for number in tqdm(range(arguments.pace * arguments.seconds), desc="pacing", unit="ballot"):
                publishing.create_task(publish(arguments.backlog + number))
                await asyncio.sleep(1 / arguments.pace)
        while await newest_size(pool) < arguments.backlog + len(published):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        moments = await covered(kafka, arguments.backlog)
        delays = sorted(moments[place] - at for place, at in published.items())
        cut = statistics.quantiles(delays, n=100)
        print(
            f"{arguments.pace} ballots/s: covered by a checkpoint after p50 {cut[49]:.3f} s, "
            f"p99 {cut[98]:.3f} s, at most {delays[-1]:.3f} s"
        )
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    await producer.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backlog", type=int, default=20_000)
    parser.add_argument("--pace", type=int, default=50, help="ballots a second")
    parser.add_argument("--seconds", type=int, default=20)
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
