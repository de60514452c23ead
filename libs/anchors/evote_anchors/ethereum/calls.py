"""The calls that anchoring makes again and again, as JSON-RPC has them; an answer is read as far as it is used.

web3's own methods look up, each time, what a call's parameters and all fields of its answer may be, and bring every one
of them into a form. Of some twenty calls a second, that took as much of a processor as the requests did.

Source: Ethereum's JSON-RPC API (``ethereum/execution-apis``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import AsyncWeb3
from web3.exceptions import BlockNotFound, TransactionNotFound
from web3.types import RPCEndpoint

from .provider import HttpProvider

T = TypeVar("T")
Web3 = AsyncWeb3[HttpProvider]


@dataclass(frozen=True)
class Call(Generic[T]):
    """A method with its parameters, and how its answer is read."""

    method: str
    params: Sequence[Any]
    read: Callable[[Any], T]


@dataclass(frozen=True)
class Log:
    """An event of a contract; hashes are in hexadecimal behind ``0x``."""

    block: int
    block_hash: str
    transaction: str
    data: bytes


async def ask(web3: Web3, call: Call[T]) -> T:
    """What a node answers; raises ``EndpointFailed``, and ``Web3Exception`` where the answer is an error."""
    answer = await web3.provider.make_request(RPCEndpoint(call.method), call.params)
    return call.read(web3.manager.formatted_response(answer, call.params))


async def ask_together(web3: Web3, calls: Sequence[Call[Any]]) -> list[Any]:
    """What a node answers to several calls that only read, by one request; raises as :func:`ask`.

    The node works on them in whatever order it likes (JSON-RPC 2.0, section 6): none may rely on coming behind another.
    """
    answers = await web3.provider.make_batch_request([(RPCEndpoint(call.method), call.params) for call in calls])
    return [
        call.read(web3.manager.formatted_response(answer, call.params))
        for call, answer in zip(calls, answers, strict=True)
    ]


def block_number() -> Call[int]:
    """The newest block."""
    return Call("eth_blockNumber", (), _quantity)


def transaction_count(address: ChecksumAddress, block: Literal["latest", "pending"]) -> Call[int]:
    """An account's next nonce."""
    return Call("eth_getTransactionCount", (address, block), _quantity)


def result_of(address: ChecksumAddress, data: HexBytes) -> Call[HexBytes]:
    """What a contract answers in the newest block."""
    return Call("eth_call", ({"to": address, "data": data.to_0x_hex()}, "latest"), HexBytes)


def newest_base_fee() -> Call[int]:
    """The newest block's, in wei for a unit of gas; 0: the chain asks none."""

    def read(block: Any) -> int:
        if block is None:
            raise BlockNotFound("there is no newest block")
        return _quantity(block.get("baseFeePerGas", "0x0"))

    return Call("eth_getBlockByNumber", ("latest", False), read)


def block_time(block_hash: str) -> Call[datetime]:
    """When a block was made, as it says."""

    def read(block: Any) -> datetime:
        if block is None:
            raise BlockNotFound(f"block {block_hash} is not there")
        return datetime.fromtimestamp(_quantity(block["timestamp"]), UTC)

    return Call("eth_getBlockByHash", (block_hash, False), read)


def sender(transaction: str) -> Call[ChecksumAddress]:
    """Whose key signed a transaction."""

    def read(found: Any) -> ChecksumAddress:
        if found is None:
            raise TransactionNotFound(f"transaction {transaction} is not there")
        return to_checksum_address(found["from"])

    return Call("eth_getTransactionByHash", (transaction,), read)


def logs(address: ChecksumAddress, topics: Sequence[str], first: int, last: int) -> Call[list[Log]]:
    """The events of a contract with these topics, in the blocks from first to last (inclusive)."""
    wanted = {"address": address, "topics": topics, "fromBlock": hex(first), "toBlock": hex(last)}
    return Call("eth_getLogs", (wanted,), lambda found: [_log(one) for one in found])


def sending(raw: bytes) -> Call[None]:
    """Hand a signed transaction to the node."""
    return Call("eth_sendRawTransaction", (HexBytes(raw).to_0x_hex(),), lambda _: None)


def _log(found: Any) -> Log:
    return Log(
        _quantity(found["blockNumber"]),
        HexBytes(found["blockHash"]).to_0x_hex(),
        HexBytes(found["transactionHash"]).to_0x_hex(),
        HexBytes(found["data"]),
    )


def _quantity(text: str) -> int:
    return int(text, 16)
