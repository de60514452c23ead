"""The threshold that the service compares by is the one that was measured."""

from __future__ import annotations

import re
from pathlib import Path

from ..report import THRESHOLD

REPORT = Path(__file__).parents[3] / "docs" / "biometrics.md"
ROW = re.compile(r"^\| (0\.\d{3}) \| (\d+) of (\d+) = ", re.M)


def test_the_services_threshold_is_the_widest_with_no_more_than_one_false_match_in_a_thousand() -> None:
    rows = [
        (float(threshold), int(errors) / int(trials)) for threshold, errors, trials in ROW.findall(REPORT.read_text())
    ]
    assert len(rows) > 10
    assert max(threshold for threshold, rate in rows if rate <= 0.001) == THRESHOLD
