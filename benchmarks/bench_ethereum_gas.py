"""What anchoring on Ethereum costs, in gas: deployment, a log's first anchor, each later one, and 10,000 ballots.

``make bench-gas [RATE=50]`` starts a development chain of its own and reads the gas from receipts, so that the figures
are exact; a root's zero bytes make the difference between one anchor and another.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import secrets
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
from eth_account import Account
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.deploy import deploy_contract
from evote_anchors.ethereum.fees import FeePolicy
from evote_anchors.ethereum.key import AnchorerKey
from evote_anchors.ethereum.writer import EthereumWriter, SendingPolicy
from evote_local.nodes.anvil import CHAIN_ID, DEVELOPMENT_KEY, AnvilNode
from evote_local.referendum.taken import taken_by

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

ORIGIN = "vote.city.example/log"
FEES = FeePolicy(cap_wei=100 * 10**9, priority_wei=10**9)
BALLOTS = 10_000


async def measure(node: AnvilNode, anchors: int) -> tuple[int, list[int]]:
    """The gas of the deployment, and of each anchor; the first one opens the log."""
    key, urls = AnchorerKey(Account.from_key(DEVELOPMENT_KEY)), (node.rpc_url,)
    deployed = await deploy_contract(urls, CHAIN_ID, key, FEES, anchorer=key.address, within_s=30, clock=time.monotonic)
    contract = ContractAt(urls, CHAIN_ID, deployed.address, finality_depth=0)
    writer = EthereumWriter(contract, key, SendingPolicy(FEES, replace_after_s=60), time.monotonic)
    used = []
    for number in range(anchors):
        await writer.submit(Anchor(ORIGIN, (number + 1) * 50, secrets.token_bytes(32)))
        while len(held := await writer.anchors(ORIGIN, 0, (await writer.head()).block)) <= number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        used.append(await gas_of(node, held))
    await writer.close()
    return deployed.gas_used, used


async def gas_of(node: AnvilNode, anchors: Sequence[AnchoredHead]) -> int:
    """What the newest anchor's receipt says."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": [anchors[-1].transaction]}
    async with httpx.AsyncClient() as client:
        return int((await client.post(node.rpc_url, json=body)).json()["result"]["gasUsed"], 16)


def tables(deployment: int, used: list[int], rate: float, intervals_s: list[float]) -> tuple[Table, Table]:
    """What each transaction takes, and what a city pays for anchors so often."""
    later = used[1:]
    median = statistics.median(later)
    each: list[Row] = [
        ["deployment", deployment],
        ["a log's first anchor", used[0]],
        ["each later one, median", median],
    ]
    rows: list[Row] = []
    for interval_s in intervals_s:
        anchors = math.ceil(BALLOTS / rate / interval_s)
        gas = used[0] + (anchors - 1) * median
        rows.append([f"{interval_s:g} s", anchors, gas, gas / BALLOTS, gas * 10 / 10**9])
    return Table(["", "gas"], each), Table(
        ["an anchor every", "anchors", "gas", "gas a ballot", "ETH at 10 gwei"], rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50, help="ballots a second")
    parser.add_argument("--intervals", type=float, nargs="+", default=[1, 12, 60, 600], help="seconds between anchors")
    parser.add_argument("--anchors", type=int, default=21, help="how many to measure")
    options = parser.parse_args()
    taken = taken_by(f"make bench-gas RATE={options.rate:g}")
    with tempfile.TemporaryDirectory(prefix="tsukuba-evote-gas-") as name:
        node = AnvilNode(Path(name))
        node.start()
        try:
            deployment, used = asyncio.run(measure(node, options.anchors))
        finally:
            node.kill()
    each, intervals = tables(deployment, used, options.rate, options.intervals)
    what = f"{BALLOTS:,} ballots at {options.rate:g} a second ([what it costs](runbooks/anchoring.md#what-it-costs)):"
    tell("gas", taken, each, what, intervals)


if __name__ == "__main__":
    main()
