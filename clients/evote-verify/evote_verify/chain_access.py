"""The chains that an auditor names, to be opened for reading.

What talks to a chain is imported when it is needed: it takes longer to load than a small archive to verify.
"""

from __future__ import annotations

import argparse
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from evote_anchors.anchor import AnchorReader
from evote_anchors.errors import ChainError

from .findings import Unusable
from .reading.chains import NamedChain

DEFAULT_FINALITY_DEPTH: Final = 64
"""Two epochs of Ethereum's main chain: what finality takes there when all goes well."""
_CAIP_10 = re.compile(r"eip155:(?P<chain>[1-9][0-9]{0,15}):(?P<address>0x[0-9a-fA-F]{40})", re.ASCII)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How chains are named on the command line."""
    add = parser.add_argument
    add("--ethereum", metavar="URL", action="append", help="a JSON-RPC endpoint; give several to go on without one")
    add("--contract", metavar="CAIP-10", help="the anchor contract, such as eip155:1:0x…")
    add("--contract-block", type=int, default=0, metavar="BLOCK", help="the block that the contract was made in")
    add(
        "--finality-depth",
        type=int,
        default=DEFAULT_FINALITY_DEPTH,
        metavar="BLOCKS",
        help="how many blocks must follow an anchor's (default: %(default)s)",
    )
    add("--fabric", type=Path, metavar="FILE", help="a connection profile (JSON); any member of the channel may read")


def check_options(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program with status 2 unless the options make sense together."""
    if (arguments.ethereum is None) != (arguments.contract is None):
        parser.error("--ethereum and --contract belong together")
    if arguments.contract is not None and not _CAIP_10.fullmatch(arguments.contract):
        parser.error("--contract is a CAIP-10 account: eip155:<chain id>:<address>")
    if arguments.finality_depth < 0 or arguments.contract_block < 0:
        parser.error("blocks are counted from 0")
    if arguments.log is None and (arguments.ethereum is not None or arguments.fabric is not None):
        parser.error("a chain is held against a --log")


def named_chains(arguments: argparse.Namespace) -> list[NamedChain]:
    """The chains that were asked for; raises :class:`Unusable`."""
    return [*_ethereum(arguments), *_fabric(arguments)]


def _ethereum(arguments: argparse.Namespace) -> Iterator[NamedChain]:
    if arguments.ethereum is None:
        return
    from evote_anchors.ethereum.contract import ContractAt
    from evote_anchors.ethereum.reader import EthereumReader

    account = _CAIP_10.fullmatch(arguments.contract)
    if account is None:
        raise Unusable(f"{arguments.contract} is no CAIP-10 account of Ethereum")
    contract = ContractAt(
        tuple(arguments.ethereum), int(account["chain"]), account["address"], arguments.finality_depth
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[AnchorReader]:
        reader = EthereumReader(contract, time.monotonic)
        try:
            yield reader
        finally:
            await reader.close()

    yield NamedChain("ethereum", opened, arguments.contract_block)


def _fabric(arguments: argparse.Namespace) -> Iterator[NamedChain]:
    if arguments.fabric is None:
        return
    from evote_anchors.fabric.profile import load_profile
    from evote_anchors.fabric.reader import FabricReader

    try:
        profile = load_profile(arguments.fabric)
    except ChainError as error:
        raise Unusable(error.reason) from error

    @asynccontextmanager
    async def opened() -> AsyncIterator[AnchorReader]:
        reader = FabricReader(profile, secrets.token_bytes, lambda: datetime.now(UTC))
        try:
            yield reader
        finally:
            await reader.close()

    yield NamedChain("fabric", opened, first_block=0)
