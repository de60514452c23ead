"""Where the log is: bootstrap servers, how to speak to them, topic names."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from aiokafka.partitioner import DefaultPartitioner
from pydantic import SecretStr

from .events import Topic
from .releases import OLDEST_RELEASE

EVENT_MAX_BYTES: Final = 2 * 1024 * 1024
"""The largest encoded event that the log takes, in bytes."""

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
_partitioner: Final = DefaultPartitioner()  # the one that every producer of aiokafka has, unless it is given another


def partition_of(key: str, partitions: int) -> int:
    """Where the events of a key stand, in a topic of so many partitions."""
    return int(_partitioner(key.encode(), range(partitions), ()))


class NamedBySettings(Protocol):
    """The settings of a service that say how it reaches Kafka; ``evote_platform.settings`` documents each."""

    @property
    def environment(self) -> str: ...
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
    @property
    def events_release(self) -> int: ...


class Copies(NamedTuple):
    """How many copies of each partition there are, and how many must have a record before it is acknowledged."""

    of_each: int
    in_sync: int

    @classmethod
    def of(cls, replication: int) -> Copies:
        """From three copies on, two of them."""
        return cls(replication, 2 if replication >= 3 else 1)


PRODUCTION: Final = Copies.of(3)
"""What was acknowledged survives the loss of any one machine, and goes on being acknowledged."""
ONE_BROKER: Final = Copies.of(1)
"""For tests and one's own machine."""


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
    copies: Copies = ONE_BROKER
    """What the topics must have at least."""
    events_release: int = OLDEST_RELEASE
    """What every reader of the deployment reads: nothing newer is written."""

    @classmethod
    def of(cls, settings: NamedBySettings) -> KafkaSettings:
        """What a service's settings say; raises ``ValueError`` when they name credentials by half."""
        return cls(
            settings.kafka_bootstrap,
            settings.topic_prefix,
            _tls_of(settings),
            settings.kafka_client_rack,
            PRODUCTION if settings.environment == "production" else ONE_BROKER,
            settings.events_release,
        )

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
