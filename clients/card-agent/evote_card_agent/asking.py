"""Asks the resident in a process of its own, which ends with the PINs it knew when it has answered or time is up."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from typing import Final, Protocol

from . import reports
from .pins import Pins
from .questions import CANCELLED, Question, read_answer, write_question
from .reports import Refused

WINDOW: Final = "evote_card_agent.window"
TERMINAL: Final = "evote_card_agent.terminal"
_ANSWER_WITHIN_S: Final = 120.0
_END_WITHIN_S: Final = 2.0


class Resident(Protocol):
    """The person at this PC."""

    async def ask(self, question: Question) -> Pins:
        """Both PINs, given with consent; refuses with ``cancelled`` or ``confirmation-timed-out`` otherwise."""


class NoWayToAsk(Exception):
    """There is neither a display nor a terminal to ask for a PIN."""


def find_way_to_ask() -> str:
    """The module that can ask here: the window if one can be opened, else the terminal; else ``NoWayToAsk``."""
    probe = subprocess.run([*_python(WINDOW), "--probe"], stderr=subprocess.DEVNULL, check=False)  # noqa: S603
    if probe.returncode == 0:
        return WINDOW
    if sys.stdin is not None and sys.stdin.isatty():
        return TERMINAL
    raise NoWayToAsk


class AskingProcess:
    """Asks through a module of this package that reads the question and writes the answer."""

    def __init__(self, module: str) -> None:
        self._module = module

    async def ask(self, question: Question) -> Pins:
        """Both PINs, given with consent; refuses with ``cancelled`` or ``confirmation-timed-out`` otherwise."""
        process = await asyncio.create_subprocess_exec(
            *_python(self._module), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                answer, _ = await process.communicate(write_question(question))
        except TimeoutError:
            raise Refused(reports.TIMED_OUT) from None
        finally:
            # Also when the page has gone away: nobody is asked for what nobody waits for.
            await _end(process)
        if process.returncode == CANCELLED:
            raise Refused(reports.CANCELLED)
        if process.returncode != 0:
            raise Refused(reports.CANNOT_ASK)
        return read_answer(answer)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()  # the terminal prompt turns the echo on again
    try:
        async with asyncio.timeout(_END_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _python(module: str) -> list[str]:
    # Isolated, or a file in the working directory could take the place of a module that sees the PIN.
    return [sys.executable, "-I", "-m", module]
