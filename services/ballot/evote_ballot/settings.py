"""Every environment variable of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.releases import OLDEST_RELEASE, EventsRelease
from evote_platform.processors import usable_processors
from evote_platform.settings import ServiceSettings
from pydantic import Field


class BallotSettings(ServiceSettings):
    """Settings of ballot; each is read from ``EVOTE_`` and its name in capitals."""

    receipt_key_file: Path
    """PEM (PKCS#8) of the Ed25519 key that signs receipts; the same for all replicas."""
    workers: int = Field(default_factory=usable_processors, ge=1, le=256)
    """Threads that verify ballots; processes, where the core is not compiled."""
    credential_ballots_per_minute: Annotated[int, Field(ge=1)] = 20
    """How many ballots that one credential has signed are looked at, on average and at once, at this replica."""
    address_requests_per_minute: Annotated[int, Field(ge=1)] = 120
    """How many ballots one address may post, on average and at once, at this replica. Families share one."""
    turnout_watchers: Annotated[int, Field(ge=1)] = 1000
    """How many may watch the turnout live at this replica."""

    events_release: EventsRelease = OLDEST_RELEASE
    """The release of the events that every reader of the deployment reads: nothing newer is written."""

    def kafka(self) -> KafkaSettings:
        """Where the event log is."""
        return KafkaSettings.of(self)

    def receipt_key(self) -> Ed25519PrivateKey:
        """Read the key; ``ValueError`` when it is of another kind."""
        key = load_pem_private_key(self.receipt_key_file.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the receipt key is not an Ed25519 key")
        return key
