"""The agent's window on a real X server, typed into by a program that doesn't know Tk."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import httpx
import pytest
from evote_auth.api.models import ReleaseRequest
from evote_card_agent.questions import CANCELLED, Question
from evote_jpki.emulator import EmulatedCard
from evote_local.nodes.ports import free_port
from evote_local.testbed import wait_until

from .conftest import UUID, new_texts

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
    server.wait(50)


def open_window(display: dict[str, str], question: Question) -> subprocess.Popen[str]:
    window = subprocess.Popen(
        [sys.executable, "-I", "-m", "evote_card_agent.window"],
        env=display, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert window.stdin is not None
    window.stdin.write(json.dumps(asdict(question)))
    window.stdin.close()
    window.stdin = None
    wait_for_window(display)
    return window


def wait_for_window(display: dict[str, str]) -> None:
    """Until it is there and what is typed goes to it."""
    do(display, "search", "--sync", "--onlyvisible", "--name", TITLE, "windowfocus", "--sync")


def do(display: dict[str, str], *arguments: str) -> None:
    subprocess.run(["xdotool", *arguments], env=display, check=True, timeout=50, stdout=subprocess.DEVNULL)


def type_into(display: dict[str, str], text: str) -> None:
    do(display, "type", "--delay", "5", text)


def test_the_pin_and_the_password_are_typed_and_given_to_the_agent_alone(display: dict[str, str]) -> None:
    window = open_window(display, QUESTION)
    type_into(display, "1234")
    do(display, "key", "Tab")
    type_into(display, "abc123")
    do(display, "key", "Return")
    answer, _ = window.communicate(timeout=50)
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
    answer, _ = window.communicate(timeout=50)
    assert json.loads(answer) == {"pin": "1234", "password": "ABC123"}


def test_escape_cancels(display: dict[str, str]) -> None:
    window = open_window(display, QUESTION)
    type_into(display, "1234")
    do(display, "key", "Escape")
    assert window.communicate(timeout=50)[0] == ""
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
    answer, _ = window.communicate(timeout=50)
    assert json.loads(answer) == {"pin": "1234", "password": "ABC123"}


def test_the_window_is_preferred_where_there_is_a_display(display: dict[str, str]) -> None:
    program = "from evote_card_agent.asking import find_way_to_ask; print(find_way_to_ask())"
    found = subprocess.run([sys.executable, "-c", program], env=display, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "evote_card_agent.window"


def test_a_desktop_opens_the_paired_page_and_signs_through_the_window(
    display: dict[str, str], card: EmulatedCard, insert, tmp_path: Path
) -> None:
    opened, said, port, origin = tmp_path / "opened", tmp_path / "said", free_port(), "https://vote.tsukuba.example"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    command = [sys.executable, "-m", "evote_card_agent.main", "--page", origin, "--election", UUID, "--port", str(port)]
    with insert(card), said.open("wb") as output, ThreadPoolExecutor(1) as pool:
        environment = {
            **display,
            **{name: os.environ[name] for name in ("PCSCLITE_CSOCK_NAME",)},
            "BROWSER": str(browser),
        }
        agent = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_until(opened.exists)
        paired = re.fullmatch(rf"{origin}#card-agent={port}\.([\w-]{{43}})", opened.read_text())
        assert paired is not None
        texts = new_texts()
        answer = pool.submit(
            httpx.post,
            f"http://127.0.0.1:{port}/v1/signatures",
            json={"challenge": texts.challenge, "release_statement": texts.statement},
            headers={"Origin": origin, "Authorization": f"Bearer {paired[1]}"},
            timeout=100,
        )
        wait_for_window(display)
        type_into(display, "1234")
        do(display, "key", "Tab")
        type_into(display, "ABC123")
        do(display, "key", "Return")
        response = answer.result()
        agent.terminate()
        agent.wait(50)
    assert response.status_code == 200, response.text
    assert (
        ReleaseRequest.model_validate({**response.json(), "device_request": "the page's"}).challenge_id
        == texts.challenge_id
    )
    journal = said.read_text()
    assert "署名しました" in journal
    for secret in (paired[1], "1234\n", "ABC123", texts.challenge_id, "筑波花子"):
        assert secret not in journal, "what isn't a terminal may be kept"
