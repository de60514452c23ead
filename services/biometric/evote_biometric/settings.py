"""Every environment variable of the service."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.releases import OLDEST_RELEASE, EventsRelease
from evote_platform.settings import ServiceSettings
from pydantic import Field

from .domain.liveness import MOST_FRAMES
from .keys import MasterKey


class BiometricSettings(ServiceSettings):
    """Settings of biometric; each is read from ``EVOTE_`` and its name in capitals."""

    master_key_file: Path
    """Base64 of 32 secret bytes, which wrap the elections' keys."""
    auth_public_key_file: Path
    """Ed25519 public key (PEM) of auth's orders."""
    verdict_key_file: Path
    """Ed25519 private key (PEM, PKCS #8) that signs verdicts."""
    weights_dir: Path
    """The folder of the models' weights, as the set-up puts them into place."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that read faces; each takes about a gigabyte."""
    queue_length: Annotated[int, Field(ge=MOST_FRAMES, le=10_000)] = 4 * MOST_FRAMES
    """How many pictures may wait or be read before a request is answered with 503."""
    likeness_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.065
    """Cosine distance to the enrolled template below which a face counts as the same; why: docs/biometrics.md."""
    address_requests_per_minute: Annotated[int, Field(ge=1)] = 60
    """How many requests one address may send, on average and at once, at this replica."""

    events_release: EventsRelease = OLDEST_RELEASE
    """The release of the events that every reader of the deployment reads: nothing newer is written."""

    def kafka(self) -> KafkaSettings:
        """Where the event log is."""
        return KafkaSettings.of(self)

    def master_key(self) -> MasterKey:
        """Read the master key."""
        return MasterKey(base64.b64decode(self.master_key_file.read_bytes().strip(), validate=True))

    def order_key(self) -> Ed25519PublicKey:
        """Read auth's key; ``ValueError`` for a key of another kind."""
        key = load_pem_public_key(self.auth_public_key_file.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("auth's key must be an Ed25519 key")
        return key

    def verdict_key(self) -> Ed25519PrivateKey:
        """Read the verdict key; ``ValueError`` for a key of another kind."""
        key = load_pem_private_key(self.verdict_key_file.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the verdict key must be an Ed25519 key")
        return key
