"""Log lines: one JSON object each, ours and those of libraries alike, without what an exception says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field

from evote_platform.logging import _line

_LOGS = """
import logging, structlog
from evote_platform.logging import configure_logging
configure_logging("ballot", "info")
ours, library = structlog.get_logger("evote_example"), logging.getLogger("library")
ours.debug("hidden")
library.debug("hidden")
ours.info("said", fact="事実")
library.info("said")
try:
    raise ValueError("a voter's name")
except ValueError as error:
    ours.error("failed", exc_info=error)
    library.exception("failed")
"""


def test_our_lines_and_a_librarys_are_written_alike_and_without_what_an_exception_says() -> None:
    """In a process of its own: a process's logging outlives a test."""
    written = subprocess.run([sys.executable, "-c", _LOGS], stderr=subprocess.PIPE, text=True, check=True).stderr
    said, theirs, failed, failed_theirs = [json.loads(line) for line in written.splitlines()]
    assert said.pop("time") and theirs.pop("time")
    assert said == {"event": "said", "fact": "事実", "logger": "evote_example", "level": "info", "service": "ballot"}
    assert theirs == {"event": "said", "logger": "library", "level": "info", "service": "ballot"}
    assert failed["error"] == failed_theirs["error"] == "ValueError"
    assert failed["level"] == failed_theirs["level"] == "error"
    assert "a voter's name" not in written


def test_what_a_data_class_holds_back_is_in_no_line() -> None:
    @dataclass
    class Account:
        name: str
        password: str = field(repr=False)

    line = json.loads(_line(None, "info", {"event": "connected", "account": Account("tally", "a secret")}))
    assert "tally" in line["account"] and "a secret" not in line["account"]
