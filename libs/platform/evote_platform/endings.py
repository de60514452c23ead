"""When what a replica was given ends: the certificates that its settings name, and the entries of the roster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .certificates import Certificates, NamedCertificates
from .clock import Clock
from .roster import RosterFile


class Endings(Collector):
    """Shows when the first of each ends, as this replica holds it; what can't be read is left out."""

    def __init__(self, certificates: NamedCertificates, roster: RosterFile, clock: Clock) -> None:
        self._certificates = certificates
        self._roster = roster
        self._clock = clock
        self._held: Mapping[str, datetime] | None = None

    def hold(self) -> None:
        """The replica has started: what it reads once is what the files have now."""
        self._held = _first_ends(self._certificates.read_once)

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        certificates = GaugeMetricFamily(
            "evote_certificate_end_timestamp_seconds",
            "When the first certificate ends of those that this replica has for something (what), in seconds since"
            " 1970; of a file that is read at the start alone, as it was then.",
            labels=["what"],
        )
        once = _first_ends(self._certificates.read_once) if self._held is None else self._held
        for what, end in {**once, **_first_ends(self._certificates.read_again)}.items():
            certificates.add_metric([what], end.timestamp())
        yield certificates
        entries = GaugeMetricFamily(
            "evote_roster_end_timestamp_seconds",
            "When the first of the roster's entries ends that hold now, in seconds since 1970, by entry (person,"
            " scraper); none while none has an end.",
            labels=["entry"],
        )
        roster, now = self._roster.current(), self._clock()
        for entry, of in (("person", roster.persons), ("scraper", roster.scrapers)):
            ends = [each.valid_until for each in of if each.valid_until is not None and each.valid_at(now)]
            if ends:
                entries.add_metric([entry], min(ends).timestamp())
        yield entries


def _first_ends(named: Mapping[str, Certificates]) -> dict[str, datetime]:
    found = {}
    for what, read in named.items():
        try:
            found[what] = min(each.not_valid_after_utc for each in read())
        except (OSError, ValueError):
            continue  # it becomes stale; whoever works with the file says what is wrong with it
    return found
