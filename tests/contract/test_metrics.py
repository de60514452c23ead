"""The page of metrics is the code's, and the documents name no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .metrics import PAGE, ROOT, metrics_of_code, page

_NAMED = re.compile(r"`((?:evote|http_server)_[a-z_]+?)(?:_bucket|_sum|_count)?[`{]")
_PROGRAMS = {path.name for path in ROOT.glob("*/*/evote_*")} | {path.name for path in ROOT.glob("*/evote_*")}
_RECORDED = set(
    re.findall(r"- record: (\w+)", (ROOT / "deploy/helm/evote/templates/monitoring/rules.yaml").read_text())
)
"""What the chart's own rules write."""
DOCUMENTS = sorted(
    path for path in [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md")] if ".venv" not in path.parts
)


def test_the_page_is_written_from_the_code() -> None:
    assert PAGE.read_text() == page(metrics_of_code()), "make metrics writes it"


def test_no_two_metrics_have_one_name() -> None:
    names = [metric.name for metric in metrics_of_code()]
    assert len(names) == len(set(names))


def test_a_metrics_name_ends_with_its_unit_or_counts_something() -> None:
    for metric in metrics_of_code():
        assert (metric.name.endswith("_total")) == (metric.kind == "counter")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_metrics_that_exist(document: Path) -> None:
    named = set(_NAMED.findall(document.read_text())) - _PROGRAMS
    roles = {name for name in named if name.endswith("_owner")}  # of PostgreSQL
    assert named - roles <= {metric.name for metric in metrics_of_code()} | _RECORDED
