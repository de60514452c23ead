"""Asking in a process of its own, at a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time

import pytest

QUESTION = "Question('https://vote.example', '選挙', '2' * 14, '0' * 32, 3, 5)"
PROGRAM = f"""
import asyncio, os, signal
from evote_card_agent import asking
from evote_card_agent.asking import TERMINAL, AskingProcess
from evote_card_agent.questions import Question
from evote_card_agent.reports import Refused

asking._END_WITHIN_S = 50

async def ask():
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(loop, "time", lambda: time() + 3600))
    print("asked by", os.getpid())
    await AskingProcess(TERMINAL).ask({QUESTION})

try:
    asyncio.run(ask())
except Refused as refused:
    print("refused:", refused.report.slug)
"""
"""An hour of it passes when it is sent SIGUSR1: how long the question takes to appear is the machine's affair."""
_WITHIN_S = 50


def start() -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    # setsid with the terminal as the controlling one, as a login does it
    command = ["setsid", "--ctty", "--wait", sys.executable, "-c", PROGRAM]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    return process, ours


def read_until(terminal: int, text: str) -> str:
    shown, deadline = "", time.monotonic() + _WITHIN_S
    while text not in shown and time.monotonic() < deadline:
        shown += os.read(terminal, 4096).decode(errors="replace")
    assert text in shown
    return shown


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_a_question_that_nobody_answers_is_withdrawn_and_the_terminal_echoes_again() -> None:
    process, terminal = start()
    asking = re.search(r"asked by (\d+)", read_until(terminal, "[y/N]: "))
    assert asking is not None
    os.write(terminal, b"y\n")
    read_until(terminal, "to cancel: ")
    assert not echoes(terminal)
    os.kill(int(asking[1]), signal.SIGUSR1)
    read_until(terminal, "refused: confirmation-timed-out")
    assert echoes(terminal)
    assert process.wait(_WITHIN_S) == 0
    os.close(terminal)


def test_where_nobody_can_be_asked_the_request_is_refused() -> None:
    done = subprocess.run(
        ["setsid", "--wait", sys.executable, "-c", PROGRAM],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_WITHIN_S,
    )  # fmt: skip
    assert done.stdout.splitlines()[1:] == ["refused: cannot-ask"]


@pytest.mark.parametrize("module", ["evote_card_agent.terminal", "evote_card_agent.window"])
def test_a_module_in_the_working_directory_takes_no_ones_place(module: str, tmp_path) -> None:
    (tmp_path / "getpass.py").write_text("print('stolen')")
    (tmp_path / "evote_card_agent").mkdir()
    (tmp_path / "evote_card_agent" / "__init__.py").write_text("print('stolen')")
    program = (
        f"import subprocess; from evote_card_agent.asking import _python;"
        f"print(subprocess.run([*_python({module!r})], cwd={str(tmp_path)!r}, stdin=subprocess.DEVNULL,"
        f" capture_output=True, text=True).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "stolen" not in done.stdout
