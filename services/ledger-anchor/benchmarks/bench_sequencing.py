"""How fast a backlog is sequenced and projected, and how soon a ballot is covered, and witnessed, at a steady pace.

    python services/ledger-anchor/benchmarks/bench_sequencing.py [--backlog 20000] [--pace 50] [--seconds 20]

Starts a Kafka, a PostgreSQL and three witnesses, of which two must cosign, in a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import bisect
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import evote_ledger_anchor
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.consumer import ProjectionMetrics, ProjectionRunner
from evote_eventlog.events import BallotAccepted, CheckpointSigned, CheckpointWitnessed, Topic
from evote_eventlog.kafka import KafkaSettings, create_topics
from evote_eventlog.producer import EventProducer, TransactionalProducer
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_ledger_anchor.metrics import SequencerMetrics, WitnessMetrics
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.sequencer import TRANSACTIONAL_ID, Sequencer
from evote_ledger_anchor.store import newest_size, newest_witnessed
from evote_ledger_anchor.witnessing import Witnessing
from evote_local.kafka import KafkaNode
from evote_local.postgres import PostgresServer
from evote_local.witnesses import define_witnesses, majority_policy
from evote_platform.clock import utc_now
from evote_platform.database import migrate, open_pool
from evote_tlog.checkpoint import SigningKey
from evote_tlog.policy import Policy, parse_policy
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from tqdm import tqdm

KEY = SigningKey("bench.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
BALLOT_BYTES = 2500  # about an Ed25519 ballot of one question with three answers


def ballot(number: int) -> BallotAccepted:
    text = f"{number:010}".ljust(BALLOT_BYTES, "x")
    tracker = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return BallotAccepted(election_uuid="1" * 14, credential=str(number), tracker=tracker, ballot=text)


async def backlog(producer: EventProducer, count: int) -> None:
    for start in tqdm(range(0, count, 500), desc="publishing", unit="×500"):
        await asyncio.gather(*(producer.publish(ballot(number)) for number in range(start, min(start + 500, count))))


async def covered(kafka: KafkaSettings) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
    """When (Kafka's time, seconds) the checkpoint over each ballot was written, and when a witnessed one was."""
    tail = EventTail(kafka, [Topic.LEDGER])
    indices: dict[tuple[int, int], int] = {}
    signed: dict[tuple[int, int], float] = {}
    witnessed: list[tuple[int, float]] = []
    async for record in tail.read("earliest", until=await tail.end_offsets()):
        if not isinstance(record, Record):
            continue
        moment = record.timestamp.timestamp()
        match record.envelope.data:
            case CheckpointSigned() as event:
                for index, entry in enumerate(event.entries, start=event.previous_size):
                    indices[entry.partition, entry.offset] = index
                    signed[entry.partition, entry.offset] = moment
            case CheckpointWitnessed() as event:
                witnessed.append((event.size, moment))
    sizes = [size for size, _ in witnessed]
    return signed, {place: witnessed[bisect.bisect_right(sizes, index)][1] for place, index in indices.items()}


def report(
    pace: int, what: str, published: dict[tuple[int, int], float], moments: dict[tuple[int, int], float]
) -> None:
    delays = sorted(moments[place] - at for place, at in published.items())
    cut = statistics.quantiles(delays, n=100)
    print(f"{pace} ballots/s: {what} after p50 {cut[49]:.3f} s, p99 {cut[98]:.3f} s, at most {delays[-1]:.3f} s")


async def measure(kafka: KafkaSettings, url: SecretStr, policy: Policy, arguments: argparse.Namespace) -> None:
    await asyncio.to_thread(migrate, url, "ledger", Path(evote_ledger_anchor.__file__).parent / "migrations")
    producer = EventProducer(kafka, "bench", utc_now)
    await producer.start()
    async with await open_pool(url, "ledger") as pool:
        await backlog(producer, arguments.backlog)
        registry = CollectorRegistry()
        projection = ProjectionRunner(
            kafka, pool, LedgerProjection(KEY.verifier), producer, ProjectionMetrics(registry)
        )
        sequencer = Sequencer(
            kafka=kafka,
            database_url=url,
            pool=pool,
            writer=TransactionalProducer(kafka, "bench", utc_now, TRANSACTIONAL_ID),
            key=KEY,
            clock=utc_now,
            metrics=SequencerMetrics(registry),
            batch_interval_s=0.25,
        )
        witnessing = Witnessing(
            database_url=url,
            pool=pool,
            producer=producer,
            policy=policy,
            clock=utc_now,
            metrics=WitnessMetrics(registry),
            interval_s=arguments.witness_interval,
        )
        began = time.perf_counter()
        tasks = [asyncio.create_task(work.run()) for work in (projection, sequencer, witnessing)]
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
        size = arguments.backlog + len(published)
        while ((newest := await newest_witnessed(pool)) is None) or newest.size < size:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        signed, witnessed = await covered(kafka)
        report(arguments.pace, "covered by a checkpoint", published, signed)
        report(arguments.pace, f"witnessed, asked every {arguments.witness_interval:g} s,", published, witnessed)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    await producer.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backlog", type=int, default=20_000)
    parser.add_argument("--pace", type=int, default=50, help="ballots a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--witness-interval", type=float, default=1.0, help="seconds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evote-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        directory.chmod(0o755)  # PostgreSQL's unprivileged user has to enter
        node, server = KafkaNode(directory / "kafka"), PostgresServer(directory / "postgres")
        witnesses = define_witnesses(directory / "witnesses", 3, KEY.verifier)
        try:
            node.start()
            server.start()
            for witness in witnesses:
                witness.start()
            policy = parse_policy(majority_policy(witnesses, KEY.verifier))
            kafka = KafkaSettings(node.bootstrap_servers)

            async def run() -> None:
                await create_topics(kafka)
                await measure(kafka, SecretStr(server.create_database("bench")), policy, arguments)

            asyncio.run(run())
        finally:
            for witness in witnesses:
                witness.stop()
            server.kill()
            node.kill()


if __name__ == "__main__":
    main()
