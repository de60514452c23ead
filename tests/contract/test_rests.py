"""How long a ballot rests where nobody hurries it."""

from __future__ import annotations

from evote_eventlog.consumer import UNHURRIED_S
from evote_ledger_anchor.settings import LedgerSettings


def test_no_projection_of_ballots_rests_longer_than_a_checkpoint_takes() -> None:
    """What people wait for is the checkpoint that covers their ballot (ADR 40)."""
    assert LedgerSettings.model_fields["batch_interval_s"].default >= UNHURRIED_S
