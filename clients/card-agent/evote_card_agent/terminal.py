"""Asks at the terminal: what is to be signed, consent, and both PINs without echo."""

from __future__ import annotations

import getpass
import signal
import sys
from collections.abc import Callable
from typing import TextIO

from .pins import typed_password, typed_pin
from .questions import (
    CANCELLED,
    LAST_TRY,
    PIN_LABEL,
    PIN_MALFORMED,
    SIGNATURE_LABEL,
    SIGNATURE_MALFORMED,
    Question,
    read_question,
    write_answer,
)

# Standard input and output are pipes to the agent.
_INPUT, _OUTPUT = ("CONIN$", "CONOUT$") if sys.platform == "win32" else ("/dev/tty", "/dev/tty")


class SaidNo(Exception):
    """The resident doesn't want to sign."""


def ask(question: Question, typing: TextIO, screen: TextIO, hidden: Callable[[str], str]) -> tuple[str, str]:
    """The PIN and the password; ``SaidNo`` when the resident gives no consent.

    ``hidden`` asks with a prompt and doesn't echo what is typed.
    """
    _say(screen, "\n署名の確認 / confirm the signature")
    for label, value in question.facts():
        _say(screen, f"  {label}: {value}")
    if question.is_last_try:
        _say(screen, LAST_TRY)
        _agree(typing, screen, "最後の1回を使いますか。使うなら yes / Use the last try? Type yes: ", ("yes",))
    _agree(typing, screen, "署名しますか / Sign? [y/N]: ", ("y", "yes"))
    pin = _until_well_formed(screen, hidden, PIN_LABEL, PIN_MALFORMED, typed_pin)
    password = _until_well_formed(screen, hidden, SIGNATURE_LABEL, SIGNATURE_MALFORMED, typed_password)
    return pin, password


def _agree(typing: TextIO, screen: TextIO, prompt: str, accepted: tuple[str, ...]) -> None:
    screen.write(prompt)
    screen.flush()
    if typing.readline().strip().lower() not in accepted:
        raise SaidNo


def _until_well_formed(
    screen: TextIO, hidden: Callable[[str], str], label: str, malformed: str, typed: Callable[[str], str | None]
) -> str:
    while True:
        text = hidden(f"{label}\n  空のままEnterで取り消し / empty to cancel: ")
        if not text:
            raise SaidNo
        meant = typed(text)
        if meant is not None:
            return meant
        _say(screen, malformed)


def _say(screen: TextIO, text: str) -> None:
    screen.write(f"{text}\n")
    screen.flush()


def main() -> int:
    """Read the question, ask, and write the answer; returns the exit status."""
    # Unwinding, getpass turns the echo on again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(CANCELLED))
    question = read_question()
    try:
        with open(_INPUT, encoding="utf-8") as typing, open(_OUTPUT, "w", encoding="utf-8") as screen:  # noqa: PTH123
            pin, password = ask(question, typing, screen, lambda prompt: getpass.getpass(prompt, screen))
    except (SaidNo, EOFError, KeyboardInterrupt):
        return CANCELLED
    write_answer(pin, password)
    return 0


if __name__ == "__main__":
    sys.exit(main())
