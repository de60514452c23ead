"""A chain that tests rule by hand, and writers and readers of one contract on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import httpx
import pytest
from aiohttp import web
from eth_account import Account
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.deploy import deploy_contract
from evote_anchors.ethereum.fees import FeePolicy
from evote_anchors.ethereum.key import AnchorerKey
from evote_anchors.ethereum.reader import EthereumReader
from evote_anchors.ethereum.writer import EthereumWriter, SendingPolicy
from evote_local.nodes.anvil import CHAIN_ID, DEVELOPMENT_KEY, AnvilNode
from evote_local.nodes.ports import LOOPBACK, free_port
from evote_local.testbed import eventually

GWEI = 10**9
ORIGIN = "vote.city.example/log"
FEES = FeePolicy(cap_wei=100 * GWEI, priority_wei=GWEI)
REPLACE_AFTER_S = 60


Fate = Literal["pass", "hang", "garbage", "lose", "drop"] | int | dict[str, Any]
"""Passed on; never answered; answered with a web page; passed on, and the answer lost; not even passed on; or this HTTP
status; or this answer."""


@dataclass
class HandClock:
    """Seconds that go on when a test says so."""

    now: float = 1000

    def __call__(self) -> float:
        return self.now


@dataclass
class Chain:
    """What a test does to the chain behind the writer's back."""

    node: AnvilNode
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=50))
    mines_at_once: bool = True

    async def rpc(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = (await self.client.post(self.node.rpc_url, json=body)).json()
        assert "error" not in answer, answer
        return answer["result"]

    async def stop_mining(self) -> None:
        await self.rpc("evm_setAutomine", False)
        self.mines_at_once = False

    async def settled(self) -> None:
        """Wait until what was sent is in a block, unless a test keeps it waiting: anvil answers before it mines."""
        if self.mines_at_once:
            await eventually(self._nothing_waits)

    async def _nothing_waits(self) -> bool:
        return int((await self.rpc("txpool_status"))["pending"], 16) == 0

    async def mine(self, blocks: int = 1) -> None:
        await self.rpc("anvil_mine", hex(blocks))

    async def reorganise(self, depth: int) -> None:
        """The newest blocks are replaced by empty ones; their transactions are gone."""
        await self.rpc("anvil_reorg", depth, [])

    async def forget_waiting(self) -> None:
        await self.rpc("anvil_dropAllTransactions")

    async def raise_base_fee(self, wei: int) -> None:
        await self.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))

    async def base_fee(self) -> int:
        return int((await self.rpc("eth_getBlockByNumber", "latest", False))["baseFeePerGas"], 16)

    async def waiting(self) -> dict[int, dict[str, Any]]:
        """The transactions in the node's pool by nonce."""
        content = await self.rpc("txpool_content")
        return {
            int(nonce): transaction
            for part in ("pending", "queued")
            for of_account in content[part].values()
            for nonce, transaction in of_account.items()
        }

    async def transactions_in_blocks(self) -> int:
        head = int(await self.rpc("eth_blockNumber"), 16)
        blocks = [await self.rpc("eth_getBlockByNumber", hex(number), False) for number in range(head + 1)]
        return sum(len(block["transactions"]) for block in blocks)


class Doorway:
    """An endpoint that passes calls on to a node, and what :attr:`rule` makes of some of them.

    The rule is given a call's method and parameters and says what happens to it; see :data:`Fate`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(timeout=50)
        self.rule: Callable[[str, list[Any]], Fate] = lambda method, params: "pass"
        self.calls: list[str] = []
        self.requests = 0
        self.batches: int | dict[str, Any] | list[Any] | Literal["pass"] = "pass"
        """What becomes of whatever asks several calls at once, as a whole."""
        self.most_together: int | None = None
        """More calls than these in one request are refused in geth's way: a list of one error for the first of them."""
        self._closing = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        call = await request.json()
        together = call if isinstance(call, list) else [call]
        self.requests += 1
        self.calls += [one["method"] for one in together]
        if call is together and self.batches != "pass":
            return self._refusal(self.batches)
        if call is together and self.most_together is not None and len(call) > self.most_together:
            error = {"code": -32600, "message": "batch too large"}
            return web.json_response([{"jsonrpc": "2.0", "id": call[0]["id"], "error": error}])
        # The last one first: a node works on them in any order.
        fates = [self.rule(one["method"], one["params"]) for one in together[::-1]][::-1]
        # What befalls one call befalls the request, unless it is an answer of its own.
        fate = next((fate for fate in fates if not isinstance(fate, dict) and fate != "pass"), fates[0])
        if isinstance(fate, int):
            return web.Response(status=fate)
        if isinstance(fate, dict) or (fate == "pass" and any(isinstance(fate, dict) for fate in fates)):
            answers = [await self._one(*each) for each in zip(together, fates, strict=True)]
            return web.json_response(answers[::-1] if call is together else answers[0])
        if fate == "hang":
            await self._closing.wait()
        if fate == "garbage":
            return web.Response(text="<html>welcome</html>")
        if fate == "lose":
            await self._client.post(self._url, json=call)
        if fate == "pass":
            passed = await self._client.post(self._url, json=call)
            return web.Response(body=passed.content, content_type="application/json")
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _one(self, call: Any, fate: Fate) -> Any:
        if isinstance(fate, dict):
            return {"jsonrpc": "2.0", "id": call["id"], **fate}
        return (await self._client.post(self._url, json=call)).json()

    def _refusal(self, fate: int | dict[str, Any] | list[Any]) -> web.Response:
        if isinstance(fate, int):
            return web.Response(status=fate)
        return web.json_response(fate if isinstance(fate, list) else {"jsonrpc": "2.0", "id": None, **fate})

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{rest:.*}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, LOOPBACK, port).start()
        self.url = f"http://{LOOPBACK}:{port}/v3/secret-token"
        try:
            yield self.url
        finally:
            self._closing.set()
            await runner.cleanup()
            await self._client.aclose()


class SettledWriter(EthereumWriter):
    """Returns when the chain has settled, so that a test may look at once."""

    def __init__(self, chain: Chain, contract: ContractAt, key: AnchorerKey, policy: SendingPolicy, clock: HandClock):
        super().__init__(contract, key, policy, clock)
        self._chain = chain

    async def submit(self, anchor: Anchor) -> None:
        try:
            await super().submit(anchor)
        finally:
            await self._chain.settled()


@pytest.fixture
async def chain(anvil: AnvilNode) -> AsyncIterator[Chain]:
    chain = Chain(anvil)
    yield chain
    await chain.client.aclose()


@pytest.fixture
async def doorway(chain: Chain) -> AsyncIterator[Doorway]:
    doorway = Doorway(chain.node.rpc_url)
    async with doorway.open():
        yield doorway


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def key() -> AnchorerKey:
    return AnchorerKey(Account.from_key(DEVELOPMENT_KEY))


@pytest.fixture
async def contract(chain: Chain, key: AnchorerKey, clock: HandClock) -> ContractAt:
    urls = (chain.node.rpc_url,)
    deployed = await deploy_contract(urls, CHAIN_ID, key, FEES, anchorer=key.address, within_s=50, clock=clock)
    return ContractAt(urls, CHAIN_ID, deployed.address, finality_depth=2, call_timeout_s=30)


@pytest.fixture
async def new_writer(
    chain: Chain, contract: ContractAt, key: AnchorerKey, clock: HandClock
) -> AsyncIterator[Callable[..., EthereumWriter]]:
    """A writer as a process that has just started has it."""
    made: list[EthereumWriter] = []
    policy = SendingPolicy(FEES, REPLACE_AFTER_S)

    def new(at: ContractAt = contract, with_key: AnchorerKey = key, **changes: Any) -> EthereumWriter:
        made.append(SettledWriter(chain, at, with_key, replace(policy, **changes), clock))
        return made[-1]

    yield new
    for writer in made:
        await writer.close()


@pytest.fixture
def writer(new_writer: Callable[..., EthereumWriter]) -> EthereumWriter:
    return new_writer()


@pytest.fixture
async def new_reader(contract: ContractAt, clock: HandClock) -> AsyncIterator[Callable[..., EthereumReader]]:
    made: list[EthereumReader] = []

    def new(**changes: Any) -> EthereumReader:
        made.append(EthereumReader(replace(contract, **changes), clock))
        return made[-1]

    yield new
    for reader in made:
        await reader.close()


@pytest.fixture
def reader(new_reader: Callable[..., EthereumReader]) -> EthereumReader:
    return new_reader()


@pytest.fixture
def anchored(reader: EthereumReader) -> Callable[[], Any]:
    """All anchors of the log on the chain as it is now."""

    async def anchored() -> list[AnchoredHead]:
        return list(await reader.anchors(ORIGIN, 0, (await reader.head()).block))

    return anchored
