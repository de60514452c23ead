"""Every environment variable of ledger-anchor, beside those that all services have."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate
from evote_anchors.fabric.errors import ProfileInvalid
from evote_anchors.fabric.profile import load_certificates
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.releases import OLDEST_RELEASE, EventsRelease
from evote_platform.certificates import NamedCertificates
from evote_platform.settings import ServiceSettings
from evote_tlog.checkpoint import SigningKey, VerifierKey
from evote_tlog.errors import MalformedPolicy
from evote_tlog.policy import Policy, parse_policy
from pydantic import Field

from .chain_settings import ChainSettings


class UnusableLogKey(Exception):
    """``EVOTE_LOG_KEY_FILE`` holds no Ed25519 private key in PEM. Field: ``path``."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no Ed25519 private key in PEM (PKCS #8) without a password")
        self.path = path


class UnusableWitnessPolicy(Exception):
    """``EVOTE_WITNESS_POLICY_FILE`` is no policy that this log can follow. Fields: ``path`` and ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is no witness policy for this log: {reason}")
        self.path = path
        self.reason = reason


class LedgerSettings(ServiceSettings):
    """Settings of ledger-anchor. Key and origin name one log for its whole life: never change them."""

    log_key_file: Path
    """PEM (PKCS #8) file of the Ed25519 key that signs checkpoints."""
    log_origin: Annotated[str, Field(pattern=r"^[^\s+]+$", max_length=200)]
    """The log's name in checkpoints: its public URL without the scheme, such as ``vote.city.example/log``."""
    batch_interval_s: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A fetch of new records begins no sooner behind the one before, in seconds. So long a record waits at most for
    others to share its checkpoint, where its partition's leader answers within 0.02 s; else until the next fetch."""
    witness_policy_file: Path | None = None
    """C2SP tlog-policy with this log's key, and the URL of each witness; without it every signed checkpoint counts."""
    witness_interval_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0
    """How often the witnesses are asked, at the most, in seconds."""

    monitor_interval_s: Annotated[float, Field(ge=0.1, le=3600)] = 60
    """How long the monitor waits between two passes, in seconds; a hundred times as long as a pass takes, where that is
    more, but no longer than makes three times this, or 180 s, from one pass's beginning to the next."""
    monitor_state_file: Path | None = None
    """Where the monitor keeps what it saw intact, on a disk that neither Kafka nor the database is on; without it,
    it remembers nothing of before its start."""

    events_release: EventsRelease = OLDEST_RELEASE
    """The release of the events that every reader of the deployment reads: nothing newer is written."""

    def kafka(self) -> KafkaSettings:
        """Where the event log is."""
        return KafkaSettings.of(self)

    def certificates(self) -> NamedCertificates:
        """Those of every service, and all of Fabric's that the chain's profile names."""
        common, fabric = super().certificates(), ChainSettings.from_environment().fabric
        if fabric is None:
            return common
        own = {"fabric": partial(_of_profile, fabric.fabric_profile_file)}
        return NamedCertificates({**common.read_once, **own}, common.read_again)

    def signing_key(self) -> SigningKey:
        """Read the key; raises :class:`UnusableLogKey`, ``OSError``."""
        try:
            key = load_pem_private_key(self.log_key_file.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise UnusableLogKey(self.log_key_file) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UnusableLogKey(self.log_key_file)
        return SigningKey(self.log_origin, key)

    def witness_policy(self, key: VerifierKey) -> Policy | None:
        """Read the policy, if there is one, for the log with ``key``; raises ``UnusableWitnessPolicy``, ``OSError``."""
        path = self.witness_policy_file
        if path is None:
            return None
        try:
            policy = parse_policy(path.read_bytes())
        except MalformedPolicy as error:
            raise UnusableWitnessPolicy(path, str(error)) from error
        if key.text not in [log.key.text for log in policy.logs]:
            raise UnusableWitnessPolicy(path, f"add the line 'log {key.text}'")
        mute = [witness.name for witness in policy.witnesses if witness.url is None]
        if mute:
            raise UnusableWitnessPolicy(path, f"add the URLs of the witnesses {', '.join(mute)}")
        return policy


def _of_profile(path: Path) -> tuple[Certificate, ...]:
    try:
        return load_certificates(path)
    except ProfileInvalid as error:
        raise ValueError(str(error)) from error
