"""`make fuzz-core` finds something new each time, and what it finds can be found again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
DRAWN = """
from hypothesis import given, strategies as st

@given(st.lists(st.integers(0, 2**64), min_size=3))
def test_drawn(numbers):
    with open({drawn!r}, "a") as file:
        print(numbers, file=file)
    assert len(set(numbers)) < 3
"""


def test_each_round_of_the_fuzzer_draws_other_examples_in_ci_too_and_prints_what_draws_a_failing_one_again(
    tmp_path: Path,
) -> None:
    # One test in one file: where Hypothesis draws the same again, it does so by what the test is.
    test, drawn, rounds = tmp_path / "test_drawn.py", tmp_path / "drawn", list[str]()
    test.write_text(DRAWN.format(drawn=str(drawn)))
    for _ in range(2):
        said = _as_the_fuzzer(test)
        assert re.search(r"@reproduce_failure\('[\d.]+', b'\S+'\)", said), said
        rounds.append(drawn.read_text())
        drawn.unlink()
    assert rounds[0] != rounds[1]


def _as_the_fuzzer(test: Path) -> str:
    """What pytest says of a test with the options that `make fuzz-core` gives it, where CI is set."""
    recipe = subprocess.run(
        ["make", "-n", "--no-print-directory", "-o", ".tools/installed", "fuzz-core"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    options = re.findall(r"--hypothesis-\S+", recipe)
    assert options and "pytest" in recipe
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "conftest", *options, str(test)],
        cwd=ROOT,
        env={**os.environ, "CI": "true", "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
    ).stdout
