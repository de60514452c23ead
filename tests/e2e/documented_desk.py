"""Runs the command lines of the documents as they stand there, and tells which of them were never run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from evote_verify import main as verify_program
from evote_witness import main as witness_program

from ..contract.documented import OTHERS, ROOT, Command, commands_of, documents
from ..contract.program_words import Shape, Unfit, shape_of, words_of
from .evote_command import Done, evote

BUILDERS = frozenset({"make", "pytest", "python"})
"""What those who build the project run: all of these tests, and benchmarks of minutes. Their words are checked."""
_MAIN = {"evote-verify": verify_program.main, "evote-witness": witness_program.main}
_words = cache(words_of)


@dataclass
class DocumentedDesk:
    """A desk with the documents on it: each line is run from there, in the order in which the story takes them."""

    folder: Path
    values: dict[str, str]
    """What a reader puts for a word of the documents, such as ``ELECTION``."""
    environment: Mapping[str, str]
    commands: list[Command] = field(default_factory=lambda: list(_all_commands()))
    ran: set[Shape | str] = field(default_factory=set)

    def next(self, document: str, beginning: str) -> Command:
        """The first command line of ``document`` that begins so and wasn't run yet; the first of all after that."""
        said = tuple(beginning.split())
        fitting = [
            command
            for command in self.commands
            if command.document == document and command.words[: len(said)] == said and _stands_alone(command)
        ]
        assert fitting, f"{document} has no {beginning}"
        return next((command for command in fitting if _key(command) not in self.ran), fitting[0])

    def run(
        self, command: Command, person: Mapping[str, str], *, typed: str = "", instead: Mapping[str, str] | None = None
    ) -> Done:
        """Run a line; how it ended is the caller's to look at.

        Args:
            person: the settings of who is at the keyboard.
            typed: what they answer.
            instead: values for this line alone.
        """
        values = {**self.values, **(instead or {})}
        told = [_with_values(word, values) for word in command.words]
        with patch.dict(os.environ, {**self.environment, **person}), chdir(self.folder):
            told = [os.path.expandvars(word) for word in told]
            done = _run(command, told, typed, values)
        if done.returncode == 0:
            self.ran.add(_key(command))
        return done

    def never_run(self) -> list[str]:
        """Lines that a reader is told to type, which no marker excuses, and which ended well nowhere in the story."""
        return [
            command.place
            for command in self.commands
            if command.program not in BUILDERS
            and not command.not_run
            and _stands_alone(command)
            and _key(command) not in self.ran
        ]


def _all_commands() -> Iterator[Command]:
    for document in documents():
        if document.parent.name == "adr":
            continue  # why something was decided, not what to type
        yield from commands_of(str(document.relative_to(ROOT)), document.read_text("utf-8"))


def _stands_alone(command: Command) -> bool:
    """A span such as `evote audit` names a command, and isn't meant to be typed."""
    if command.program in OTHERS:
        return True
    try:
        shape_of(command.program, command.words[1:], _words(command.program), whole=True)
    except Unfit:
        return command.program in BUILDERS
    return True


def _key(command: Command) -> Shape | str:
    """Lines of one shape are run once."""
    if command.program in OTHERS:
        return command.place
    return shape_of(command.program, command.words[1:], _words(command.program), whole=True)


def _with_values(word: str, values: Mapping[str, str]) -> str:
    if word in values:
        return values[word]
    for name, value in values.items():
        # Addresses and file names that hold the election's identifier.
        if name.startswith("https://") or name == "UUID":
            word = word.replace(name, value)
    return word


def _run(command: Command, told: list[str], typed: str, values: Mapping[str, str]) -> Done:
    if command.program in OTHERS:
        line = _with_values(command.text, values)
        shell = subprocess.run(["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True, check=False)
        return Done(shell.returncode, shell.stdout, shell.stderr)
    done = evote(told[1:], {}, typed=typed) if command.program == "evote" else _run_main(told)
    written = re.search(r" > (\S+)$", command.text)
    if written:
        Path(written[1]).write_text(done.stdout, "utf-8")
    return done


def _run_main(told: list[str]) -> Done:
    said, complained, status = StringIO(), StringIO(), 0
    with patch.object(sys, "argv", told), redirect_stdout(said), redirect_stderr(complained):
        try:
            status = _MAIN[told[0]]() or 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    return Done(status, said.getvalue(), complained.getvalue())
