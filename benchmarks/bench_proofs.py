"""How proofs, the endpoints and a leader's takeover grow with the log.

``make bench-proofs [SIZES="10000 100000 1000000"]`` fills a PostgreSQL of its own in a temporary folder with a log of
the first size, measures, goes on to the next. The log's leaves are numbers and its records 100 bytes long: neither
proofs nor a takeover read a record. The endpoints run in this process, one request after the other, without a network.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_ledger_anchor.domain import frontier_of, grow, partial_tiles
from evote_ledger_anchor.main import PROGRAM
from evote_ledger_anchor.service import SCHEMA, SERVICE, LedgerService
from evote_ledger_anchor.store import newest_size, next_offsets, read_tiles, sequenced
from evote_local.nodes.postgres import PostgresServer
from evote_local.people.staff import Staff
from evote_local.referendum.taken import taken_by
from evote_local.testbed import running_app
from evote_platform.access import Access
from evote_platform.clock import utc_now
from evote_platform.database import migrate, schema_pool
from evote_platform.logging import configure_logging
from evote_platform.reads import Reads
from evote_platform.roster import RosterFile
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.merkle import leaf_hash
from evote_tlog.proof import (
    make_consistency_proof,
    make_inclusion_proof,
    tree_head,
    verify_consistency,
    verify_inclusion,
)
from evote_tlog.tiles import Tile, TileTree
from pydantic import SecretStr
from tqdm import tqdm

from benchmarks.tables import Table, tell

KEY = SigningKey("bench.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
STEP = 2048
PARTITIONS = 6
SAMPLES = 300
REQUESTS = 200
RANDOM = random.Random(1)


Found = dict[str, float]
"""What was found at one size, by its name."""


def leaf(index: int) -> bytes:
    """The leaf hash at an index."""
    return leaf_hash(index.to_bytes(8, "big"))


@dataclass
class Log:
    """A log of numbers: its tiles, and which of them were widened since they were last stored."""

    size: int = 0
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    unstored: set[tuple[int, int]] = field(default_factory=set)

    def extend(self, size: int) -> None:
        """Append leaves up to ``size``."""
        for start in tqdm(range(self.size, size, STEP), desc="tree", mininterval=1, leave=False):
            end = min(start + STEP, size)
            partial = {tile: self.tiles[tile.level, tile.index] for tile in partial_tiles(start)}
            changed = grow(start, partial, map(leaf, range(start, end)))
            self.tiles |= changed
            self.unstored |= changed.keys()
        self.size = size

    def read(self, tile: Tile) -> bytes:
        """The content of a tile, cut to its width."""
        return self.tiles[tile.level, tile.index][: tile.width * 32]


class CountingSource:
    """Tiles of a log, and how many were read."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.reads = 0

    def __call__(self, tile: Tile) -> bytes:
        self.reads += 1
        return self._log.read(tile)


def proofs(log: Log) -> Found:
    """Make and verify proofs from tiles in memory, none of them read before."""
    size, root = log.size, tree_head(TileTree(log.size, log.read), log.size)
    made: dict[str, list[tuple[int, int, float, float]]] = {"inclusion": [], "consistency": []}
    for at in (RANDOM.randrange(1, size) for _ in range(SAMPLES)):
        source = CountingSource(log)
        began = time.perf_counter()
        proof = make_inclusion_proof(TileTree(size, source), at, size)
        middle = time.perf_counter()
        verify_inclusion(leaf(at), at, size, proof, root)
        made["inclusion"].append((len(proof), source.reads, middle - began, time.perf_counter() - middle))
        first_root = tree_head(TileTree(size, log.read), at)
        source = CountingSource(log)
        began = time.perf_counter()
        proof = make_consistency_proof(TileTree(size, source), at, size)
        middle = time.perf_counter()
        verify_consistency(at, size, proof, first_root, root)
        made["consistency"].append((len(proof), source.reads, middle - began, time.perf_counter() - middle))
    found: Found = {}
    for kind, samples in made.items():
        hashes, reads, making, verifying = (sorted(column) for column in zip(*samples, strict=True))
        found[f"{kind} proof, hashes at most"] = hashes[-1]
        found[f"{kind} proof, hashes on average"] = statistics.mean(hashes)
        found[f"{kind} proof, tiles read on average"] = statistics.mean(reads)
        found[f"{kind} proof made, median µs"] = statistics.median(making) * 1e6
        found[f"{kind} proof verified, median µs"] = statistics.median(verifying) * 1e6
    return found


_PLACE = ("topic", "partition", "record_offset")


def _digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


async def store(pool: asyncpg.Pool, log: Log) -> None:
    """Load what the tables lack of the log; the rows are those of the projection."""
    old = await newest_size(pool)
    async with pool.acquire() as connection:
        for start in tqdm(range(old, log.size, 50 * STEP), desc="tables", mininterval=1, leave=False):
            numbers = range(start, min(start + 50 * STEP, log.size))
            places = [("ballots", number % PARTITIONS, number // PARTITIONS) for number in numbers]
            await connection.copy_records_to_table(
                "entries",
                columns=["log_index", *_PLACE, "leaf_hash"],
                records=[(i, *place, leaf(i)) for i, place in zip(numbers, places, strict=True)],
            )
            await connection.copy_records_to_table(
                "records",
                columns=[*_PLACE, "value", "ballot_election", "ballot_digest", "ballot_credential", "ballot_number"],
                records=[
                    (*place, bytes(100), "1" * 14, digest, digest.hex(), 1)
                    for place, digest in zip(places, map(_digest, numbers), strict=True)
                ],
            )
        await connection.executemany(
            "INSERT INTO tiles VALUES ($1, $2, $3)"
            " ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes",
            [(level, index, log.tiles[level, index]) for level, index in log.unstored],
        )
        sizes = [*range(old - old % STEP + STEP, log.size, STEP), log.size]
        roots = {size: tree_head(TileTree(size, log.read), size) for size in sizes}
        await connection.executemany(
            "INSERT INTO checkpoints VALUES ($1, $2, $3)",
            [(size, root, KEY.sign(Checkpoint(KEY.verifier.name, size, root))) for size, root in roots.items()],
        )
    log.unstored.clear()


@asynccontextmanager
async def client(pool: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    """The service's endpoints over the tables, for an auditor: no election of this log is closed."""
    staff = Staff()
    with tempfile.TemporaryDirectory() as directory:
        roster = RosterFile(staff.write_roster(Path(directory) / "roster.json"))
        service = LedgerService(Reads(pool), KEY.verifier, Access(SERVICE, roster, utc_now))
        async with running_app(PROGRAM.app(lambda *_: nullcontext(service))) as client:
            client.auth = staff.signing(SERVICE)
            yield client


def requests(size: int) -> dict[str, Callable[[int], str]]:
    """What is asked for, by a random index below ``size``."""
    return {
        "checkpoint": lambda _: "/checkpoint",
        "inclusion by leaf hash": lambda at: f"/proofs/inclusion?leaf_hash={leaf(at).hex()}",
        "inclusion by index": lambda at: f"/proofs/inclusion?index={at}",
        "inclusion of an unknown leaf": lambda at: f"/proofs/inclusion?leaf_hash={leaf(at + size).hex()}",
        "consistency": lambda at: f"/proofs/consistency?first={at + 1}",
        "tile": lambda at: f"/{Tile(0, at // 256 if at // 256 < size // 256 else 0).path}",
        "256 records": lambda at: f"/{Tile(0, at // 256 if at // 256 < size // 256 else 0).path}".replace(
            "tile/0/", "tile/entries/"
        ),
    }


async def endpoints(pool: asyncpg.Pool, size: int) -> Found:
    """One request after the other."""
    found: Found = {}
    async with client(pool) as http:
        for name, url in requests(size).items():
            seconds = []
            for at in (RANDOM.randrange(size) for _ in range(REQUESTS)):
                began = time.perf_counter()
                response = await http.get(url(at))
                seconds.append(time.perf_counter() - began)
                assert response.status_code == (404 if "unknown" in name else 200), response.text
            cut = statistics.quantiles(seconds, n=100)
            found[f"GET {name}, p50 ms"], found[f"GET {name}, p99 ms"] = cut[49] * 1e3, cut[98] * 1e3
    return found


def resident_mb() -> float:
    """The memory of this process in megabytes (proc(5), ``statm``)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def takeover(pool: asyncpg.Pool) -> Found:
    """What a new leader reads before its first checkpoint."""
    before, began = resident_mb(), time.perf_counter()
    size = await newest_size(pool)
    frontier_of(size, await read_tiles(pool, partial_tiles(size)))
    await next_offsets(pool)
    async with pool.acquire() as connection, connection.transaction():
        rules = await sequenced(connection)
    ended = time.perf_counter()
    assert sum(len(admitted.digests) for admitted in rules.ballots.values()) == size
    return {
        "a new leader reads the log, s": ended - began,
        "and keeps of all ballots, MB": resident_mb() - before,
    }


async def measure(url: SecretStr, sizes: Sequence[int]) -> Table:
    log, columns = Log(), list[Found]()
    await asyncio.to_thread(migrate, url, SCHEMA)
    async with schema_pool(url, SCHEMA) as pool:
        for size in sizes:
            log.extend(size)
            await store(pool, log)
            columns.append({**proofs(log), **await endpoints(pool, size), **await takeover(pool)})
    return Table(
        ["entries", *(f"{size:,}" for size in sizes)], [[name, *(c[name] for c in columns)] for name in columns[0]]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    arguments = parser.parse_args()
    configure_logging("bench", "WARNING")
    taken = taken_by(f'make bench-proofs SIZES="{" ".join(map(str, arguments.sizes))}"')
    with tempfile.TemporaryDirectory(prefix="evote-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        directory.chmod(0o755)  # PostgreSQL's unprivileged user has to enter
        server = PostgresServer(directory / "postgres")
        try:
            server.start()
            table = uvloop.run(measure(SecretStr(server.create_database("bench")), sorted(set(arguments.sizes))))
        finally:
            server.kill()
    what = "Records of 100 bytes; HTTP over PostgreSQL, in one process. A proof has 32 bytes a hash."
    tell("proofs", taken, what, table)


if __name__ == "__main__":
    main()
