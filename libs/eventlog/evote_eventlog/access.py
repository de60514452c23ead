"""Who may read and write which topic, and the access-control manifest that follows from it.

``python -m evote_eventlog.access docs/kafka-acls.json`` writes the manifest: what an operator grants, with whatever
tool (``kafka-acls``, Strimzi's ``KafkaUser``), and nothing besides. A service that is taken over can then write its
own topics only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from .events import Topic

SERVICES: Final = ("auth", "ballot", "biometric", "ledger-anchor", "tally")

WRITERS: Final[Mapping[Topic, tuple[str, ...]]] = {
    Topic.ELECTIONS: ("tally",),
    Topic.IDENTITY: ("auth",),
    Topic.BIOMETRIC: ("biometric",),
    Topic.BALLOTS: ("ballot",),
    Topic.LEDGER: ("ledger-anchor",),
    Topic.TALLY: ("tally",),
    # Whoever could not read an event says so.
    Topic.DEAD_LETTER: SERVICES,
}
"""The services that write each topic; everybody else is refused by the brokers."""

READERS: Final[Mapping[str, frozenset[Topic]]] = {
    "auth": frozenset({Topic.ELECTIONS, Topic.IDENTITY}),
    "biometric": frozenset({Topic.ELECTIONS, Topic.BIOMETRIC}),
    "ballot": frozenset({Topic.ELECTIONS, Topic.IDENTITY, Topic.BALLOTS, Topic.LEDGER}),
    "ledger-anchor": frozenset({Topic.ELECTIONS, Topic.IDENTITY, Topic.BALLOTS, Topic.LEDGER, Topic.TALLY}),
    "tally": frozenset({Topic.ELECTIONS, Topic.IDENTITY, Topic.BALLOTS, Topic.LEDGER, Topic.TALLY}),
}
"""The topics that each service reads. auth reads no ballot: it must not see who voted when."""

TRANSACTIONAL_IDS: Final[Mapping[str, str]] = {"ledger-anchor": "ledger-sequencer"}
"""The services that write in transactions, each under one id (below the topics' prefix) that nobody else may take."""

CONSUMER_GROUPS: Final[Mapping[str, str]] = {**{service: service for service in SERVICES}, "ledger-anchor": "ledger"}
"""The consumer group (below the topics' prefix) of each service's projection."""


@dataclass(frozen=True)
class Grant:
    """One operation that a service may do on one resource; names are literal, and below the topics' prefix."""

    service: str
    resource: Literal["topic", "group", "transactional-id"]
    name: str
    operation: Literal["read", "write", "describe-configs"]
    """Whoever may read or write may describe too: the brokers hold one for the other."""


def topics_of(service: str) -> frozenset[Topic]:
    """All that a service reads or writes."""
    return READERS[service] | {topic for topic, writers in WRITERS.items() if service in writers}


def grants() -> list[Grant]:
    """All that the services need, and nothing besides."""
    return [grant for service in SERVICES for grant in _grants_of(service)]


def _grants_of(service: str) -> Iterator[Grant]:
    written = {topic for topic, writers in WRITERS.items() if service in writers}
    for topic in sorted(READERS[service]):
        yield Grant(service, "topic", topic.value, "read")
    for topic in sorted(written):
        yield Grant(service, "topic", topic.value, "write")
    for topic in sorted(topics_of(service)):
        # A replica looks at start whether the topic keeps what it is given.
        yield Grant(service, "topic", topic.value, "describe-configs")
    yield Grant(service, "group", CONSUMER_GROUPS[service], "read")
    if service in TRANSACTIONAL_IDS:
        yield Grant(service, "transactional-id", TRANSACTIONAL_IDS[service], "write")


def manifest() -> str:
    """The grants as JSON, one object each."""
    return json.dumps([asdict(grant) for grant in grants()], indent=1) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(manifest())
