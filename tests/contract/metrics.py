"""Every metric of the services as a page: ``python tests/contract/metrics.py`` writes ``docs/metrics.md``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evote_platform.in_tens import step_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/metrics.md"
_KINDS = {"Counter": "counter", "Gauge": "gauge", "GaugeMetricFamily": "gauge", "Histogram": "histogram"}
_PACKAGES = ("libs/platform", "libs/eventlog", "services/*")

_HEAD = """# Metrics

What `/metrics` of each service shows, on the management port, to programs that the roster names. Written by
`make metrics` from the code. Python's and the process's own (`process_…`, `python_…`) come besides. No label holds an
election, a voter, a credential or an address.

What counts people's successes stands still until ten more have come, and begins to show at ten (`by 10`; more of what
one voter makes several of): nobody who reads metrics every few seconds tells one voter's release from it. Failures
(`outcome="failed"`, a status from 400 on) show at once. A gauge that can't be read, or that another replica shows since
it leads, is left out or not a number; it does not stand still. What a pass of the monitor found is as old as that pass,
whose time is shown.

| metric | kind | labels | shown | of | meaning |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, order=True)
class MetricOfCode:
    """One metric, as its constructor has it; ``name`` as Prometheus shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    of: str
    says: str


def metrics_of_code() -> list[MetricOfCode]:
    """All of them, by name."""
    return sorted(metric for source in _sources() for metric in _metrics(source))


def page(metrics: list[MetricOfCode]) -> str:
    """The page."""
    return _HEAD + "".join(_row(metric) for metric in metrics)


def _row(one: MetricOfCode) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    return f"| `{one.name}` | {one.kind} | {labels} | {_shown(one)} | {one.of} | {one.says} |\n"


def _shown(metric: MetricOfCode) -> str:
    step = 1 if metric.kind == "gauge" else step_of(metric.name.removesuffix("_total"))
    return "at once" if step == 1 else f"by {step}"


def _sources() -> Iterator[Path]:
    for package in _PACKAGES:
        yield from sorted(ROOT.glob(f"{package}/evote_*/**/*.py"))


def _metrics(source: Path) -> Iterator[MetricOfCode]:
    folder, package = source.relative_to(ROOT).parts[:2]
    of = package if folder == "services" else "every service"
    for node in ast.walk(ast.parse(source.read_text())):
        match node:
            # Not collections.Counter, which is given no text.
            case ast.Call(
                func=ast.Name(id="Counter" | "Gauge" | "GaugeMetricFamily" | "Histogram" as made),
                args=[ast.Constant(str(name)), ast.Constant(str(says)), *rest],
            ):
                given = [*rest, *(word.value for word in node.keywords if word.arg == "labels")]
                labels = tuple(ast.literal_eval(given[0])) if given else ()
                kind = _KINDS[made]
                yield MetricOfCode(f"{name}_total" if kind == "counter" else name, kind, labels, of, says)


if __name__ == "__main__":
    PAGE.write_text(page(metrics_of_code()))
    sys.exit(0)
