"""The environment variables that every service has; each service adds its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Read from ``EVOTE_`` and the field's name in capitals, such as ``EVOTE_KAFKA_BOOTSTRAP``."""

    model_config = SettingsConfigDict(env_prefix="EVOTE_", frozen=True)

    kafka_bootstrap: str
    """Bootstrap servers of Kafka: ``host:port,host:port``."""
    topic_prefix: str = "evote."
    """What the names of all topics begin with, so that stages can share a cluster."""
    database_url: SecretStr
    """PostgreSQL, ``postgresql://user:password@host:port/database``."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port to listen on."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severity that is logged."""
    shutdown_timeout_s: Annotated[int, Field(ge=1, le=600)] = 20
    """How long requests in flight may take after SIGTERM, in seconds."""
