"""What production refuses: passwords, ballots and evidence on a wire that others can read or answer in its place, and
limits by an address that is the same for everybody, and pages that others can write anew."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from .settings import CannotStart, Environment, ServiceSettings


def require_production_connections(settings: ServiceSettings) -> None:
    """Raise :class:`CannotStart` when production would speak to Kafka or PostgreSQL in plaintext, or to anybody."""
    require_encrypted_database(settings.environment, "EVOTE_DATABASE_URL", settings.database_url)
    if settings.environment is Environment.PRODUCTION and settings.kafka_ca_file is None:
        raise CannotStart(
            "production speaks TLS to Kafka: set EVOTE_KAFKA_CA_FILE to the authority of the brokers' certificates"
            " (EVOTE_ENVIRONMENT=test is for places where nobody votes)"
        )


def require_named_proxies(settings: ServiceSettings) -> None:
    """Raise :class:`CannotStart` when production isn't told which proxies are in front of what it serves."""
    if settings.environment is Environment.PRODUCTION and settings.trusted_proxies is None:
        # Behind a proxy that is not named all voters have its address, and the first ones use up everybody's limit.
        raise CannotStart(
            "production limits requests by the client's address: set EVOTE_TRUSTED_PROXIES to the addresses or networks"
            " of the proxies in front of this service, or to none where clients connect directly"
        )


def require_encrypted_front(settings: ServiceSettings) -> None:
    """Raise :class:`CannotStart` when production would let a page read answers that came over no encrypted wire."""
    if settings.environment is Environment.PRODUCTION and any(
        not origin.startswith("https://") for origin in settings.origins()
    ):
        # Whoever is on the line writes such a page anew, and it would read the voter's answers.
        raise CannotStart(
            "production answers pages that came over TLS alone: EVOTE_FRONT_ORIGINS takes https origins"
            " (EVOTE_ENVIRONMENT=test is for places where nobody votes)"
        )


def require_encrypted_traces(settings: ServiceSettings) -> None:
    """Raise :class:`CannotStart` when production would send its spans over a wire that others read."""
    if settings.environment is not Environment.PRODUCTION or settings.traces_endpoint is None:
        return
    url = urlsplit(settings.traces_endpoint)
    if url.scheme != "https" and url.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise CannotStart(
            "production posts spans over TLS, or to a Collector on the same machine: EVOTE_TRACES_ENDPOINT takes an"
            " https URL, or an http one of 127.0.0.1 (EVOTE_ENVIRONMENT=test is for places where nobody votes)"
        )


def require_encrypted_database(environment: Environment, name: str, url: SecretStr) -> None:
    """Raise :class:`CannotStart` unless production checks the database's certificate and its name.

    Args:
        name: the setting that holds ``url``, for the message.
    """
    mode = parse_qs(urlsplit(url.get_secret_value()).query).get("sslmode", ["none"])
    # Anything less than verify-full takes any certificate, or none, of whoever answers at the address.
    if environment is Environment.PRODUCTION and mode != ["verify-full"]:
        raise CannotStart(
            f"production speaks TLS to PostgreSQL: {name} needs sslmode=verify-full and sslrootcert"
            " (EVOTE_ENVIRONMENT=test is for places where nobody votes)"
        )
