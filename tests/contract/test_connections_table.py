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


def rows() -> dict[str, tuple[int, int]]:
    """Of each service: how many replicas, and what they open together."""
    found = re.findall(r"^\| ([a-z-]+) \| (\d+) \| [^|]+ \| (\d+) \|$", RUNBOOK, re.MULTILINE)
    return {service: (int(replicas), int(together)) for service, replicas, together in found}


def test_what_all_replicas_may_open_fits_postgresqls_default() -> None:
    counted = {service: replicas * (POOL + BESIDE.get(service, 0)) for service, (replicas, _) in rows().items()}
    assert set(counted) == {"auth", "biometric", "ballot", "ledger-anchor", "tally"}
    assert counted == {service: together for service, (_, together) in rows().items()}
    assert f"**{sum(counted.values())}**" in RUNBOOK
    one_too_many = max(POOL + more for more in BESIDE.values())
    assert sum(counted.values()) + one_too_many <= POSTGRESQL_TAKES


def test_the_runbook_says_how_many_descriptors_a_replica_needs() -> None:
    settings = ServiceSettings(kafka_bootstrap="x:1", database_url="postgresql://x", port=1, roster_file="x")
    assert f"{descriptors_needed(settings):,} file descriptors" in RUNBOOK
