"""What a mock referendum leaves behind: a chart on the screen and a report in a file."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..people.latencies import Percentiles

_BAR_WIDTH = 32


@dataclass(frozen=True)
class Figures:
    """What the client of one run measured. Times in seconds unless the name says otherwise."""

    voters: int
    ballots_cast: int
    overwritten: int
    group: str
    voting_s: float
    ballots_per_s: float
    cast: Percentiles
    """Ballot POST to receipt."""
    logged: Percentiles
    """Ballot POST to coverage by a signed checkpoint, sampled."""
    anchored: Percentiles
    """Ballot POST to coverage by a final anchor on the chain, sampled."""
    release: Percentiles | None
    """Challenge to released credential with a card emulated in the voter's process; None: nobody did."""
    at_readers: int
    """How many voters used a card reader and the card agent."""
    no_readers_because: str | None
    """Why there were no readers; None: there were."""
    in_browser: int
    """How many voters voted on the residents' page in Chromium."""
    no_browser_because: str | None
    """Why nobody could; None: somebody could."""
    start_s: float
    close_to_result_s: float
    verify_s: float
    wall_s: float


def chart(title: str, counts: Sequence[tuple[str, int]]) -> str:
    """A horizontal bar chart in text; full-width characters count as two columns."""
    label_width = max(_columns(label) for label, _ in counts)
    most = max(1, max(count for _, count in counts))
    lines = [title]
    for label, count in counts:
        padding = " " * (label_width - _columns(label))
        lines.append(f"  {label}{padding}  {'█' * round(_BAR_WIDTH * count / most):<{_BAR_WIDTH}}  {count}")
    return "\n".join(lines)


def figures_table(figures: Figures) -> str:
    """The measured figures, one a line."""
    rows = [
        ("voters / ballots / overwritten", f"{figures.voters} / {figures.ballots_cast} / {figures.overwritten}"),
        ("group", figures.group),
        ("ballots taken in", f"{figures.ballots_per_s:.1f}/s over {figures.voting_s:.1f} s"),
        ("ballot POST", _percentiles(figures.cast)),
        ("cast to signed checkpoint", _percentiles(figures.logged)),
        ("cast to anchored", _percentiles(figures.anchored)),
        ("card to credential", _percentiles(figures.release)),
        ("by reader and card agent", figures.no_readers_because or f"{figures.at_readers} voters"),
        ("on the page, in Chromium", figures.no_browser_because or f"{figures.in_browser} voters"),
        ("stack start", f"{figures.start_s:.1f} s"),
        ("close to result", f"{figures.close_to_result_s:.1f} s"),
        ("evote-verify", f"{figures.verify_s:.1f} s"),
        ("whole run", f"{figures.wall_s:.1f} s"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def write_report(
    directory: Path, *, taken: Mapping[str, str], figures: Figures, results: str, verification: str
) -> None:
    """Write ``report.txt`` for people and ``figures.json`` for programs."""
    (directory / "report.txt").write_text(
        f"{results}\n\nMeasured by the client of this run\n{figures_table(figures)}\n\n{verification}\n"
    )
    (directory / "figures.json").write_text(json.dumps({"taken": taken, **asdict(figures)}, indent=2) + "\n")


def _percentiles(found: Percentiles | None) -> str:
    if found is None:
        return "-"
    return (
        f"p50 {found.p50_ms:.0f} ms, p95 {found.p95_ms:.0f} ms, p99 {found.p99_ms:.0f} ms, "
        f"max {found.max_ms:.0f} ms (n={found.count})"
    )


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "FW" else 1 for sign in text)
