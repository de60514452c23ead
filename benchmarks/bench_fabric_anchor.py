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
from evote_platform.clock import utc_now

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


def run(binaries: FabricBinaries, batch_timeout_ms: int, submits: int) -> None:
    """Measure at one batch timeout and print a line for each part."""
    with (
        tempfile.TemporaryDirectory(prefix="evote-fabric-", ignore_cleanup_errors=True) as name,
        FabricNetwork(Path(name), binaries, batch_timeout_ms=batch_timeout_ms) as network,
    ):
        parts = asyncio.run(measure(network, submits))
    for part, seconds in parts.items():
        seen = percentiles(seconds)
        figures = " ".join(f"{each:>8.1f}" for each in (seen.p50_ms, seen.p95_ms, seen.p99_ms, seen.max_ms))
        print(f"{batch_timeout_ms:>7} ms  {part:<24} {figures}", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--submits", type=int, default=50, help="anchors at each batch timeout (default: 50)")
    arguments = parser.parse_args()
    binaries = find_binaries()
    print(f"{'timeout':>10}  {'milliseconds':<24} {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8}")
    for batch_timeout_ms in BATCH_TIMEOUTS_MS:
        run(binaries, batch_timeout_ms, arguments.submits)


if __name__ == "__main__":
    main()
