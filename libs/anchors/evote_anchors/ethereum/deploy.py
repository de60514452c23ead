"""Putting the anchor contract on a chain: once for each city and chain, and again after the loss of a key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3.exceptions import TransactionNotFound, Web3Exception
from web3.types import TxParams, TxReceipt, Wei

from ..errors import ChainUnavailable
from .calls import Web3
from .contract import ContractAt, deployment_data, verify_code
from .endpoints import Endpoints
from .fees import FeePolicy
from .key import AnchorerKey

_GAS_LIMIT = 1_000_000
_CALL_TIMEOUT_S = 10
_LOOK_EVERY_S = 0.5


class DeploymentFailed(ChainUnavailable):
    """The transaction is in a block and made no contract. Field: ``transaction``."""

    def __init__(self, transaction: str) -> None:
        super().__init__(f"the deployment {transaction} failed")
        self.transaction = transaction


@dataclass(frozen=True)
class DeployedContract:
    """A contract in a block; ``account`` is its CAIP-10 account, ``block`` where to search anchors from."""

    address: ChecksumAddress
    account: str
    anchorer: str
    transaction: str
    block: int
    gas_used: int


async def deploy_contract(
    rpc_urls: Sequence[str],
    chain_id: int,
    key: AnchorerKey,
    fees: FeePolicy,
    *,
    anchorer: str,
    within_s: float,
    clock: Callable[[], float],
) -> DeployedContract:
    """Deploy with ``key``, which pays, a contract that takes anchors of ``anchorer`` only, and wait for its block.

    Raises:
        ChainUnavailable: it is not in a block after ``within_s``; the message names the transaction. It may still
            get there, and then costs its fee: a second contract does no harm.
    """
    endpoints = Endpoints(rpc_urls, chain_id, timeout_s=_CALL_TIMEOUT_S, admit=_any_node, clock=clock)
    try:
        transaction = await _send(endpoints, chain_id, key, fees, anchorer)
        receipt = await _wait(endpoints, transaction, clock, clock() + within_s)
        return await _verified(endpoints, rpc_urls, chain_id, anchorer, receipt)
    except Web3Exception as error:
        raise ChainUnavailable(f"the chain's node refuses: {error}") from error
    finally:
        await endpoints.close()


async def _any_node(web3: Web3) -> None:
    """There is no contract yet to know the right node by."""


async def _send(endpoints: Endpoints, chain_id: int, key: AnchorerKey, fees: FeePolicy, anchorer: str) -> HexBytes:
    block = await endpoints.call(lambda web3: web3.eth.get_block("latest"))
    nonce = await endpoints.call(lambda web3: web3.eth.get_transaction_count(key.address, "pending"))
    fee = fees.offer(block.get("baseFeePerGas", 0))
    transaction: TxParams = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "value": Wei(0),
        "gas": _GAS_LIMIT,
        "maxFeePerGas": Wei(fee.max_wei),
        "maxPriorityFeePerGas": Wei(fee.priority_wei),
        "data": deployment_data(anchorer),
    }
    raw = HexBytes(key.sign(transaction))
    return await endpoints.call(lambda web3: web3.eth.send_raw_transaction(raw))


async def _wait(endpoints: Endpoints, transaction: HexBytes, clock: Callable[[], float], deadline: float) -> TxReceipt:
    while clock() < deadline:
        try:
            return await endpoints.call(_receipt_of(transaction))
        except TransactionNotFound:
            await asyncio.sleep(_LOOK_EVERY_S)
    raise ChainUnavailable(f"the deployment {transaction.to_0x_hex()} is in no block yet")


def _receipt_of(transaction: HexBytes) -> Callable[[Web3], Awaitable[TxReceipt]]:
    return lambda web3: web3.eth.get_transaction_receipt(transaction)


async def _verified(
    endpoints: Endpoints, rpc_urls: Sequence[str], chain_id: int, anchorer: str, receipt: TxReceipt
) -> DeployedContract:
    address, transaction = receipt["contractAddress"], receipt["transactionHash"].to_0x_hex()
    if receipt["status"] != 1 or address is None:
        raise DeploymentFailed(transaction)
    verify_code(await endpoints.call(lambda web3: web3.eth.get_code(address)), address)
    return DeployedContract(
        address=address,
        account=ContractAt(tuple(rpc_urls), chain_id, address, finality_depth=0).account,
        anchorer=anchorer,
        transaction=transaction,
        block=receipt["blockNumber"],
        gas_used=receipt["gasUsed"],
    )
