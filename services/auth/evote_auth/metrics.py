"""What operators see of releases and of the checks for revocation. Nothing here tells a certificate or a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial

from evote_jpki.authorities import RevocationStatus
from evote_platform.door import Door
from prometheus_client import CollectorRegistry, Counter, Gauge


class Source(StrEnum):
    """Who was asked."""

    OCSP = "ocsp"
    CRL = "crl"


class NoStatus(StrEnum):
    """Why a responder said nothing about a certificate."""

    UNREACHABLE = "unreachable"
    INVALID = "invalid"


class Way(StrEnum):
    """How voters come."""

    CARD = "card"
    FACE = "face"
    PHONE = "phone"


class ReleaseMetrics:
    """Credentials that went out, by way in; ``/metrics`` shows them ten at a time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._releases = Counter(
            "evote_auth_releases",
            "Credentials released, those to a voter who came again included, by way in.",
            ("way",),
            registry=registry,
        )
        for way in Way:
            self._releases.labels(way.value)
        self._waiting = Gauge(
            "evote_auth_releases_waiting",
            "Releases that wait for their turn at this replica, by way in; those that would wait too long are answered"
            " 503.",
            ("way",),
            registry=registry,
        )

    def watch(self, doors: Mapping[Way, Door]) -> None:
        """Show the queues whenever metrics are read."""
        for way, door in doors.items():
            self._waiting.labels(way.value).set_function(partial(_waiting, door))

    def released(self, way: Way) -> None:
        """Count one release."""
        self._releases.labels(way.value).inc()


def _waiting(door: Door) -> int:
    return door.waiting


class RevocationMetrics:
    """Checks by source and outcome, and when the revocation lists run out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._checks = Counter(
            "evote_auth_revocation_checks",
            "Certificates that were checked for revocation, by source and what it said; another may let the voter in.",
            ("source", "outcome"),
            registry=registry,
        )
        self._ends = Gauge(
            "evote_auth_revocation_lists_end_timestamp_seconds",
            "When the first revocation list runs out; 0 when one is missing.",
            registry=registry,
        )

    def checked(self, source: Source, outcome: RevocationStatus | NoStatus) -> None:
        """Count one check."""
        self._checks.labels(source.value, outcome.value).inc()

    def lists_end(self, ends: datetime | None) -> None:
        """Show when the first list runs out."""
        self._ends.set(0 if ends is None else ends.timestamp())
