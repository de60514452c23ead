"""Every environment variable of ledger-anchor, beside those that all services have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from evote_eventlog.kafka import KafkaSettings
from evote_platform.settings import ServiceSettings
from evote_tlog.checkpoint import SigningKey
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class UnusableLogKey(Exception):
    """``EVOTE_LOG_KEY_FILE`` holds no Ed25519 private key in PEM. Field: ``path``."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no Ed25519 private key in PEM (PKCS #8) without a password")
        self.path = path


class EthereumAccount(BaseSettings):
    """Who sends transactions to which Ethereum chain: enough to deploy the contract."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True, extra="ignore")

    ethereum_rpc_urls: Annotated[str, Field(min_length=1)]
    """JSON-RPC endpoints, separated by commas; the next is asked when one fails."""
    ethereum_chain_id: Annotated[int, Field(ge=1)]
    """EIP-155 id that the endpoints must have, such as 1 for the main network."""
    ethereum_key_file: Path
    """The anchorer's key: 32 bytes in hexadecimal, or an encrypted keystore (version 3)."""
    ethereum_key_password_file: Path | None = None
    """The keystore's password."""
    ethereum_max_fee_gwei: Annotated[float, Field(gt=0)] = 50
    """The most that a unit of gas may cost. Above it anchors wait, and the lag shows."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the process's environment; raises ``pydantic.ValidationError``, which ``cli.run`` reports."""
        return cls()


class EthereumSettings(EthereumAccount):
    """Anchoring on Ethereum. What it costs an election is ``interval_s``; how late it is, that and the finality."""

    ethereum_contract: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
    """The anchor contract's address, as ``evote-ledger-anchor deploy-contract`` printed it."""
    ethereum_first_block: Annotated[int, Field(ge=0)] = 0
    """The block that it was deployed in: nothing before is read."""
    ethereum_finality_depth: Annotated[int, Field(ge=0)] = 64
    """How many blocks must follow an anchor before it counts; 64 is two epochs of the main network, 0 a chain of ours."""
    ethereum_interval_s: Annotated[float, Field(ge=0.05)] = 60
    """Seconds from one anchor to the next, at least."""
    ethereum_poll_s: Annotated[float, Field(ge=0.05)] = 4
    """Seconds from one look at the chain's blocks to the next."""


class FabricSettings(BaseSettings):
    """Anchoring on Hyperledger Fabric."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True, extra="ignore")

    fabric_connection_file: Path
    """JSON: channel, chaincode, gateway peers and the anchorer's identity (``libs/anchors``)."""
    fabric_interval_s: Annotated[float, Field(ge=0.05)] = 0.5
    """Seconds from one anchor to the next, at least."""
    fabric_poll_s: Annotated[float, Field(ge=0.05)] = 0.2
    """Seconds from one look at the chain's blocks to the next."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the process's environment; raises ``pydantic.ValidationError``, which ``cli.run`` reports."""
        return cls()


class LedgerSettings(ServiceSettings):
    """Settings of ledger-anchor. Key and origin name one log for its whole life: never change them."""

    log_key_file: Path
    """PEM (PKCS #8) file of the Ed25519 key that signs checkpoints."""
    log_origin: Annotated[str, Field(pattern=r"^[^\s+]+$", max_length=200)]
    """The log's name in checkpoints: its public URL without the scheme, such as ``vote.city.example/log``."""
    batch_interval_s: Annotated[float, Field(gt=0, le=1)] = 0.25
    """How long new records wait, at most, for others to share their checkpoint, in seconds."""

    def kafka(self) -> KafkaSettings:
        """Where the event log is."""
        return KafkaSettings(self.kafka_bootstrap, self.topic_prefix)

    def signing_key(self) -> SigningKey:
        """Read the key; raises :class:`UnusableLogKey`, ``OSError``."""
        try:
            key = load_pem_private_key(self.log_key_file.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise UnusableLogKey(self.log_key_file) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UnusableLogKey(self.log_key_file)
        return SigningKey(self.log_origin, key)

    @staticmethod
    def ethereum() -> EthereumSettings | None:
        """Anchoring on Ethereum, when ``EVOTE_ETHEREUM_RPC_URLS`` asks for it."""
        return EthereumSettings.from_environment() if os.environ.get("EVOTE_ETHEREUM_RPC_URLS") else None

    @staticmethod
    def fabric() -> FabricSettings | None:
        """Anchoring on Fabric, when ``EVOTE_FABRIC_CONNECTION_FILE`` asks for it."""
        return FabricSettings.from_environment() if os.environ.get("EVOTE_FABRIC_CONNECTION_FILE") else None
