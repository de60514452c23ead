"""Every environment variable of ledger-anchor, beside those that all services have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from evote_eventlog.kafka import KafkaSettings
from evote_platform.settings import ServiceSettings
from evote_tlog.checkpoint import SigningKey
from pydantic import Field


class UnusableLogKey(Exception):
    """``EVOTE_LOG_KEY_FILE`` holds no Ed25519 private key in PEM. Field: ``path``."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no Ed25519 private key in PEM (PKCS #8) without a password")
        self.path = path


class LedgerSettings(ServiceSettings):
    """Settings of ledger-anchor. Key and origin name one log for its whole life: never change them."""

    log_key_file: Path
    """PEM (PKCS #8) file of the Ed25519 key that signs checkpoints."""
    log_origin: Annotated[str, Field(pattern=r"^[^\s+]+$", max_length=200)]
    """The log's name in checkpoints: its public URL without the scheme, such as ``vote.city.example/log``."""
    batch_interval_s: Annotated[float, Field(gt=0, le=1)] = 0.25
    """How long new records wait, at most, for others to share their checkpoint, in seconds."""

    monitor_interval_s: Annotated[float, Field(ge=0.1, le=3600)] = 60
    """How long the monitor waits between two passes, in seconds."""
    monitor_state_file: Path | None = None
    """Where the monitor keeps what it saw intact, on a disk that neither Kafka nor the database is on; without it,
    it remembers nothing of before its start."""

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
