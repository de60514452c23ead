"""What other programs and archives say can't write on the terminal of who tries the local stack."""

from __future__ import annotations

import sys

import pytest
from evote_local import main
from evote_local.nodes.processes import ProcessFailed
from evote_local.referendum.demo import printed
from evote_local.referendum.verification import Verdict

HOSTILE = "election 投票\x1b[2J\u202e\x9b"


def can_be_printed(text: str) -> bool:
    return all(character.isprintable() or character in "\n\u3000" for character in text)


def test_a_failed_programs_log_is_shown_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ProcessFailed("kafka", "ended", f"one\n{HOSTILE}")

    monkeypatch.setattr(main, "_run", fail)
    monkeypatch.setattr(sys, "argv", ["evote-local", "down"])
    assert main.main() == 1
    said = capsys.readouterr().out
    assert can_be_printed(said) and "\\u{1b}[2J\\u{202e}\\u{9b}" in said.replace("\n", "")


def test_a_verifiers_report_is_shown_line_by_line() -> None:
    said = printed([Verdict("belenios-tool", accepted=True, output=f"one\n{HOSTILE}")])
    assert said == "belenios-tool says:\none\nelection 投票\\u{1b}[2J\\u{202e}\\u{9b}"
