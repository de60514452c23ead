"""How long an anchor takes to be on Fabric, at several batch timeouts, and how fast anchors are read back.

``make bench-fabric FABRIC_BIN=… [SUBMITS=50]`` brings up a whole network for each batch timeout (one orderer, three
peers of two organisations that both endorse, all on this machine) and submits one head after the other, as the service
does. A lone transaction waits for the batch timeout, so that is most of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
import time
from pathlib import Path

from evote_anchors.anchor import Anchor
from evote_anchors.fabric.contract import anchor_call
from evote_anchors.fabric.gateway import DEFAULT_TIMEOUTS, Gateway
from evote_anchors.fabric.profile import load_profile
from evote_anchors.fabric.proposal import Author
from evote_anchors.fabric.writer import FabricWriter
from evote_local.fabric.binaries import FabricBinaries, find_binaries
from evote_local.fabric.network import FabricNetwork
from evote_local.fabric.organisations import CITY
from evote_local.fabric.readiness import until_endorsing
from evote_local.people.latencies import percentiles
from evote_local.referendum.taken import taken_by
from evote_platform.clock import utc_now

from benchmarks.performance import Row
from benchmarks.tables import PERCENTILES, Table, percentile_cells, tell

BATCH_TIMEOUTS_MS = (50, 100, 200, 500, 1000)
ORIGIN = "log.example/benchmark"


async def measure(network: FabricNetwork, submits: int) -> dict[str, list[float]]:
    """Seconds of each part."""
    await until_endorsing(network)
    profile = load_profile(network.write_profile(network.directory / "connection.json", CITY, network.city_peers))
    writer = FabricWriter(profile, secrets.token_bytes, utc_now)
    gateway = Gateway(profile.peers, Author(profile.identity, secrets.token_bytes, utc_now), DEFAULT_TIMEOUTS)
    parts: dict[str, list[float]] = {"submit until committed": [], "endorsed by both": [], "read back, per anchor": []}
    await writer.submit(Anchor(ORIGIN, 1, bytes(32)))  # connections, and what Fabric caches
    for size in range(2, submits + 2):
        started = time.perf_counter()
        await writer.submit(Anchor(ORIGIN, size, size.to_bytes(32)))
        parts["submit until committed"].append(time.perf_counter() - started)
        started = time.perf_counter()
        await gateway.endorse(anchor_call(profile.channel, profile.chaincode, Anchor(ORIGIN, size + 1, bytes(32))))
        parts["endorsed by both"].append(time.perf_counter() - started)
    started = time.perf_counter()
    anchors = await writer.anchors(ORIGIN, 0, (await writer.head()).block)
    parts["read back, per anchor"].append((time.perf_counter() - started) / len(anchors))
    if [each.anchor.size for each in anchors] != list(range(1, submits + 2)):
        raise AssertionError("what was submitted is not what was read back")
    await gateway.close()
    await writer.close()
    return parts


def run(binaries: FabricBinaries, batch_timeout_ms: int, submits: int) -> list[Row]:
    """Measure at one batch timeout; a row for each part."""
    with (
        tempfile.TemporaryDirectory(prefix="evote-fabric-", ignore_cleanup_errors=True) as name,
        FabricNetwork(Path(name), binaries, batch_timeout_ms=batch_timeout_ms) as network,
    ):
        parts = asyncio.run(measure(network, submits))
    return [[f"{batch_timeout_ms:,} ms", part, *percentile_cells(percentiles(took))] for part, took in parts.items()]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--submits", type=int, default=50, help="anchors at each batch timeout (default: 50)")
    arguments = parser.parse_args()
    binaries, rows = find_binaries(), list[Row]()
    taken = taken_by(f"make bench-fabric SUBMITS={arguments.submits}")
    for batch_timeout_ms in BATCH_TIMEOUTS_MS:
        print(f"batch timeout {batch_timeout_ms} ms", flush=True)
        rows += run(binaries, batch_timeout_ms, arguments.submits)
    tell(
        "fabric",
        taken,
        "One orderer and three peers of two organisations that both endorse, on the same cores; one head after the "
        "other. A lone transaction waits for the batch timeout.",
        Table(["`BatchTimeout`", "", *PERCENTILES], rows),
    )


if __name__ == "__main__":
    main()
