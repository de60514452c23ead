"""Faces' templates once the result is certified: gone from biometric's database, and then from its archive.

The archive's day is not waited for: its base backups are made older, and its plugin looks at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from . import cloudnativepg as cnpg
from . import nodes, recovery
from .backups import Store
from .programs import Missing
from .release import NAMESPACE

_LEFT: Final = """
SELECT (SELECT count(*) FROM biometric.vault_templates) + (SELECT count(*) FROM biometric.vault_election_keys);
SELECT coalesce(sum(templates), 0) FROM biometric.vault_erasures;
"""
_DAY_OF: Final = re.compile(r"^((?:begin|end)_time=)(\d{4}-\d\d-\d\d)", re.MULTILINE)
_LOOK_EVERY_S: Final = 5


def follow(store: Store, enrolled: int) -> Iterator[str]:
    """What there is to tell while it goes that way; raises :class:`Missing` where anything is left."""
    nodes.until(lambda: _counts(cnpg.primary(cnpg.FACES)) == [0, enrolled], "biometric's templates are erased", 120)
    yield f"{enrolled} templates are erased from biometric's database, with their election's key"
    before = backups(store)
    cnpg.archive_now(cnpg.FACES)
    cnpg.back_up(cnpg.FACES)
    archive = store.archive(cnpg.archive_of(cnpg.FACES))
    (after,) = backups(store) - before
    _let_days_pass(archive, {**dict.fromkeys(before, 3), after: 2})
    _look_at_once()
    nodes.until(lambda: backups(store) == {after}, "the base backups of before the erasure are gone", 300)
    begins = _field(archive / "base" / after / "backup.info", "begin_wal")
    nodes.until(lambda: not older_segments(archive, begins), "the log of before the erasure is gone", 120)
    yield f"biometric's archive lost all base backups of before the erasure, {len(before)}, and all log before {begins}"
    with recovery.beside(cnpg.FACES) as pod:
        if _counts(pod) != [0, enrolled]:
            raise Missing(f"what the archive has of biometric's templates, keys and erasures: {_counts(pod)}")
    yield "a database that is made of what the archive has left knows of the erasure, and has no template"


def backups(store: Store) -> set[str]:
    """The base backups in biometric's archive."""
    base = store.archive(cnpg.archive_of(cnpg.FACES)) / "base"
    return {place.parent.name for place in base.glob("*/backup.info")}


def older_segments(archive: Path, begins: str) -> list[str]:
    """Of the write-ahead log in an archive, what was written before the segment ``begins``."""
    names = (place.name.partition(".")[0] for place in archive.glob("wals/*/*"))
    return sorted(name for name in names if re.fullmatch(r"[0-9A-F]{24}", name) and name < begins)


def age(info: str, days: int) -> str:
    """What barman wrote of a base backup, as if it had been made so many days earlier."""

    def earlier(found: re.Match[str]) -> str:
        return found[1] + (date.fromisoformat(found[2]) - timedelta(days=days)).isoformat()

    aged, count = _DAY_OF.subn(earlier, info)
    if count != 2:
        raise Missing(f"a base backup without its times:\n{info}")
    return aged


def _let_days_pass(archive: Path, by_backup: dict[str, int]) -> None:
    for backup, days in by_backup.items():
        info = archive / "base" / backup / "backup.info"
        # In its place: what the store keeps beside it stays.
        text = age(info.read_text("utf-8"), days)
        with info.open("r+", encoding="utf-8") as file:
            file.write(text)


def _look_at_once() -> None:
    """The plugin looks when an instance starts, and then as often as it is told."""
    patch = {"spec": {"instanceSidecarConfiguration": {"retentionPolicyIntervalSeconds": _LOOK_EVERY_S}}}
    words = ("patch", "objectstores.barmancloud.cnpg.io", cnpg.FACES, "--type=merge", "-p", json.dumps(patch))
    nodes.kubectl("-n", NAMESPACE, *words)
    cnpg.lose_all_at_once(cnpg.FACES)


def _counts(pod: str) -> list[int]:
    return [int(line) for line in cnpg.sql(pod, _LEFT).split()]


def _field(info: Path, name: str) -> str:
    (value,) = re.findall(rf"^{name}=(\S+)$", info.read_text("utf-8"), re.MULTILINE)
    return str(value)
