"""The settings that every service has, from environment variables that begin with ``EVOTE_``."""

from __future__ import annotations

import ipaddress
import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from .certificates import NamedCertificates, in_file


class CannotStart(Exception):
    """What the settings name can't be used: a key, a weight, a connection. Field: ``reason``, shown to the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Environment(StrEnum):
    """What a deployment is for."""

    PRODUCTION = "production"
    TEST = "test"


NO_PROXIES = "none"
COLLECTORS_AUTHORITY: Final = "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"
"""OpenTelemetry's own variable: PEM of the authorities that the Collector's certificate may come from."""


def _proxies(text: str) -> str:
    """``none``, or addresses and networks separated by commas; everybody is no proxy."""
    for part in text.split(",") if text != NO_PROXIES else ():
        try:
            network = ipaddress.ip_network(part.strip())
        except ValueError:
            raise ValueError("name addresses and networks, separated by commas, or 'none'") from None
        if network.prefixlen == 0:
            # Whoever is trusted names the client: everybody would choose the address that they are limited by.
            raise ValueError("these networks hold everybody; name the proxies alone")
    return text


_ORIGIN: Final = re.compile(r"(https?)://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::([1-9]\d{0,4}))?", re.ASCII)
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def _origins(text: str) -> str:
    """Origins as a browser writes them, separated by commas: they are compared letter by letter."""
    for part in text.split(",") if text else ():
        written = _ORIGIN.fullmatch(part.strip())
        if written is None or written[2] == _DEFAULT_PORTS[written[1]] or int(written[2] or 0) > 65535:
            raise ValueError(
                "name origins as browsers write them, separated by commas: scheme and host in small letters, the port"
                " unless it is the scheme's own, no path and no *"
            )
    return text


def _endpoint(text: str) -> str:
    """The whole URL that spans are posted to."""
    try:
        url = urlsplit(text)
        known = url.scheme in ("http", "https") and url.hostname and url.path.strip("/") and url.port != 0
    except ValueError:
        known = False
    if not known or url.username is not None or url.query or url.fragment:
        raise ValueError(
            "name the whole URL that the Collector takes OTLP at, such as https://collector:4318/v1/traces, without a"
            " user, a query or a fragment"
        )
    return text


class ServiceSettings(BaseSettings):
    """Base of each service's settings; a field ``x`` is read from ``EVOTE_X``."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True, extra="ignore")

    environment: Environment = Environment.PRODUCTION
    """``production`` refuses what is for tests: plaintext on the wire, a test authority. ``test``: nobody votes."""
    kafka_bootstrap: str
    """Kafka's bootstrap servers, ``host:port`` separated by commas."""
    kafka_ca_file: Path | None = None
    """PEM of the authorities that issue the brokers' certificates; without it Kafka is spoken to in plaintext."""
    kafka_certificate_file: Path | None = None
    """PEM of this service's own certificate: the principal that Kafka's access control sees."""
    kafka_key_file: Path | None = None
    """PEM of that certificate's key."""
    kafka_username: str | None = None
    """For SASL (SCRAM-SHA-512) inside of TLS, where the service has no certificate."""
    kafka_password: SecretStr | None = None
    kafka_client_rack: str | None = None
    """The zone of this replica: it reads from a broker of the same zone where that one has the partition."""
    topic_prefix: str = "evote."
    """What the names of the deployment's topics begin with."""
    database_url: SecretStr
    """``postgresql://…`` of the database that holds this service's schema, as the service's own role."""
    database_pool_size: Annotated[int, Field(ge=2, le=100)] = 6
    """Connections to the database in this replica's pool at most; docs/runbooks/connections.md adds them all up."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)]
    """The port to listen on."""
    management_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """The port where ``/livez``, ``/readyz``, ``/statusz``, ``/metrics`` and ``/openapi.json`` are answered and nothing
    else is, and which the public must not reach; without it they are at ``port``."""
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] | None = None
    """The proxies in front of this replica, whose ``X-Forwarded-For`` tells the client's address: addresses and
    networks, separated by commas, or ``none`` where clients connect directly. Production has no default."""
    front_origins: Annotated[str, AfterValidator(_origins)] = ""
    """The origins of the residents' front (``https://vote.example.jp``), separated by commas: whose pages a browser
    lets read what this service answers residents and the public. Empty: no page of another origin."""
    max_connections: Annotated[int, Field(ge=10, le=100_000)] = 2000
    """Connections of clients that this replica keeps at once; further ones are closed with 503."""
    roster_file: Path
    """The roster of everybody whom the deployment lets in (JSON, docs/officers.md); read again whenever it changes."""
    drain_delay_s: Annotated[float, Field(ge=0, le=300)] = 0
    """How long this replica serves on after SIGTERM while ``/readyz`` says no, in seconds: longer than whoever sends it
    traffic takes to notice."""
    shutdown_timeout_s: Annotated[int, Field(ge=1, le=300)] = 20
    """How long requests in flight may take to end after SIGTERM and ``drain_delay_s``, in seconds."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    traces_endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """The URL that this service's spans are posted to (OTLP over HTTP, ``https://…:4318/v1/traces``): a Collector's.
    Never the same for auth and ballot. Without it there are none."""

    def proxies(self) -> list[str]:
        """Whose ``X-Forwarded-For`` is believed."""
        named = self.trusted_proxies or NO_PROXIES
        return [] if named == NO_PROXIES else [part.strip() for part in named.split(",")]

    def origins(self) -> frozenset[str]:
        """The residents' front."""
        return frozenset(part.strip() for part in self.front_origins.split(",") if part)

    def certificates(self) -> NamedCertificates:
        """Each certificate that these settings name, so that somebody is told before it ends."""
        database = parse_qs(urlsplit(self.database_url.get_secret_value()).query)
        once = {"kafka-ca": self.kafka_ca_file, "kafka-client": self.kafka_certificate_file}
        # Read anew for each connection.
        again = {
            "database-ca": database.get("sslrootcert", [None])[-1],
            "database-client": database.get("sslcert", [None])[-1],
            "traces-ca": os.environ.get(COLLECTORS_AUTHORITY) if self.traces_endpoint is not None else None,
        }
        return NamedCertificates(
            {what: in_file(path) for what, path in once.items() if path is not None},
            {what: in_file(Path(path)) for what, path in again.items() if path is not None},
        )

    @classmethod
    def from_environment(cls) -> Self:
        """Read the process's environment; raises ``pydantic.ValidationError``, which ``cli.run`` reports."""
        return cls()


class MigrationSettings(BaseSettings):
    """All that ``migrate`` needs: it runs apart from the service, and with other rights."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True, extra="ignore")

    environment: Environment = Environment.PRODUCTION
    owner_database_url: SecretStr
    """``postgresql://…`` of the same database, as the schema's owner."""
