"""Every environment variable that says which chains the log is anchored on. None is needed: no chain, no anchoring."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class EthereumAccount(BaseSettings):
    """Who sends transactions to which Ethereum chain: enough to deploy the contract."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True, extra="ignore")

    ethereum_rpc_urls: Annotated[SecretStr, Field(min_length=1)]
    """JSON-RPC endpoints, separated by commas; the next is asked when one fails. They may hold access tokens."""
    ethereum_chain_id: Annotated[int, Field(ge=1)]
    """EIP-155 id that the endpoints must have, such as 1 for the main network."""
    ethereum_key_file: Path
    """The anchorer's key: 32 bytes in hexadecimal, or an encrypted keystore (version 3)."""
    ethereum_key_password_file: Path | None = None
    """The keystore's password."""
    ethereum_max_fee_gwei: Annotated[float, Field(gt=0)] = 50
    """The most that a unit of gas may cost. Above it anchors wait, and the lag shows."""
    ethereum_priority_fee_gwei: Annotated[float, Field(gt=0)] = 1
    """What whoever builds the block gets for a unit of gas."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the process's environment; raises ``pydantic.ValidationError``, which ``cli.run`` reports."""
        return cls()


class EthereumSettings(EthereumAccount):
    """Anchoring on Ethereum. What it costs an election is ``interval_s``; how late it is, that and the finality."""

    ethereum_contract: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
    """The anchor contract's address, as this service's ``deploy-contract`` printed it."""
    ethereum_first_block: Annotated[int, Field(ge=0)] = 0
    """The block that it was deployed in: nothing before is read."""
    ethereum_finality_depth: Annotated[int, Field(ge=0)] = 64
    """How many blocks must follow an anchor before it counts; 64 is two epochs of the main network."""
    ethereum_interval_s: Annotated[float, Field(ge=0.05)] = 60
    """Seconds from one anchor to the next, at least."""
    ethereum_replace_after_s: Annotated[float, Field(ge=1)] = 60
    """Seconds until an anchor that no block takes is outbid: several blocks' time."""
    ethereum_poll_s: Annotated[float, Field(ge=0.05)] = 4
    """Seconds from one look at the chain's blocks to the next."""


class FabricSettings(BaseSettings):
    """Anchoring on Hyperledger Fabric."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True, extra="ignore")

    fabric_profile_file: Path
    """The connection profile (JSON): channel, chaincode, gateway peers, organisations and the anchorer's identity."""
    fabric_interval_s: Annotated[float, Field(ge=0.05)] = 0.5
    """Seconds from one anchor to the next, at least."""
    fabric_poll_s: Annotated[float, Field(ge=0.05)] = 0.2
    """Seconds from one look at the chain's blocks to the next."""


@dataclass(frozen=True)
class ChainSettings:
    """Where this deployment anchors; None: not on that chain."""

    ethereum: EthereumSettings | None = None
    fabric: FabricSettings | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings of each chain that a variable speaks of.

        Raises:
            pydantic.ValidationError: one of them is missing or wrong; ``cli.run`` reports it.
        """
        return cls(
            EthereumSettings() if _spoken_of("EVOTE_ETHEREUM_") else None,
            FabricSettings() if _spoken_of("EVOTE_FABRIC_") else None,
        )


def _spoken_of(prefix: str) -> bool:
    """Any variable will do: a chain that is named by half must be an error, not a chain left out."""
    return any(name.upper().startswith(prefix) for name in os.environ)
