"""What the documents say to type, typed.

The first of the folder's tests: while another election is open, its ballots are withheld from whoever reads the log
without an auditor's key, and what the documents tell the public to type is for a platform that holds one election.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from evote_local.stack.stack import Stack

from ..documented_day import hold_by_the_documents

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_every_command_line_of_the_documents_does_what_they_say(stack: Stack, tmp_path: Path) -> None:
    assert asyncio.run(hold_by_the_documents(stack, tmp_path)) == []
