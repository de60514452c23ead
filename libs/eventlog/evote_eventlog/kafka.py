"""Where the log is: bootstrap servers, topic names and the topics' settings."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code
from pydantic import SecretStr

from .errors import TopicsUnavailable
from .events import Topic

EVENT_MAX_BYTES: Final = 2 * 1024 * 1024
"""The largest encoded event that the log takes, in bytes."""

# Above EVENT_MAX_BYTES: the broker counts the record batch around the event too.
_TOPIC_MAX_MESSAGE_BYTES = EVENT_MAX_BYTES + 64 * 1024

DEFAULT_PARTITIONS: Final[Mapping[Topic, int]] = {
    Topic.BALLOTS: 6,
    Topic.IDENTITY: 6,
    Topic.BIOMETRIC: 6,
    Topic.ELECTIONS: 1,
    Topic.TALLY: 1,
    Topic.LEDGER: 1,
    Topic.DEAD_LETTER: 1,
}
"""How many partitions each topic has in a deployment. Changing it later would move keys: never do."""

_TOPIC_ALREADY_EXISTS = 36  # Apache Kafka protocol, "Error codes"


class NamedBySettings(Protocol):
    """The settings of a service that say how it reaches Kafka; ``evote_platform.settings`` documents each."""

    @property
    def kafka_bootstrap(self) -> str: ...
    @property
    def topic_prefix(self) -> str: ...
    @property
    def kafka_ca_file(self) -> Path | None: ...
    @property
    def kafka_certificate_file(self) -> Path | None: ...
    @property
    def kafka_key_file(self) -> Path | None: ...
    @property
    def kafka_username(self) -> str | None: ...
    @property
    def kafka_password(self) -> SecretStr | None: ...
    @property
    def kafka_client_rack(self) -> str | None: ...


@dataclass(frozen=True)
class KafkaPassword:
    """A name and password for SASL (SCRAM-SHA-512); it prints neither."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True)
class KafkaTls:
    """What a client shows to the brokers, and by what it knows them."""

    ca_file: Path
    """PEM of the authorities that issue the brokers' certificates; nobody else's are taken."""
    certificate_file: Path | None = None
    """PEM chain of the client's own certificate (mTLS): the principal that the brokers' access control sees."""
    key_file: Path | None = None
    password: KafkaPassword | None = None
    """SASL inside of TLS, where the client has no certificate."""

    @cached_property
    def context(self) -> ssl.SSLContext:
        """Certificates and host names are checked; raises ``OSError`` when a file can't be read."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate_file is not None:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def options(self) -> dict[str, Any]:
        """As aiokafka's clients take it."""
        if self.password is None:
            return {"security_protocol": "SSL", "ssl_context": self.context}
        return {
            "security_protocol": "SASL_SSL",
            "ssl_context": self.context,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.password.username,
            "sasl_plain_password": self.password.password,
        }


@dataclass(frozen=True)
class KafkaSettings:
    """How to reach Kafka and how the deployment's topics are named."""

    bootstrap_servers: str
    """Comma-separated ``host:port``."""
    topic_prefix: str = "evote."
    tls: KafkaTls | None = None
    """None: plaintext, for tests and one's own machine."""
    client_rack: str | None = None
    """The zone that this client runs in: it reads from a replica there (KIP-392)."""

    @classmethod
    def of(cls, settings: NamedBySettings) -> KafkaSettings:
        """What a service's settings say; raises ``ValueError`` when they name credentials by half."""
        return cls(settings.kafka_bootstrap, settings.topic_prefix, _tls_of(settings), settings.kafka_client_rack)

    def client_options(self) -> dict[str, Any]:
        """What every client of aiokafka is told about the way to the brokers."""
        return {"bootstrap_servers": self.bootstrap_servers, **(self.tls.options() if self.tls else {})}

    def topic_name(self, topic: Topic) -> str:
        """The Kafka name of a topic, such as ``evote.ballots``."""
        return f"{self.topic_prefix}{topic.value}"

    def topic_of(self, name: str) -> Topic:
        """The inverse of :meth:`topic_name`; raises ``ValueError`` for a foreign name."""
        if not name.startswith(self.topic_prefix):
            raise ValueError(f"{name!r} is not a topic of the prefix {self.topic_prefix!r}")
        return Topic(name.removeprefix(self.topic_prefix))


def _tls_of(settings: NamedBySettings) -> KafkaTls | None:
    username, password = settings.kafka_username, settings.kafka_password
    if (settings.kafka_certificate_file is None) != (settings.kafka_key_file is None):
        raise ValueError("a certificate for Kafka needs its key, and a key its certificate")
    if (username is None) != (password is None):
        raise ValueError("a username for Kafka needs its password, and a password its username")
    if settings.kafka_ca_file is None:
        if username is not None or settings.kafka_key_file is not None:
            raise ValueError("certificates and passwords are shown inside of TLS only: name the brokers' authority")
        return None
    return KafkaTls(
        settings.kafka_ca_file,
        settings.kafka_certificate_file,
        settings.kafka_key_file,
        None if username is None or password is None else KafkaPassword(username, password.get_secret_value()),
    )


async def create_topics(
    settings: KafkaSettings,
    partitions: Mapping[Topic, int] = DEFAULT_PARTITIONS,
    replication: int = 1,
) -> None:
    """Create the topics that are missing; topics that exist are left as they are.

    Events are kept for ever: the topics are the truth from which everything else is replayed.

    Args:
        partitions: the number of partitions of each topic to create.
        replication: copies of each partition; from 3 on, 2 of them must have a record before it
            is acknowledged (``min.insync.replicas``).
    """
    configs = {
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
        "max.message.bytes": str(_TOPIC_MAX_MESSAGE_BYTES),
        "min.insync.replicas": "2" if replication >= 3 else "1",
        "unclean.leader.election.enable": "false",
    }
    wanted = [
        NewTopic(settings.topic_name(topic), count, replication, topic_configs=configs)
        for topic, count in partitions.items()
    ]
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        answer = await admin.create_topics(wanted)
        for name, code, message in answer.topic_errors:
            if code not in (0, _TOPIC_ALREADY_EXISTS):
                raise TopicsUnavailable(name, message or for_code(code).__name__)
        await _wait_for_leaders(admin, [topic.name for topic in wanted])
    finally:
        await admin.close()


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Creation is asynchronous: a producer that comes too early would see no leader."""
    reason = ""
    for _ in range(100):
        described = await admin.describe_topics(names)
        waiting = [
            topic["topic"]
            for topic in described
            if topic["error_code"] != 0 or any(part["leader"] < 0 for part in topic["partitions"])
        ]
        if not waiting:
            return
        reason = f"no leader for {', '.join(waiting)}"
        await asyncio.sleep(0.05)
    raise TopicsUnavailable(names[0], reason)
