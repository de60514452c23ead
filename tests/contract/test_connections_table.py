"""The table of connections to PostgreSQL in the runbook is what the services open."""

from __future__ import annotations

import re
from pathlib import Path

from evote_platform.room import descriptors_needed
from evote_platform.settings import ServiceSettings
from evote_tally.commands import COMMANDS_AT_ONCE

RUNBOOK = (Path(__file__).parents[2] / "docs/runbooks/connections.md").read_text()
POSTGRESQL_TAKES = 100 - 3
POOL: int = ServiceSettings.model_fields["database_pool_size"].default
BESIDE = {"ledger-anchor": 5, "tally": COMMANDS_AT_ONCE}


LEAVE_FIRST = {"ledger-anchor"}
"""A StatefulSet: of each other service a new replica comes first, and those that leave drain meanwhile."""


def rows() -> dict[str, tuple[int, int, int]]:
    """Of each service: how many replicas, what they open together, and what in an upgrade."""
    found = re.findall(r"^\| ([a-z-]+) \| (\d+) \| [^|]+ \| (\d+) \| (\d+) \|$", RUNBOOK, re.MULTILINE)
    return {service: (int(replicas), int(together), int(upgrade)) for service, replicas, together, upgrade in found}


def test_what_all_replicas_may_open_fits_postgresqls_default_and_an_upgrade_counts_those_that_leave() -> None:
    counted = {service: replicas * (POOL + BESIDE.get(service, 0)) for service, (replicas, _, _) in rows().items()}
    assert set(counted) == {"auth", "biometric", "ballot", "ledger-anchor", "tally"}
    assert counted == {service: together for service, (_, together, _) in rows().items()}
    upgrade = {service: each * (1 if service in LEAVE_FIRST else 2) for service, each in counted.items()}
    assert upgrade == {service: together for service, (_, _, together) in rows().items()}
    assert f"| **{sum(counted.values())}** | **{sum(upgrade.values())}** |" in RUNBOOK
    assert f"{POSTGRESQL_TAKES - sum(counted.values())} are left" in RUNBOOK


def test_the_runbook_says_how_many_descriptors_a_replica_needs() -> None:
    settings = ServiceSettings(kafka_bootstrap="x:1", database_url="postgresql://x", port=1, roster_file="x")
    assert f"{descriptors_needed(settings):,} file descriptors" in RUNBOOK
