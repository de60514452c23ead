"""The anchor contract as it stands on a chain: its code, and how it is called and read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from eth_abi.abi import decode, encode
from eth_typing import ChecksumAddress, HexStr
from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector
from eth_utils.address import is_address, to_checksum_address
from hexbytes import HexBytes

from ..anchor import Anchor
from ..errors import ChainUnavailable, WrongContract


@dataclass(frozen=True)
class ContractAt:
    """Where a deployed anchor contract is, and through whom it is reached.

    Args:
        rpc_urls: JSON-RPC endpoints of the chain, the preferred one first; they may hold access tokens.
        chain_id: as in EIP-155; an endpoint of any other chain is never used.
        address: of the contract.
        finality_depth: how many blocks must follow a block before no reorganisation takes it back.
        call_timeout_s: how long one endpoint may take to answer one call.
    """

    rpc_urls: tuple[str, ...] = field(repr=False)
    chain_id: int
    address: str
    finality_depth: int
    call_timeout_s: float = 10

    @property
    def checksummed(self) -> ChecksumAddress:
        """The address as EIP-55 writes it; raises :class:`WrongContract`."""
        if not is_address(self.address):
            raise WrongContract(f"{self.address!r} is no Ethereum address")
        return to_checksum_address(self.address)

    @property
    def account(self) -> str:
        """The contract's CAIP-10 account."""
        return f"eip155:{self.chain_id}:{self.checksummed}"


@dataclass(frozen=True)
class _Artefact:
    bytecode: HexBytes
    runtime: HexBytes
    selectors: dict[str, bytes]
    topic: HexBytes


def origin_id(origin: str) -> bytes:
    """How the contract knows a log: SHA-256 of its origin in UTF-8."""
    return hashlib.sha256(origin.encode()).digest()


def anchored_topics(origin: str) -> list[HexStr]:
    """The topics of every event ``Anchored`` of one log."""
    return [HexStr("0x" + _artefact().topic.hex()), HexStr("0x" + origin_id(origin).hex())]


def deployment_data(anchorer: str) -> HexBytes:
    """The creation transaction's data."""
    return HexBytes(_artefact().bytecode + encode(["address"], [anchorer]))


def anchor_data(anchor: Anchor) -> HexBytes:
    """A call's data that anchors this head."""
    arguments = encode(["bytes32", "uint64", "bytes32"], [origin_id(anchor.origin), anchor.size, anchor.root])
    return HexBytes(_artefact().selectors["anchor"] + arguments)


def newest_data(origin: str) -> HexBytes:
    """A call's data whose result :func:`read_newest` understands."""
    return HexBytes(_artefact().selectors["newest"] + origin_id(origin))


def read_newest(origin: str, result: bytes) -> Anchor | None:
    """The head in the result of ``newest``; None: there is none. Raises :class:`ChainUnavailable`."""
    if len(result) != 64:
        raise ChainUnavailable(f"the contract's newest head has {len(result)} bytes, which is not an answer")
    size, root = decode(["uint64", "bytes32"], result)
    return None if size == 0 else Anchor(origin, size, root)


def anchorer_data() -> HexBytes:
    """A call's data whose result :func:`read_anchorer` understands."""
    return HexBytes(_artefact().selectors["anchorer"])


def read_anchorer(result: bytes) -> ChecksumAddress:
    """The address in the result of ``anchorer``."""
    return to_checksum_address(decode(["address"], result)[0])


def read_anchored(data: bytes) -> tuple[int, bytes]:
    """Size and root in the data of an event ``Anchored``."""
    size, root = decode(["uint64", "bytes32"], data)
    return size, root


def verify_code(code: bytes, address: str) -> None:
    """Raise :class:`WrongContract` unless this is the contract's code; the anchorer's address stands behind it."""
    runtime = _artefact().runtime
    if not code:
        raise WrongContract(f"there is no contract at {address}")
    if len(code) != len(runtime) + 32 or code[: len(runtime)] != runtime:
        raise WrongContract(f"what stands at {address} is not the anchor contract")


@cache
def _artefact() -> _Artefact:
    found = json.loads(resources.files(__package__).joinpath("contract.json").read_text())
    functions = {entry["name"]: entry for entry in found["abi"] if entry["type"] == "function"}
    (event,) = (entry for entry in found["abi"] if entry["type"] == "event")
    return _Artefact(
        HexBytes(found["bytecode"]),
        HexBytes(found["runtime"]),
        {name: function_abi_to_4byte_selector(entry) for name, entry in functions.items()},
        HexBytes(event_abi_to_log_topic(event)),
    )
