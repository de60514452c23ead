"""Every environment variable of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.releases import OLDEST_RELEASE, EventsRelease
from evote_platform.certificates import NamedCertificates, in_file
from evote_platform.settings import ServiceSettings
from pydantic import Field, field_validator
from pydantic_settings import NoDecode


class TallySettings(ServiceSettings):
    """Settings of tally; each is read from ``EVOTE_`` and its name in capitals."""

    service_urls: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """The services whose state and clock the preflight checks: ``name=url,name=url``."""
    host_certificates: Annotated[dict[str, Path], NoDecode] = Field(default_factory=dict)
    """The certificates of the names at which people reach the platform, in PEM and without their keys:
    ``name=file,name=file``. tally shows when each ends, since whoever serves them is no service of ours."""
    address_requests_per_minute: Annotated[int, Field(ge=1)] = 60
    """How many trustees' messages one address may send, on average and at once, at this replica: a ceremony has six."""

    events_release: EventsRelease = OLDEST_RELEASE
    """The release of the events that every reader of the deployment reads: nothing newer is written."""

    def kafka(self) -> KafkaSettings:
        """Where the event log is."""
        return KafkaSettings.of(self)

    def certificates(self) -> NamedCertificates:
        """Those of every service, and the public names', as their files are now."""
        common = super().certificates()
        hosts = {f"host-{name}": in_file(file) for name, file in self.host_certificates.items()}
        return NamedCertificates(common.read_once, {**common.read_again, **hosts})

    @field_validator("service_urls", "host_certificates", mode="before")
    @classmethod
    def _parse_pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = (item.partition("=") for item in value.split(",") if item.strip())
        return {name.strip(): named.strip().rstrip("/") for name, _, named in pairs}
