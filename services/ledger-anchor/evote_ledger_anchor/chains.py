"""The chains that the settings name, opened for anchoring, and the contract put on one."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from evote_anchors.anchor import AnchorWriter
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.deploy import DeployedContract, deploy_contract
from evote_anchors.ethereum.fees import FeePolicy
from evote_anchors.ethereum.key import load_key
from evote_anchors.ethereum.writer import EthereumWriter, SendingPolicy
from evote_anchors.fabric.profile import load_profile
from evote_anchors.fabric.writer import FabricWriter
from evote_platform.clock import utc_now

from .anchoring import Pace
from .chain_settings import ChainSettings, EthereumAccount, EthereumSettings

_WEI = 10**9
_DEPLOYED_WITHIN_S = 300


@dataclass(frozen=True)
class OpenChain:
    """A chain, and how often it is used."""

    writer: AnchorWriter
    pace: Pace


@asynccontextmanager
async def open_chains(settings: ChainSettings) -> AsyncIterator[Sequence[OpenChain]]:
    """Every chain of the settings, closed when the block ends. No chain has to answer for this."""
    ethereum, fabric = settings.ethereum, settings.fabric
    async with AsyncExitStack() as opened:
        chains: list[OpenChain] = []
        if ethereum is not None:
            writer = _ethereum_writer(ethereum)
            opened.push_async_callback(writer.close)
            pace = Pace(ethereum.ethereum_interval_s, ethereum.ethereum_poll_s, ethereum.ethereum_first_block)
            chains.append(OpenChain(writer, pace))
        if fabric is not None:
            fabric_writer = FabricWriter(load_profile(fabric.fabric_profile_file), secrets.token_bytes, utc_now)
            opened.push_async_callback(fabric_writer.close)
            pace = Pace(fabric.fabric_interval_s, fabric.fabric_poll_s, first_block=0)
            chains.append(OpenChain(fabric_writer, pace))
        yield chains


async def deploy(account: EthereumAccount) -> DeployedContract:
    """Put the anchor contract on the chain, for the account that pays; raises ``ChainUnavailable``, ``UnusableKey``."""
    key = load_key(account.ethereum_key_file, account.ethereum_key_password_file)
    return await deploy_contract(
        _urls(account),
        account.ethereum_chain_id,
        key,
        _fees(account),
        anchorer=key.address,
        within_s=_DEPLOYED_WITHIN_S,
        clock=time.monotonic,
    )


def _ethereum_writer(settings: EthereumSettings) -> EthereumWriter:
    contract = ContractAt(
        _urls(settings),
        settings.ethereum_chain_id,
        settings.ethereum_contract,
        settings.ethereum_finality_depth,
    )
    key = load_key(settings.ethereum_key_file, settings.ethereum_key_password_file)
    policy = SendingPolicy(_fees(settings), settings.ethereum_replace_after_s)
    return EthereumWriter(contract, key, policy, time.monotonic)


def _urls(account: EthereumAccount) -> tuple[str, ...]:
    return tuple(url.strip() for url in account.ethereum_rpc_urls.get_secret_value().split(",") if url.strip())


def _fees(account: EthereumAccount) -> FeePolicy:
    return FeePolicy(round(account.ethereum_max_fee_gwei * _WEI), round(account.ethereum_priority_fee_gwei * _WEI))
