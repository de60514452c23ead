"""The command lines of the documents, taken from the Markdown as a reader finds them.

A fence says its language: ``sh`` holds command lines, one a line. Elsewhere a command is a span of code that begins
with a program. `<!-- not run: why -->` before a fence, or in the line of a span, says why a command line can't be run
by the test that runs them all; its words are checked all the same.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]

OURS = frozenset(
    {
        "evote",
        "evote-auth",
        "evote-backup",
        "evote-ballot",
        "evote-biometric",
        "evote-card-agent",
        "evote-ledger-anchor",
        "evote-load",
        "evote-local",
        "evote-tally",
        "evote-verify",
        "evote-witness",
        "make",
        "pytest",
        "python",
    }
)
OTHERS = frozenset(
    {
        "age",
        "apt-get",
        "bash",
        "belenios-tool",
        "cosign",
        "cp",
        "curl",
        "export",
        "helm",
        "k3d",
        "kind",
        "kubectl",
        "mkdir",
        "npm",
        "openssl",
        "opensc-tool",
        "pkcs11-tool",
        "pkcs15-tool",
        "podman",
        "psql",
        "sha256sum",
        "skopeo",
        "sudo",
        "tar",
        "tr",
        "uvx",
        ".tools/bin/uv",
    }
)
_FENCE = re.compile(r"\s*(?:[0-9]+\. |- )?```(\w*)\s*$")
_SPAN = re.compile(r"`([^`]+)`")
_MARKER = re.compile(r"<!-- not run: (.+?) -->")
_SETTING = re.compile(r"[A-Z][A-Z0-9_]*=.*", re.DOTALL)
_BETWEEN_COMMANDS = frozenset({"&&", "||", ";", "|"})
_REDIRECTION = re.compile(r"[0-9]?[<>].*", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One program with its words, in a command line of a document."""

    document: str
    line: int
    text: str
    """The whole line, as a person copies it."""
    words: tuple[str, ...]
    settings: tuple[str, ...]
    """``NAME=value`` before the program."""
    whole: bool
    """It stands in a fence; a span in running text may name a command by its beginning."""
    not_run: str
    """Why, where it can't be; otherwise empty."""

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}: {self.text}"


class Undecided(Exception):
    """A fence or a line that isn't known to be commands or not. Fields: ``place``, ``why``."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place, self.why = place, why


def documents() -> list[Path]:
    """All that is tracked; the history of changes tells of what there was."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if name != "CHANGELOG.md"]


def commands_of(name: str, text: str) -> Iterator[Command]:
    """The commands of the document ``name``; raises ``Undecided``."""
    language: str | None = None
    not_run, pending, started = "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is not None:
            not_run = not_run if language is None else ""  # a marker is of one fence
            language = None if language is not None else fence[1]
            if language == "":
                raise Undecided(f"{name}:{number}", "say what the fence holds: sh for command lines, or text")
        elif language == "sh":
            started = started if pending else number
            pending += line.strip()
            if pending.endswith("\\"):
                pending = pending.removesuffix("\\")
                continue
            yield from _split(name, started, pending, not_run, whole=True)
            pending = ""
        elif language is None:
            marker = _MARKER.search(line)
            not_run = marker[1] if marker else ("" if line.strip() else not_run)
            for span in _SPAN.findall(line):
                first = span.split(" ", 1)[0]
                if " " in span and (first in OURS | OTHERS or _SETTING.fullmatch(first)):
                    yield from _split(name, number, span, not_run, whole=False)


def _split(name: str, number: int, line: str, not_run: str, *, whole: bool) -> Iterator[Command]:
    try:
        parts = shlex.split(line, comments=True)
    except ValueError as error:
        raise Undecided(f"{name}:{number}: {line}", str(error)) from error
    words: list[str] = []
    while parts:
        part = parts.pop(0)
        if part == "|" and parts and parts[0] not in OURS | OTHERS:
            words[-1] += f"|{parts.pop(0)}"  # "serve | migrate": one word or another
        elif part in _BETWEEN_COMMANDS:
            yield from _command(name, number, line, words, not_run, whole=whole)
            words = []
        elif part in {">", ">>", "<"}:
            parts.pop(0)
        elif not _REDIRECTION.fullmatch(part):
            words.append(part)
    yield from _command(name, number, line, words, not_run, whole=whole)


def _command(name: str, number: int, line: str, words: list[str], not_run: str, *, whole: bool) -> Iterator[Command]:
    settings = list(takewhile(_SETTING.fullmatch, words))
    told = words[len(settings) :]
    if told[:2] == [".tools/bin/uv", "run"]:
        told = told[2:]
    if not told:
        return
    told[0] = told[0].removeprefix(".venv/bin/")
    if told[0] not in OURS | OTHERS:
        raise Undecided(f"{name}:{number}: {line}", f"{told[0]} is no program that the documents are known to use")
    if told[-1] == "…" and not whole:  # "evote officer …": any of them
        told.pop()
    for variant in _variants(told):
        yield Command(name, number, line, tuple(variant), tuple(settings), whole, not_run)


def _variants(words: list[str]) -> Iterator[list[str]]:
    """What a synopsis stands for: each of ``a|b`` once, and what is in brackets given."""
    choices = [word.strip("[]").split("|") for word in words]
    for at in range(max(len(choice) for choice in choices)):
        yield [choice[min(at, len(choice) - 1)] for choice in choices]
