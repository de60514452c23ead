"""What libraries do to the whole process when they are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("module", ["evote_anchors.ethereum.writer", "evote_ledger_anchor.main", "evote_verify.main"])
def test_deeply_nested_json_raises_instead_of_ending_the_process(module: str) -> None:
    program = (
        f"import json, sys, eth_account, {module}, evote_anchors.ethereum.reader\n"
        "try: json.loads('[' * 50_000)\n"
        "except RecursionError: sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7
