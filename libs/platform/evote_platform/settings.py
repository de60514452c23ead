"""The settings that every service has, from environment variables that begin with ``EVOTE_``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Base of each service's settings; a field ``x`` is read from ``EVOTE_X``."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True, extra="ignore")

    kafka_bootstrap: str
    """Kafka's bootstrap servers, ``host:port`` separated by commas."""
    topic_prefix: str = "evote."
    """What the names of the deployment's topics begin with."""
    database_url: SecretStr
    """``postgresql://…`` of the database that holds this service's schema."""
    database_pool_size: Annotated[int, Field(ge=2, le=100)] = 10
    """Connections to the database that this replica opens at most."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)]
    """The port to listen on."""
    trusted_proxies: str = "127.0.0.1"
    """Addresses, separated by commas, whose ``X-Forwarded-For`` tells the client's address."""
    shutdown_timeout_s: Annotated[int, Field(ge=1, le=300)] = 20
    """How long requests in flight may take to end after SIGTERM, in seconds."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def from_environment(cls) -> Self:
        """Read the process's environment; raises ``pydantic.ValidationError``, which ``cli.run`` reports."""
        return cls()
