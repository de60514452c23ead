"""Anchoring on Ethereum, as the one account that the contract takes anchors from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from web3.types import Nonce, TxParams, Wei

from ..anchor import Anchor
from ..errors import AnchorRefused, ChainUnavailable
from .calls import Call, ask, ask_together, newest_base_fee, result_of, sending, transaction_count
from .contract import ContractAt, anchor_data, anchorer_data, newest_data, read_anchorer, read_newest
from .fees import Fee, FeeCapReached, FeePolicy
from .key import AnchorerKey
from .pipeline import Again, ChainView, Pipeline, Put, Sent, Step
from .reader import EthereumReader, NodeRefused
from .refusals import Refusal, refusal_of

GAS_LIMIT = 150_000
"""For one anchor, which takes 34,000 (a log's first: 69,000): what isn't used isn't paid, and prices may change."""

_ROUNDS = 3

_log = logging.getLogger(__name__)


class AccountTooPoor(ChainUnavailable):
    """The anchorer's account can't pay the next anchor. Field: ``address``."""

    def __init__(self, address: str) -> None:
        super().__init__(f"the account {address} can't pay the next anchor: top it up")
        self.address = address


@dataclass(frozen=True)
class SendingPolicy:
    """How anchors are sent.

    Args:
        fees: what they may cost.
        replace_after_s: how long one may wait before it is outbid. Several blocks' time: each replacement offers
            an eighth more, until the cap.
        max_pending: how many may wait at a time.
    """

    fees: FeePolicy
    replace_after_s: float
    max_pending: int = 8


class _Outdated(Exception):
    """The account's nonce moved on while we looked."""


class EthereumWriter(EthereumReader):
    """Anchors with one key; implements :class:`evote_anchors.anchor.AnchorWriter`.

    It keeps nothing on disk. After a restart it finds what its predecessor sent on the chain and in the node's pool,
    and lets that finish; see :mod:`evote_anchors.ethereum.pipeline`. When as many wait as may, or a predecessor's do,
    a new head is not sent yet: submit the newest head again, every second or so, until the chain has it.
    """

    def __init__(
        self, contract: ContractAt, key: AnchorerKey, policy: SendingPolicy, clock: Callable[[], float]
    ) -> None:
        """``clock`` gives seconds that never go back, such as ``time.monotonic``. Nothing is asked yet."""
        super().__init__(contract, clock)
        self._key = key
        self._chain_id = contract.chain_id
        self._fees = policy.fees
        self._clock = clock
        self._pipeline = Pipeline(replace_after_s=policy.replace_after_s, max_pending=policy.max_pending)
        self._one_at_a_time = asyncio.Lock()
        self._is_anchorer = False
        self._mined = -1
        """As the last look told, behind which the newest head was asked for."""

    async def submit(self, anchor: Anchor) -> None:
        """As :meth:`evote_anchors.anchor.AnchorWriter.submit` says.

        Raises:
            AnchorRefused: the contract holds a larger size, another root of this size, or takes no anchors of this key.
            FeeCapReached: a ``ChainUnavailable``: the chain is too expensive now.
            AccountTooPoor: a ``ChainUnavailable``.
            ChainUnavailable: as above; the outcome is unknown.
        """
        async with self._one_at_a_time:
            await self._demand_anchorer()
            for _ in range(_ROUNDS):
                view, base_fee = await self._look(anchor.origin)
                steps = self._pipeline.plan(anchor, view, self._clock())
                try:
                    for step in steps:
                        await self._take(step, base_fee)
                except _Outdated:
                    continue
                return
        raise ChainUnavailable(f"another program sends transactions of {self._key.address}")

    async def _demand_anchorer(self) -> None:
        """Else each anchor would cost its fee and change nothing. The contract's anchorer never changes."""
        if not self._is_anchorer:
            call = result_of(self._address, anchorer_data())
            anchorer = read_anchorer(await self._ask(lambda web3: ask(web3, call)))
            if anchorer != self._key.address:
                raise AnchorRefused(
                    f"{self.anchor_contract} takes anchors of {anchorer} only, and the key is {self._key.address}'s"
                )
            self._is_anchorer = True

    async def _look(self, origin: str) -> tuple[ChainView, int]:
        """What the node says now, and the newest block's base fee."""
        address = self._key.address
        calls: list[Call[Any]] = [
            transaction_count(address, "latest"),
            transaction_count(address, "pending"),
            result_of(self._address, newest_data(origin)),
            newest_base_fee(),
        ]
        mined, known, newest, base_fee = await self._ask(lambda web3: ask_together(web3, calls))
        if mined == self._mined:
            head = read_newest(origin, newest)
        else:
            # The order counts: what got into a block meanwhile must show in the newest head, or it is sent a second
            # time. That answer may be the first of those four; one that is asked for now comes behind ``mined``.
            head = await self.newest(origin)
            self._mined = mined
        return ChainView(mined, max(mined, known), head), base_fee

    async def _take(self, step: Step, base_fee: int) -> None:
        if isinstance(step, Again):
            refusal = await self._broadcast(step.sent.raw)
            if refusal is not Refusal.TOO_CHEAP:
                self._complain(refusal)
                return
            step = Put(step.sent.nonce, step.sent.anchor, step.sent.fee)
        await self._put(step, base_fee)

    async def _put(self, put: Put, base_fee: int) -> None:
        try:
            fee = self._fees.offer(base_fee) if put.outbids is None else self._fees.outbid(put.outbids, base_fee)
            while (refusal := await self._offer(put, fee)) is Refusal.TOO_CHEAP:
                fee = self._fees.outbid(fee, base_fee)
        except FeeCapReached as reached:
            _log.error("nonce %d, size %d: %s", put.nonce, put.anchor.size, reached.reason)
            raise
        self._complain(refusal)
        _log.info("sent size %d with nonce %d at up to %d wei per gas", put.anchor.size, put.nonce, fee.max_wei)

    async def _offer(self, put: Put, fee: Fee) -> Refusal:
        earlier = self._pipeline.sent_at(put.nonce)
        raw = self._key.sign(self._transaction(put, fee))
        # Recorded first: when no endpoint answers, the transaction may be on its way all the same.
        self._pipeline.record(Sent(put.nonce, put.anchor, fee, raw, self._clock()))
        refusal = await self._broadcast(raw)
        if refusal not in (Refusal.NONE, Refusal.KNOWN):
            self._pipeline.restore(put.nonce, earlier)
        return refusal

    async def _broadcast(self, raw: bytes) -> Refusal:
        try:
            await self._ask(lambda web3: ask(web3, sending(raw)))
        except NodeRefused as error:
            refusal = refusal_of(error.reason)
            _log.warning("the node refuses a transaction (%s): %s", refusal.name, error.reason)
            return refusal
        return Refusal.NONE

    def _complain(self, refusal: Refusal) -> None:
        match refusal:
            case Refusal.NONCE_TOO_LOW:
                raise _Outdated
            case Refusal.NO_FUNDS:
                raise AccountTooPoor(self._key.address)
            case Refusal.OTHER:
                raise ChainUnavailable("the node does not take the transaction; its reason is in the log")

    def _transaction(self, put: Put, fee: Fee) -> TxParams:
        return {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": Nonce(put.nonce),
            "to": self._address,
            "value": Wei(0),
            "gas": GAS_LIMIT,
            "maxFeePerGas": Wei(fee.max_wei),
            "maxPriorityFeePerGas": Wei(fee.priority_wei),
            "data": anchor_data(put.anchor),
        }
