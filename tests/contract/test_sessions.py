"""Nobody leaves anything on a connection of a pool, which does not reset it (``evote_platform.database``)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN_SESSIONS = {
    "services/ledger-anchor/evote_ledger_anchor/leadership.py",
    "libs/platform/evote_platform/database.py",
}
"""Where a lock is a session's, on a connection that no pool gives to anybody else."""
OF_A_SESSION = re.compile(
    r"pg_(try_)?advisory_lock|add_listener|\bset_type_codec|set_builtin_type_codec"
    r"|[\"'](LISTEN |SET (?!LOCAL )[a-z_]+ |SET SESSION|PREPARE |DECLARE )|\bTEMP(ORARY)? TABLE|set_config\(.*false"
)


def found_in(text: str) -> list[str]:
    return [match[0] for match in OF_A_SESSION.finditer(text)]


def test_what_is_a_sessions_is_nowhere_but_on_connections_of_their_own() -> None:
    sources = [
        path
        for folder in ("services", "libs")
        for path in (ROOT / folder).rglob("*.py")
        if "tests" not in path.relative_to(ROOT).parts
    ]
    assert len(sources) > 100
    found = {str(path.relative_to(ROOT)) for path in sources if found_in(path.read_text())}
    assert found == OWN_SESSIONS


def test_the_search_knows_what_it_looks_for() -> None:
    for text in ('"SET search_path TO x"', '"SELECT pg_advisory_lock($1)"', '"LISTEN news"', '"CREATE TEMP TABLE x"'):
        assert found_in(text), text
    for text in ('"SET LOCAL lock_timeout = 1"', '"SELECT pg_advisory_xact_lock(1)"', '" SET tracker = excluded.x"'):
        assert not found_in(text), text
