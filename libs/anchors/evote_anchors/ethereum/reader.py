"""Reading anchors back from Ethereum: needs no key, and believes no single block until it is deep enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from eth_typing import BlockNumber
from hexbytes import HexBytes
from web3.exceptions import Web3Exception
from web3.types import BlockData, FilterParams, LogReceipt, TxData

from ..anchor import Anchor, AnchoredHead, ChainHead, ChainName
from ..errors import ChainUnavailable
from .contract import ContractAt, anchored_topics, newest_call, read_anchored, read_newest, verify_code
from .endpoints import Endpoints, Web3, together
from .provider import EndpointFailed

T = TypeVar("T")

_MOST_BLOCKS = 10_000
"""Of one search: what most providers allow. Where one allows less, the range is halved until it answers."""
_LOGS_AT_ONCE = 10
"""Of which block and transaction are asked by one request: some providers take no more than twenty calls in one."""


class NodeRefused(ChainUnavailable):
    """A node understood a call and answered with an error."""


class EthereumReader:
    """Reads one contract; implements :class:`evote_anchors.anchor.AnchorReader`.

    Besides ``ChainUnavailable``, every method raises ``WrongContract`` when all endpoints answer and none has the
    anchor contract at the address on the configured chain.
    """

    chain: ChainName = "ethereum"

    def __init__(self, contract: ContractAt, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds that never go back, such as ``time.monotonic``. Nothing is asked yet."""
        self._address = contract.checksummed
        self._anchor_contract = contract.account
        self._finality_depth = contract.finality_depth
        self._heights: dict[Web3, int] = {}
        """Each endpoint's newest block, as it told it last."""
        self._endpoints = Endpoints(
            contract.rpc_urls,
            contract.chain_id,
            timeout_s=contract.call_timeout_s,
            admit=self._admit,
            clock=clock,
        )

    @property
    def anchor_contract(self) -> str:
        """The contract as a CAIP-10 account, with the address as EIP-55 writes it."""
        return self._anchor_contract

    async def head(self) -> ChainHead:
        """How far the chain is now."""
        block = await self._ask(self._height)
        return ChainHead(block, max(block - self._finality_depth, -1))

    async def newest(self, origin: str) -> Anchor | None:
        """The anchor that the contract holds for a log in the newest block; None: it has none."""
        return read_newest(
            origin, await self._ask(lambda web3: web3.eth.call(newest_call(self._address, origin), "latest"))
        )

    async def anchors(self, origin: str, first_block: int, last_block: int) -> Sequence[AnchoredHead]:
        """Every anchor of a log in the blocks from first to last (inclusive), in the chain's order.

        ``last_block`` is one that :meth:`head` gave: an endpoint that hasn't got it is left for another.
        """
        logs: list[LogReceipt] = []
        at, length = first_block, _MOST_BLOCKS
        while at <= last_block:
            end = min(at + length - 1, last_block)
            try:
                logs += await self._ask(self._search(origin, at, end))
            except NodeRefused:
                if end == at:
                    raise
                length = (end - at + 1) // 2
            else:
                at = end + 1
        return await self._complete(origin, logs)

    async def close(self) -> None:
        """Close all connections."""
        await self._endpoints.close()

    async def _ask(self, what: Callable[[Web3], Awaitable[T]]) -> T:
        try:
            return await self._endpoints.call(what)
        except Web3Exception as error:
            raise NodeRefused(f"the node's answer is an error: {error}") from error

    async def _height(self, web3: Web3) -> int:
        self._heights[web3] = height = await web3.eth.block_number
        return height

    async def _admit(self, web3: Web3) -> None:
        verify_code(await web3.eth.get_code(self._address), self._address)

    def _search(self, origin: str, first: int, last: int) -> Callable[[Web3], Awaitable[list[LogReceipt]]]:
        wanted: FilterParams = {
            "address": self._address,
            "topics": anchored_topics(origin),
            "fromBlock": BlockNumber(first),
            "toBlock": BlockNumber(last),
        }

        async def search(web3: Web3) -> list[LogReceipt]:
            # Most nodes answer for the blocks that they have, and say nothing of those that they don't have yet: the
            # anchors in them would seem to be missing from the chain.
            # A height that an earlier request told: within one, the search may come first, and its last block then.
            if (newest := self._heights.get(web3, -1)) < last:
                newest = await self._height(web3)
            if newest >= last:
                # And once more with it: a name may stand for several nodes.
                newest, logs = await together(web3, [web3.eth.block_number, web3.eth.get_logs(wanted)])
                self._heights[web3] = newest
            if newest < last:
                raise EndpointFailed(f"is at block {newest}, and block {last} was asked for")
            return cast(list[LogReceipt], logs)

        return search

    async def _complete(self, origin: str, logs: Sequence[LogReceipt]) -> list[AnchoredHead]:
        """Block and transaction are asked for by hash: a reorganisation meanwhile can't mix two histories."""
        found: list[AnchoredHead] = []
        for at in range(0, len(logs), _LOGS_AT_ONCE):
            some = logs[at : at + _LOGS_AT_ONCE]
            # Each is asked once: several anchors share a block.
            blocks = list(dict.fromkeys(log["blockHash"] for log in some))
            transactions = list(dict.fromkeys(log["transactionHash"] for log in some))
            answers = await self._ask(self._tell(blocks, transactions))
            told = dict(zip([*blocks, *transactions], answers, strict=True))
            found += [_anchored(origin, log, told[log["blockHash"]], told[log["transactionHash"]]) for log in some]
        return found

    def _tell(
        self, blocks: Sequence[HexBytes], transactions: Sequence[HexBytes]
    ) -> Callable[[Web3], Awaitable[Sequence[Any]]]:
        async def tell(web3: Web3) -> Sequence[Any]:
            return await together(
                web3, [*map(web3.eth.get_block, blocks), *map(web3.eth.get_transaction, transactions)]
            )

        return tell


def _anchored(origin: str, log: LogReceipt, block: BlockData, transaction: TxData) -> AnchoredHead:
    size, root = read_anchored(log["data"])
    return AnchoredHead(
        anchor=Anchor(origin, size, root),
        transaction=log["transactionHash"].to_0x_hex(),
        block=log["blockNumber"],
        block_hash=log["blockHash"].to_0x_hex(),
        block_time=datetime.fromtimestamp(block["timestamp"], UTC),
        anchorer=transaction["from"],
    )
