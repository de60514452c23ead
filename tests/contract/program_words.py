"""What each program takes on its command line, as the program itself has it."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import typer
from evote_cli.main import app
from typer.core import TyperGroup, TyperOption

_ARGPARSE = {
    "evote-auth": "evote_auth.main",
    "evote-backup": "evote_backup.main",
    "evote-ballot": "evote_ballot.main",
    "evote-biometric": "evote_biometric.main",
    "evote-card-agent": "evote_card_agent.main",
    "evote-ledger-anchor": "evote_ledger_anchor.main",
    "evote-load": "evote_loadtests.main",
    "evote-local": "evote_local.main",
    "evote-tally": "evote_tally.main",
    "evote-verify": "evote_verify.main",
    "evote-witness": "evote_witness.main",
}


@dataclass(frozen=True)
class Words:
    """Of a program, or of one of its subcommands."""

    options: Mapping[str, bool] = field(default_factory=dict)
    """Whether a value follows, by the option's name."""
    required: tuple[frozenset[str], ...] = ()
    """The names of each option that has to be there."""
    least: int = 0
    most: int | None = 0
    """Words besides options; None: any number."""
    subcommands: Mapping[str, Words] = field(default_factory=dict)


class Unfit(Exception):
    """A program doesn't take these words. Field: ``why``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Shape:
    """A command without its values: lines of one shape do the same to other things."""

    program: str
    subcommands: tuple[str, ...]
    options: frozenset[str]
    words: int


def words_of(program: str) -> Words:
    """What the program takes."""
    if program == "evote":
        return _of_typer(typer.main.get_command(app))
    caught: list[argparse.ArgumentParser] = []

    def catch(parser: argparse.ArgumentParser, *_: object) -> None:
        caught.append(parser)
        raise SystemExit

    with patch.object(argparse.ArgumentParser, "parse_args", catch), suppress(SystemExit):
        importlib.import_module(_ARGPARSE[program]).main()
    return _of_argparse(caught[0])


def shape_of(program: str, told: Sequence[str], taken: Words, *, whole: bool) -> Shape:
    """Look at the words after the program's name by what it takes.

    Args:
        whole: all that has to be there must be; otherwise the beginning of a command is enough.

    Raises:
        Unfit: the program would refuse them.
    """
    left, subcommands = list(told), []
    while taken.subcommands and left:
        name = left.pop(0)
        if name not in taken.subcommands:
            raise Unfit(f"there is no {name}")
        subcommands.append(name)
        taken = taken.subcommands[name]
    options, words = set(), 0
    while left:
        word = left.pop(0)
        name, _, value = word.partition("=")
        if not word.startswith("--"):
            words += 1
            continue
        if name not in taken.options:
            raise Unfit(f"there is no option {name}")
        options.add(name)
        if taken.options[name] and not value:
            if whole and (not left or left[0].startswith("--")):
                raise Unfit(f"{name} takes a value")
            del left[:1]
    if taken.most is not None and words > taken.most:
        raise Unfit(f"{words} words besides options, where {taken.most} are taken")
    if whole and (words < taken.least or taken.subcommands):
        raise Unfit("words are missing")
    for names in taken.required if whole else ():
        if not names & options:
            raise Unfit(f"{' or '.join(sorted(names))} is missing")
    return Shape(program, tuple(subcommands), frozenset(options), words)


def _of_typer(command: Any) -> Words:
    options: dict[str, bool] = {"--help": False}
    required, least, most = [], 0, 0
    for parameter in command.params:
        if isinstance(parameter, TyperOption):
            names = frozenset(parameter.opts + parameter.secondary_opts)
            options |= dict.fromkeys(names, not parameter.is_flag)
            if parameter.required and parameter.envvar is None and not parameter.prompt:
                required.append(names)
        else:
            least += parameter.required
            most += 1
    inner = command.commands if isinstance(command, TyperGroup) else {}
    return Words(options, tuple(required), least, most, {name: _of_typer(one) for name, one in inner.items()})


def _of_argparse(parser: argparse.ArgumentParser) -> Words:
    options: dict[str, bool] = {}
    required, least, inner = [], 0, {}
    most: int | None = 0
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            inner = {name: _of_argparse(one) for name, one in action.choices.items()}
        elif action.option_strings:
            options |= dict.fromkeys(action.option_strings, action.nargs != 0)
            if action.required:
                required.append(frozenset(action.option_strings))
        else:
            least += action.nargs not in {"?", "*"}
            most = None if most is None or action.nargs in {"*", "+"} else most + 1
    return Words(options, tuple(required), least, most, inner)
