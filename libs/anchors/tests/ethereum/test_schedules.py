"""Whatever happens to chain, node and writer: sizes grow, nothing is invented, and the newest head gets there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import ChainUnavailable
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.deploy import deploy_contract
from evote_anchors.ethereum.fees import FeePolicy
from evote_anchors.ethereum.key import AnchorerKey
from evote_anchors.ethereum.reader import EthereumReader
from evote_anchors.ethereum.writer import EthereumWriter, SendingPolicy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ORIGIN = "vote.city.example/log"
GWEI = 10**9
POLICY = SendingPolicy(FeePolicy(cap_wei=10_000 * GWEI, priority_wei=GWEI), replace_after_s=60, max_pending=3)

STEPS = st.one_of(
    st.tuples(st.just("submit"), st.integers(1, 3)),  # so much larger than the last
    st.tuples(st.just("repeat"), st.none()),
    st.tuples(st.just("mine"), st.integers(1, 3)),
    st.tuples(st.just("reorganise"), st.integers(1, 4)),
    st.tuples(st.just("forget one"), st.integers(0, 2)),
    st.tuples(st.just("forget all"), st.none()),
    st.tuples(st.just("lose an answer"), st.none()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1, 59, 60])),
    st.tuples(st.just("raise prices"), st.sampled_from([1, 3, 10])),
)


@dataclass
class Run:
    """One contract, one log, and what was ever submitted for it."""

    chain: Any
    doorway: Any
    clock: Any
    key: AnchorerKey
    contract: ContractAt
    first_block: int
    writer: EthereumWriter
    reader: EthereumReader
    size: int = 0

    def head(self) -> Anchor:
        return Anchor(ORIGIN, self.size, self.size.to_bytes(32, "big"))

    async def step(self, name: str, argument: Any) -> None:
        match name:
            case "submit":
                self.size += argument
                await self.writer.submit(self.head())
            case "repeat" if self.size:
                await self.writer.submit(self.head())
            case "mine":
                await self.chain.mine(argument)
            case "reorganise":
                depth = min(argument, (await self.reader.head()).block - self.first_block)
                if depth > 0:
                    await self.chain.reorganise(depth)
            case "forget one":
                waiting = sorted((await self.chain.waiting()).items())
                if argument < len(waiting):
                    await self.chain.rpc("anvil_dropTransaction", waiting[argument][1]["hash"])
            case "forget all":
                await self.chain.forget_waiting()
            case "lose an answer":
                await self.lose_an_answer()
            case "restart":
                await self.restart()
            case "wait":
                self.clock.now += argument
            case "raise prices":
                await self.chain.raise_base_fee(min(argument * await self.chain.base_fee(), 500 * GWEI))

    async def lose_an_answer(self) -> None:
        self.size += 1
        self.doorway.rule = lambda method, params: "lose" if method == "eth_sendRawTransaction" else "pass"
        try:
            await self.writer.submit(self.head())
        except ChainUnavailable:
            pass  # what the caller does as well: it submits again
        finally:
            self.doorway.rule = lambda method, params: "pass"

    async def restart(self) -> None:
        await self.writer.close()
        self.writer = EthereumWriter(self.contract, self.key, POLICY, self.clock)

    async def check(self) -> list[AnchoredHead]:
        found = list(await self.reader.anchors(ORIGIN, 0, (await self.reader.head()).block))
        sizes = [head.anchor.size for head in found]
        assert sizes == sorted(set(sizes))
        assert all(1 <= size <= self.size for size in sizes)
        assert all(
            head.anchor == Anchor(ORIGIN, head.anchor.size, head.anchor.size.to_bytes(32, "big")) for head in found
        )
        return found

    async def settle(self) -> None:
        """What the service does for ever: submit the newest head until the chain has it."""
        for _ in range(8):
            await self.writer.submit(self.head())
            await self.chain.mine()
            if await self.reader.newest(ORIGIN) == self.head():
                return
            self.clock.now += POLICY.replace_after_s


@pytest.fixture
async def begin(chain: Any, doorway: Any, clock: Any, key: AnchorerKey) -> Callable[[], Awaitable[Run]]:
    await chain.stop_mining()

    async def begin() -> Run:
        await chain.forget_waiting()
        await chain.rpc("evm_setAutomine", True)
        await chain.raise_base_fee(GWEI)
        await chain.mine()
        urls = (doorway.url,)
        deployed = await deploy_contract(urls, 31337, key, POLICY.fees, anchorer=key.address, within_s=10, clock=clock)
        await chain.stop_mining()
        contract = ContractAt(urls, 31337, deployed.address, finality_depth=0, call_timeout_s=60)
        reader = EthereumReader(replace(contract, rpc_urls=(chain.node.rpc_url,)), clock)
        writer = EthereumWriter(contract, key, POLICY, clock)
        return Run(chain, doorway, clock, key, contract, deployed.block, writer, reader)

    return begin


@given(st.lists(STEPS, min_size=1, max_size=25))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
async def test_any_schedule_ends_with_the_newest_head_anchored_and_a_growing_history(
    begin: Callable[[], Awaitable[Run]], steps: list[tuple[str, Any]]
) -> None:
    run = await begin()
    try:
        for name, argument in steps:
            await run.step(name, argument)
            await run.check()
        if run.size:
            await run.settle()
            assert (await run.check())[-1].anchor == run.head()
    finally:
        await run.writer.close()
        await run.reader.close()
