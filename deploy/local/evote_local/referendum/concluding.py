"""The end of a crowd's referendum: closed, counted, verified, and each receipt looked for in the archive."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from evote_belenios.archive import read_ballots
from evote_belenios.ballots import tracker_of

from ..people.officers import ANSWERS, BLANK
from ..stack.platform import Platform
from .referendum import Referendum
from .verification import verify_from_public_data

CASTS = "casts.jsonl"
"""What a crowd writes of its receipts."""
_NAMED = 5
"""So many trackers are said; the rest is counted."""


class NobodyVoted(Exception):
    """The crowd has no receipt: there is nothing to count."""


@dataclass(frozen=True)
class Compared:
    """An archive beside the receipts for it, by the ballots' trackers."""

    archived: int
    lost: Sequence[str]
    """Acknowledged, and not in the archive."""
    unclaimed: Sequence[str]
    """In the archive, and nobody has a receipt: an answer that didn't arrive, and whoever waited for it gave up."""


@dataclass(frozen=True)
class Concluded:
    """What became of what a crowd cast."""

    acknowledged: int
    archived: int
    lost: int
    unclaimed: int
    counts: Sequence[int]
    """Blank first."""
    close_to_result_s: float
    verify_s: float
    """``evote-verify`` of archive, log, witnesses, chain and a receipt, its start included."""
    faults: Sequence[str]
    """What must not be."""


def forget(output: Path) -> None:
    """An earlier run's receipts and figures must not be taken for this one's, nor its log for this stack's."""
    for name in (CASTS, "figures.json"):
        (output / name).unlink(missing_ok=True)
    shutil.rmtree(output / "public-log", ignore_errors=True)


async def conclude(
    stack: Platform, client: httpx.AsyncClient, referendum: Referendum, output: Path
) -> tuple[Concluded, str]:
    """Close, let the trustees count, verify as anybody may, and hold all against the receipts in ``output``.

    ``archive.bel`` and what was read of the log are left there. Also returns what ``evote-verify`` said. Raises
    :class:`NobodyVoted`.
    """
    casts = output / CASTS
    kept = [json.loads(line) for line in casts.read_text().splitlines()] if casts.exists() else []
    if not kept:
        raise NobodyVoted
    begun = time.perf_counter()
    counts = await referendum.close_and_count()
    counted = time.perf_counter()
    archive = output / "archive.bel"
    await referendum.officers.download_archive(archive)
    downloaded = time.perf_counter()
    verdict = await verify_from_public_data(stack, client, kept[-1]["receipt"], output)
    verified = time.perf_counter()
    compared = compare(archive, [cast["receipt"]["tracker"] for cast in kept])
    faults = [*faults_of(compared, counts, meant(kept))]
    if not verdict.accepted:
        faults.append(f"{verdict.program} refuses the archive")
    concluded = Concluded(
        acknowledged=len(kept),
        archived=compared.archived,
        lost=len(compared.lost),
        unclaimed=len(compared.unclaimed),
        counts=counts,
        close_to_result_s=counted - begun,
        verify_s=verified - downloaded,
        faults=faults,
    )
    return concluded, verdict.output


def compare(archive: Path, acknowledged: Sequence[str]) -> Compared:
    """The ballots of an archive beside the trackers that people have receipts for, each as often as it is there."""
    archived, receipts = Counter(tracker_of(text) for text in read_ballots(archive)), Counter(acknowledged)
    lost, unclaimed = receipts - archived, archived - receipts
    return Compared(archived.total(), sorted(lost.elements()), sorted(unclaimed.elements()))


def faults_of(compared: Compared, counts: Sequence[int], expected: Sequence[int]) -> list[str]:
    """What an archive and its count must not be.

    A ballot that nobody has a receipt for is no fault, but it counts: then the count says less of the others.
    """
    faults = []
    if compared.lost:
        named = ", ".join(compared.lost[:_NAMED])
        faults.append(f"acknowledged, and not in the archive: {len(compared.lost)} ballots, of which {named}")
    off = sum(abs(count - wanted) for count, wanted in zip(counts, expected, strict=True))
    # One ballot more changes a voter's choice at most: one count falls, another rises.
    if off > 2 * len(compared.unclaimed):
        faults.append(f"the count is {list(counts)}, but voters chose {list(expected)}")
    return faults


def meant(kept: Sequence[Mapping[str, Any]]) -> list[int]:
    """What the count must give: each voter's last acknowledged choice, blank first."""
    last = Counter({cast["voter"]: cast["choice"] for cast in kept}.values())
    return [last[BLANK], *(last[answer] for answer in ANSWERS)]
