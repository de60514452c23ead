"""Reads anchors back from a Fabric channel, and checks the signatures that make them anchors."""

from __future__ import annotations

from collections.abc import Sequence

from fabric_protos.common import common_pb2, ledger_pb2
from google.protobuf.message import DecodeError

from ..anchor import Anchor, AnchoredHead, ChainHead, ChainName
from ..errors import WrongContract
from .blocks import ReadBlock, read_block, verify_follows
from .contract import STATE_PREFIX, decode_head, newest_call
from .errors import BlockForged
from .gateway import DEFAULT_TIMEOUTS, Gateway, Timeouts
from .profile import Profile
from .proposal import Author, Call, Clock, Random
from .transactions import ContractTransaction, EvidenceInvalid, Members, read_transaction, verify_evidence

_QUERY_CHAINCODE = "qscc"  # the peers' own, for questions about the channel
_BLOCKS_AT_ONCE = 200


class FabricReader:
    """An :class:`evote_anchors.anchor.AnchorReader` for one channel and contract; close it when done.

    Of a peer it believes how long the chain is, the newest head, and which transactions are valid; that an anchor was
    sent by the anchorer and endorsed by every organisation, and that blocks chain, it checks itself. Methods raise
    :class:`evote_anchors.fabric.errors.BlockForged` when a check fails.
    """

    def __init__(self, profile: Profile, random: Random, now: Clock, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        """``random`` as :func:`secrets.token_bytes`; ``now`` must be within 15 minutes of the peers' clocks."""
        self._profile = profile
        self._gateway = Gateway(profile.peers, Author(profile.identity, random, now), timeouts)
        self._members = Members(profile.organisations)
        self._last_read: tuple[int, bytes] | None = None

    @property
    def chain(self) -> ChainName:
        """``fabric``."""
        return "fabric"

    @property
    def anchor_contract(self) -> str:
        """``fabric:<channel>:<chaincode>``."""
        return f"fabric:{self._profile.channel}:{self._profile.chaincode}"

    async def close(self) -> None:
        """Close the connections."""
        await self._gateway.close()

    async def head(self) -> ChainHead:
        """How far the chain is. Every block of Fabric is final."""
        channel = self._profile.channel
        answer = await self._gateway.evaluate(Call(channel, _QUERY_CHAINCODE, (b"GetChainInfo", channel.encode())))
        newest = ledger_pb2.BlockchainInfo.FromString(answer).height - 1
        return ChainHead(newest, newest)

    async def newest(self, origin: str) -> Anchor | None:
        """The head that the contract holds for a log, as one peer says; None: it has none.

        Raises:
            WrongContract: what answers is not the anchor contract.
        """
        answer = await self._gateway.evaluate(newest_call(self._profile.channel, self._profile.chaincode, origin))
        if not answer:
            return None
        anchor = decode_head(answer)
        if anchor.origin != origin:
            raise WrongContract(f"asked for {origin}, the contract answered for {anchor.origin}")
        return anchor

    async def anchors(self, origin: str, first_block: int, last_block: int) -> Sequence[AnchoredHead]:
        """Every anchor of a log in these blocks, in the chain's order. ``block_time`` is the sender's clock.

        Raises:
            BlockForged: the blocks don't chain, also with those that were read before; or an anchor lacks a signature.
            WrongContract: the contract's state was changed to something that is no anchor, or by somebody else.
        """
        found: list[AnchoredHead] = []
        for first in range(first_block, last_block + 1, _BLOCKS_AT_ONCE):
            last = min(first + _BLOCKS_AT_ONCE - 1, last_block)
            blocks = await self._gateway.blocks(self._profile.channel, first, last)
            try:
                found += self._anchors_of(blocks, origin, first, last)
            except BlockForged:
                self._gateway.pass_over()  # one peer that lies must not keep the others from being read
                raise
        return found

    def _anchors_of(self, blocks: list[common_pb2.Block], origin: str, first: int, last: int) -> list[AnchoredHead]:
        if len(blocks) != last - first + 1:
            raise BlockForged(first, f"asked for blocks {first} to {last}, the peer showed {len(blocks)}")
        found = []
        for number, raw in enumerate(blocks, first):
            block = read_block(raw)
            verify_follows(block, number, self._hash_before(number))
            found += self._anchors_in(block, origin)
            self._last_read = (number, block.hash)
        return found

    def _hash_before(self, number: int) -> bytes | None:
        if self._last_read is None or self._last_read[0] != number - 1:
            return None
        return self._last_read[1]

    def _anchors_in(self, block: ReadBlock, origin: str) -> list[AnchoredHead]:
        found = []
        for envelope in block.valid:
            try:
                transaction = read_transaction(envelope, self._profile.channel, self._profile.chaincode)
                if transaction is None:
                    continue
                verify_evidence(transaction, self._members)
            except (EvidenceInvalid, DecodeError, ValueError) as error:
                raise BlockForged(block.number, str(error)) from error
            found += [head for head in self._heads(block, transaction) if head.anchor.origin == origin]
        return found

    def _heads(self, block: ReadBlock, transaction: ContractTransaction) -> list[AnchoredHead]:
        if transaction.author_msp_id != self._profile.anchorer:
            raise WrongContract(
                f"block {block.number}: {transaction.author_msp_id} changed the contract's state, "
                f"which only {self._profile.anchorer} may"
            )
        heads = []
        for write in transaction.writes:
            if write.value is None or not write.key.startswith(STATE_PREFIX):
                raise WrongContract(f"block {block.number}: the anchor contract does not write {write.key!r} so")
            anchor = decode_head(write.value)
            if write.key != STATE_PREFIX + anchor.origin:
                raise WrongContract(f"block {block.number}: a head of {anchor.origin} under {write.key!r}")
            heads.append(
                AnchoredHead(
                    anchor=anchor,
                    transaction=transaction.transaction,
                    block=block.number,
                    block_hash=block.hash.hex(),
                    block_time=transaction.time,
                    anchorer=transaction.author_msp_id,
                )
            )
        return heads
