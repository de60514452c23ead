"""The agent's window on a real X server, typed into by a program that doesn't know Tk."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
from evote_card_agent.questions import CANCELLED, Question

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("Xvfb") or not shutil.which("xdotool") or not importlib.util.find_spec("tkinter"),
        reason="needs Xvfb, xdotool and a Python with tkinter (Debian: apt-get install xvfb xdotool python3-tk)",
    ),
]

QUESTION = Question("https://vote.tsukuba.example", "つくば市模擬住民投票", "2" * 14, "0" * 32, 3, 5)
TITLE = "confirm the signature"


@pytest.fixture(scope="module")
def display() -> Iterator[dict[str, str]]:
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as chosen:
        yield {**os.environ, "DISPLAY": f":{chosen.readline().strip()}"}
    server.terminate()
    server.wait(10)


def open_window(display: dict[str, str], question: Question) -> subprocess.Popen[str]:
    window = subprocess.Popen(
        [sys.executable, "-I", "-m", "evote_card_agent.window"],
        env=display, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert window.stdin is not None
    window.stdin.write(json.dumps(asdict(question)))
    window.stdin.close()
    window.stdin = None
    do(display, "search", "--sync", "--onlyvisible", "--name", TITLE)
    time.sleep(0.3)  # until it has taken the focus
    return window


def do(display: dict[str, str], *arguments: str) -> None:
    subprocess.run(["xdotool", *arguments], env=display, check=True, timeout=20, stdout=subprocess.DEVNULL)


def type_into(display: dict[str, str], text: str) -> None:
    do(display, "type", "--delay", "5", text)


def test_the_pin_and_the_password_are_typed_and_given_to_the_agent_alone(display: dict[str, str]) -> None:
    window = open_window(display, QUESTION)
    type_into(display, "1234")
    do(display, "key", "Tab")
    type_into(display, "abc123")
    do(display, "key", "Return")
    answer, _ = window.communicate(timeout=20)
    assert (window.returncode, json.loads(answer)) == (0, {"pin": "1234", "password": "ABC123"})


def test_what_can_not_be_a_pin_is_asked_again(display: dict[str, str]) -> None:
    window = open_window(display, QUESTION)
    type_into(display, "12")
    do(display, "key", "Return")
    assert window.poll() is None
    type_into(display, "1234")  # the field was emptied and keeps the focus
    do(display, "key", "Return")  # without a password
    assert window.poll() is None
    type_into(display, "ABC123")
    do(display, "key", "Return")
    answer, _ = window.communicate(timeout=20)
    assert json.loads(answer) == {"pin": "1234", "password": "ABC123"}


def test_escape_cancels(display: dict[str, str]) -> None:
    window = open_window(display, QUESTION)
    type_into(display, "1234")
    do(display, "key", "Escape")
    assert window.communicate(timeout=20)[0] == ""
    assert window.returncode == CANCELLED


def test_the_last_try_needs_a_tick(display: dict[str, str]) -> None:
    window = open_window(display, replace(QUESTION, pin_tries=1))
    type_into(display, "1234")
    do(display, "key", "Tab")
    type_into(display, "ABC123")
    do(display, "key", "Return")
    time.sleep(0.5)
    assert window.poll() is None, "the button can't be pressed yet"
    do(display, "key", "shift+Tab", "shift+Tab", "space", "Return")  # the tick box stands before the PIN
    answer, _ = window.communicate(timeout=20)
    assert json.loads(answer) == {"pin": "1234", "password": "ABC123"}


def test_the_window_is_preferred_where_there_is_a_display(display: dict[str, str]) -> None:
    program = "from evote_card_agent.asking import find_way_to_ask; print(find_way_to_ask())"
    found = subprocess.run([sys.executable, "-c", program], env=display, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "evote_card_agent.window"
