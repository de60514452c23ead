"""How soon a ballot is covered by a checkpoint, by witnesses, and by a chain: percentiles at a steady pace.

    python -m benchmarks.bench_anchor [--pace 50] [--seconds 60] [--fabric]

Starts Kafka, PostgreSQL, ledger-anchor, three witnesses and a development chain of its own: anvil with one-second
blocks, or with --fabric a Fabric network (FABRIC_BIN names a release's programs). A ballot's time begins with its
record in Kafka, which is when a voter gets the receipt; every end is the time of the event that says so.

What each program costs is counted while nobody casts, and while the ballots come. Two paces tell what a second under
load costs from what a ballot does.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from evote_eventlog.events import AnchorVerified, BallotAccepted, CheckpointSigned, CheckpointWitnessed, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_eventlog.topics import create_topics
from evote_ledger_anchor.service import SCHEMA
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.processes import uses_of_children
from evote_local.people.latencies import Percentiles, percentiles
from evote_local.referendum.taken import taken_by
from evote_local.stack.chains import DevelopmentChain, EthereumDevelopmentChain, FabricDevelopmentChain
from evote_local.stack.identities import LOG_ORIGIN, create_identities
from evote_local.stack.service import define_service
from evote_local.stack.vouching import Vouching
from evote_local.testbed import begun_cast
from evote_platform.clock import utc_now
from evote_platform.database import migrate
from pydantic import SecretStr
from tqdm import tqdm

from benchmarks.performance import Row
from benchmarks.tables import PERCENTILES, Table, percentile_cells, tell

BALLOT_BYTES = 2500  # about an Ed25519 ballot of one question with three answers
SETTLE_S, IDLE_S = 5, 10


@dataclass
class Seen:
    """What the log says: the time of each ballot's record, its index, and when what covered which size."""

    cast_s: dict[tuple[int, int], float] = field(default_factory=dict)
    index: dict[tuple[int, int], int] = field(default_factory=dict)
    signed: list[tuple[int, float]] = field(default_factory=list)
    witnessed: list[tuple[int, float]] = field(default_factory=list)
    anchored: list[tuple[int, float]] = field(default_factory=list)

    def delays(self, covering: list[tuple[int, float]]) -> Percentiles:
        """From each ballot's record to the first event that covers it."""
        delays = []
        for place, cast_s in self.cast_s.items():
            delays.append(min(at for size, at in covering if size > self.index[place]) - cast_s)
        return percentiles(delays)


def ballot(number: int) -> BallotAccepted:
    return begun_cast(number, rest=f'"padding":"{"x" * BALLOT_BYTES}"')


async def cast(kafka: KafkaSettings, pace: int, seconds: int) -> dict[tuple[int, int], float]:
    producer = EventProducer(kafka, "bench", utc_now)
    await producer.start()
    published: dict[tuple[int, int], float] = {}

    async def publish(number: int) -> None:
        began = time.time()  # events tell no more than the minute of a ballot
        record = await producer.publish(ballot(number))
        published[record.position.partition, record.position.offset] = began

    async with asyncio.TaskGroup() as publishing:
        for number in tqdm(range(pace * seconds), desc="casting", unit="ballot", mininterval=5):
            publishing.create_task(publish(number))
            await asyncio.sleep(1 / pace)
    await producer.stop()
    return published


async def read_ledger(kafka: KafkaSettings, seen: Seen) -> None:
    tail = EventTail(kafka, [Topic.LEDGER])
    seen.signed, seen.witnessed, seen.anchored = [], [], []
    async for record in tail.read("earliest", until=await tail.end_offsets()):
        if not isinstance(record, Record):
            continue
        at = record.envelope.time.timestamp()
        match record.envelope.data:
            case CheckpointSigned() as signed:
                seen.signed.append((signed.size, at))
                for number, entry in enumerate(signed.entries):
                    seen.index[entry.partition, entry.offset] = signed.previous_size + number
            case CheckpointWitnessed() as witnessed:
                seen.witnessed.append((witnessed.size, at))
            case AnchorVerified() as anchored:
                seen.anchored.append((anchored.size, at))


def used() -> dict[str, float]:
    """Seconds of a processor that each program has taken so far."""
    return {use.name: use.cpu_s for use in uses_of_children()}


def costs(idle: dict[str, float], casting: dict[str, float], seconds: float, ballots: int) -> Table:
    """``idle``: seconds of a processor in :data:`IDLE_S`; ``casting``: in so many seconds with so many ballots."""
    rows: list[Row] = [
        [program, idle.get(program, 0.0) / IDLE_S * 1000, spent / seconds * 1000, spent / ballots * 1000]
        for program, spent in sorted(casting.items())
    ]
    return Table(["processor time of", "idle, ms/s", "casting, ms/s", "ms a ballot"], rows)


def between(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {program: after[program] - before.get(program, 0.0) for program in after}


async def measure(kafka: KafkaSettings, arguments: argparse.Namespace) -> None:
    chain_asked = " FABRIC_BIN=bin" if arguments.fabric else ""
    taken = taken_by(f"make bench-anchor SECONDS={arguments.seconds}{chain_asked}")
    seen = Seen()
    await asyncio.sleep(SETTLE_S)
    at_rest = used()
    await asyncio.sleep(IDLE_S)
    began, before = time.monotonic(), used()
    seen.cast_s = await cast(kafka, arguments.pace, arguments.seconds)
    took_s, after = time.monotonic() - began, used()
    while not seen.anchored or seen.anchored[-1][0] < len(seen.cast_s):
        await asyncio.sleep(1)
        await read_ledger(kafka, seen)
    chain = "Fabric" if arguments.fabric else "anvil, one-second blocks"
    rows = [("signed checkpoint", seen.signed), ("witnessed", seen.witnessed), (f"anchored ({chain})", seen.anchored)]
    tell(
        "anchor-fabric" if arguments.fabric else "anchor",
        taken,
        f"{len(seen.cast_s):,} ballots at {arguments.pace} a second, from a ballot's record in Kafka (which is when "
        "the voter gets the receipt) to the event that says that it is covered. Three witnesses, of which two must "
        f"cosign; {len(seen.signed):,} checkpoints, {len(seen.anchored):,} anchors. Nobody votes meanwhile, and no "
        "other service runs.",
        Table(["", *PERCENTILES], [[name, *percentile_cells(seen.delays(covering))] for name, covering in rows]),
        costs(between(at_rest, before), between(before, after), took_s, len(seen.cast_s)),
    )


def run(directory: Path, arguments: argparse.Namespace) -> None:
    directory.chmod(0o755)  # PostgreSQL's unprivileged user has to enter
    with ExitStack() as running:
        kafka_node, postgres = KafkaNode(directory / "kafka"), PostgresServer(directory / "postgres")
        running.callback(kafka_node.kill)
        running.callback(postgres.kill)
        kafka_node.start()
        postgres.start()
        kafka = KafkaSettings(kafka_node.bootstrap_servers)
        asyncio.run(create_topics(kafka))
        identities = create_identities(directory / "keys")
        chain: DevelopmentChain = (
            FabricDevelopmentChain(directory / "fabric")
            if arguments.fabric
            else EthereumDevelopmentChain(directory / "anvil")
        )
        vouching = Vouching(directory / "witnesses", identities.log_key, chain)
        running.callback(vouching.stop)
        vouching.start()
        service = define_service(
            "ledger-anchor",
            "evote_ledger_anchor.main",
            directory,
            kafka_node,
            _migrated(postgres.create_database("bench")),
            {
                "EVOTE_LOG_KEY_FILE": str(identities.log_key_file),
                "EVOTE_LOG_ORIGIN": LOG_ORIGIN,
                "EVOTE_ROSTER_FILE": str(identities.roster_file),
                **vouching.settings,
            },
        )
        running.callback(service.stop)
        service.start()
        service.wait_ready()
        asyncio.run(measure(kafka, arguments))


def _migrated(url: str) -> str:
    migrate(SecretStr(url), SCHEMA)
    return url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pace", type=int, default=50, help="ballots a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--fabric", action="store_true", help="anchor on a Fabric network instead of anvil")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evote-bench-", ignore_cleanup_errors=True) as folder:
        run(Path(folder), arguments)


if __name__ == "__main__":
    main()
