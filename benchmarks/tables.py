"""What a benchmark found, as tables: printed, and written as JSON that ``make performance KEEP=`` takes over.

Numbers stay numbers in the file; how many digits are shown is for the document to decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from evote_local.people.latencies import Percentiles

from benchmarks.performance import PLACES, Cell, Row, markdown

OUT: Final = Path("bench-out")


@dataclass(frozen=True)
class Table:
    """Rows under columns."""

    columns: Sequence[str]
    rows: Sequence[Row]


def percentile_cells(found: Percentiles) -> list[Cell]:
    """p50, p95, p99, the largest, each in milliseconds, and of how many."""
    return [found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms, found.count]


PERCENTILES: Final = ["p50 ms", "p95 ms", "p99 ms", "max ms", "how many"]
"""The columns of :func:`percentile_cells`."""


def tell(name: str, taken: Mapping[str, str], *blocks: str | Table, out: Path = OUT) -> Path:
    """Print the blocks, and write them for the section ``name`` of the document; the file.

    Args:
        name: one of the places of ``benchmarks.performance``.
        taken: how the run was taken (``evote_local.referendum.taken``).
        blocks: paragraphs, which say what a reader of the figures must know, and tables.
    """
    assert name in PLACES, f"the document has no place for {name}"
    content = [block if isinstance(block, str) else asdict(block) for block in blocks]
    print("", *markdown(content), sep="\n", flush=True)
    out.mkdir(exist_ok=True)
    path = out / f"{name}.json"
    text = json.dumps({"taken": dict(taken), "bench": name, "blocks": content}, ensure_ascii=False, indent=2)
    path.write_text(text + "\n")
    print(f"\n{path}: make performance KEEP={path}", flush=True)
    return path
