"""The table of who reads what, from which brokers' access control is made, against what the services really read."""

from __future__ import annotations

import pytest
from evote_auth.projection import AuthProjection
from evote_ballot.projection import BallotProjection
from evote_biometric.projection import BiometricProjection
from evote_eventlog.access import CONSUMER_GROUPS, READERS, SERVICES, TRANSACTIONAL_IDS, WRITERS
from evote_eventlog.events import EVENT_CLASSES, Topic
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.sequencer import TRANSACTIONAL_ID
from evote_tally.projection import TallyProjection

PROJECTIONS = {
    "auth": AuthProjection(),
    "biometric": BiometricProjection(),
    "ballot": BallotProjection(),
    "ledger-anchor": LedgerProjection,
    "tally": TallyProjection(),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_granted_what_its_projection_reads(service: str) -> None:
    assert READERS[service] == PROJECTIONS[service].topics
    assert CONSUMER_GROUPS[service] == PROJECTIONS[service].name


def test_every_topic_of_the_log_has_its_writers() -> None:
    assert set(WRITERS) == set(Topic) >= {event.topic for event in EVENT_CLASSES}


def test_the_sequencer_writes_under_the_id_that_it_is_granted() -> None:
    assert TRANSACTIONAL_IDS == {"ledger-anchor": TRANSACTIONAL_ID}
