"""The end of a crowd's referendum: closed, counted, verified, and each receipt looked for in the archive."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from evote_belenios.archive import read_ballots
from evote_belenios.ballots import tracker_of

from ..people.officers import ANSWERS, BLANK
from ..people.voters import Posted
from ..stack.platform import Platform
from .referendum import Referendum
from .verification import verify_from_public_data

CASTS = "casts.jsonl"
"""What a crowd writes of its receipts."""
POSTED = "posted.jsonl"
"""And of each ballot that it sent, with a receipt or without."""
_NAMED = 5
"""So many trackers are said; the rest is counted."""


class NobodyVoted(Exception):
    """The crowd has no receipt: there is nothing to count."""


@dataclass(frozen=True)
class Compared:
    """An archive beside the receipts for it, by the ballots' trackers."""

    archived: Sequence[str]
    """In the archive's order."""
    lost: Sequence[str]
    """Acknowledged, and not in the archive."""
    unclaimed: Sequence[str]
    """In the archive, and nobody has a receipt: an answer that didn't arrive, or nothing that anybody posted."""


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
    for name in (CASTS, POSTED, "figures.json"):
        (output / name).unlink(missing_ok=True)
    shutil.rmtree(output / "public-log", ignore_errors=True)


async def conclude(
    stack: Platform, client: httpx.AsyncClient, referendum: Referendum, output: Path
) -> tuple[Concluded, str]:
    """Close, let the trustees count, verify as anybody may, and hold all against what the crowd left in ``output``.

    That crowd must be all who vote: what anybody else posted is a fault.

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
    faults = [*faults_of(compared, counts, read_posted(output))]
    if not verdict.accepted:
        faults.append(f"{verdict.program} refuses the archive")
    concluded = Concluded(
        acknowledged=len(kept),
        archived=len(compared.archived),
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
    archived = [tracker_of(text) for text in read_ballots(archive)]
    there, receipts = Counter(archived), Counter(acknowledged)
    lost, unclaimed = receipts - there, there - receipts
    return Compared(archived, sorted(lost.elements()), sorted(unclaimed.elements()))


def read_posted(output: Path) -> list[Posted]:
    """What a crowd sent, as it wrote it down in ``output``."""
    return [Posted(**json.loads(line)) for line in (output / POSTED).read_text().splitlines()]


def faults_of(compared: Compared, counts: Sequence[int], posted: Sequence[Posted]) -> Iterator[str]:
    """What an archive and its count must not be, where ``posted`` is all that was ever sent.

    A ballot without a receipt may be there only if its voter was once left without an answer.
    """
    sent = {one.tracker: one for one in posted}
    wrong = {
        "acknowledged, and not in the archive": compared.lost,
        "in the archive, and nobody posted it": [each for each in compared.unclaimed if each not in sent],
        "in the archive without a receipt, though each time its voter was answered": [
            each for each in compared.unclaimed if each in sent and not sent[each].unanswered
        ],
        "in the archive more than once": [each for each, often in Counter(compared.archived).items() if often > 1],
        "in the archive behind a ballot of its voter with its number or a larger one": list(
            _out_of_order(compared.archived, sent)
        ),
    }
    for what, trackers in wrong.items():
        if trackers:
            yield f"{what}: {len(trackers)} ballots, of which {', '.join(trackers[:_NAMED])}"
    if list(counts) != (expected := counted(compared.archived, posted)):
        yield f"the count is {list(counts)}, but the ballots that count choose {expected}"


def counted(archived: Sequence[str], posted: Sequence[Posted]) -> list[int]:
    """What the count must give, blank first: each voter's last ballot in the archive's order, which is the log's.

    By the order rule (ADR 20) that is the one with the largest number. What nobody of these posted is left out.
    """
    sent = {one.tracker: one for one in posted}
    last = Counter({sent[each].voter: sent[each].choice for each in archived if each in sent}.values())
    return [last[BLANK], *(last[answer] for answer in ANSWERS)]


def _out_of_order(archived: Sequence[str], sent: Mapping[str, Posted]) -> Iterator[str]:
    last: dict[int, int] = {}
    for one in (sent[each] for each in archived if each in sent):
        if one.number <= last.get(one.voter, 0):
            yield one.tracker
        last[one.voter] = max(one.number, last.get(one.voter, 0))
