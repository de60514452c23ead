"""Reading anchors back from Ethereum: needs no key, and believes no single block until it is deep enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from web3.exceptions import Web3Exception

from ..anchor import Anchor, AnchoredHead, ChainHead, ChainName
from ..errors import ChainUnavailable
from .calls import Call, Log, Web3, ask, ask_together, block_number, block_time, logs, result_of, sender
from .contract import ContractAt, anchored_topics, newest_data, read_anchored, read_newest, verify_code
from .endpoints import Endpoints
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
        newest = result_of(self._address, newest_data(origin))
        return read_newest(origin, await self._ask(lambda web3: ask(web3, newest)))

    async def anchors(self, origin: str, first_block: int, last_block: int) -> Sequence[AnchoredHead]:
        """Every anchor of a log in the blocks from first to last (inclusive), in the chain's order.

        ``last_block`` is one that :meth:`head` gave: an endpoint that hasn't got it is left for another.
        """
        found: list[Log] = []
        at, length = first_block, _MOST_BLOCKS
        while at <= last_block:
            end = min(at + length - 1, last_block)
            try:
                found += await self._ask(self._search(origin, at, end))
            except NodeRefused:
                if end == at:
                    raise
                length = (end - at + 1) // 2
            else:
                at = end + 1
        return await self._complete(origin, found)

    async def close(self) -> None:
        """Close all connections."""
        await self._endpoints.close()

    async def _ask(self, what: Callable[[Web3], Awaitable[T]]) -> T:
        try:
            return await self._endpoints.call(what)
        except Web3Exception as error:
            raise NodeRefused(f"the node's answer is an error: {error}") from error

    async def _height(self, web3: Web3) -> int:
        self._heights[web3] = height = await ask(web3, block_number())
        return height

    async def _admit(self, web3: Web3) -> None:
        verify_code(await web3.eth.get_code(self._address), self._address)

    def _search(self, origin: str, first: int, last: int) -> Callable[[Web3], Awaitable[list[Log]]]:
        wanted = logs(self._address, anchored_topics(origin), first, last)

        async def search(web3: Web3) -> list[Log]:
            found: list[Log] = []
            # Most nodes answer for the blocks that they have, and say nothing of those that they don't have yet: the
            # anchors in them would seem to be missing from the chain.
            # A height that an earlier request told: within one, the search may come first, and its last block then.
            if (newest := self._heights.get(web3, -1)) < last:
                newest = await self._height(web3)
            if newest >= last:
                # And once more with it: a name may stand for several nodes.
                newest, found = await ask_together(web3, [block_number(), wanted])
                self._heights[web3] = newest
            if newest < last:
                raise EndpointFailed(f"is at block {newest}, and block {last} was asked for")
            return found

        return search

    async def _complete(self, origin: str, found: Sequence[Log]) -> list[AnchoredHead]:
        """Block and transaction are asked for by hash: a reorganisation meanwhile can't mix two histories."""
        complete: list[AnchoredHead] = []
        for at in range(0, len(found), _LOGS_AT_ONCE):
            some = found[at : at + _LOGS_AT_ONCE]
            # Each is asked once: several anchors share a block.
            blocks = list(dict.fromkeys(log.block_hash for log in some))
            transactions = list(dict.fromkeys(log.transaction for log in some))
            answers = await self._ask(self._tell([*map(block_time, blocks), *map(sender, transactions)]))
            times = dict(zip(blocks, answers, strict=False))
            senders = dict(zip(transactions, answers[len(blocks) :], strict=True))
            complete += [_anchored(origin, log, times[log.block_hash], senders[log.transaction]) for log in some]
        return complete

    def _tell(self, calls: Sequence[Call[Any]]) -> Callable[[Web3], Awaitable[list[Any]]]:
        return lambda web3: ask_together(web3, calls)


def _anchored(origin: str, log: Log, block_time: datetime, anchorer: str) -> AnchoredHead:
    size, root = read_anchored(log.data)
    return AnchoredHead(
        anchor=Anchor(origin, size, root),
        transaction=log.transaction,
        block=log.block,
        block_hash=log.block_hash,
        block_time=block_time,
        anchorer=anchorer,
    )
