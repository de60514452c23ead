"""The command lines of the documents are made of programs, words, targets, files and settings that exist."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from evote_auth.settings import AuthSettings
from evote_ballot.settings import BallotSettings
from evote_biometric.settings import BiometricSettings
from evote_ledger_anchor.chain_settings import EthereumSettings, FabricSettings
from evote_ledger_anchor.settings import LedgerSettings
from evote_platform.settings import MigrationSettings
from evote_tally.settings import TallySettings

from .documented import OTHERS, ROOT, Command, Undecided, commands_of, documents
from .program_words import Unfit, shape_of, words_of

_TARGET = re.compile(r"^([a-z-]+):.*##", re.MULTILINE)
_VARIABLE = re.compile(r"\$[({]([A-Z_]+)[)}]")
_TOLD = re.compile(r"## .*$", re.MULTILINE)
_SET = re.compile(r"^([A-Z_]+) := ", re.MULTILINE)
_DEFAULT = re.compile(r"^([A-Z_]+) \?= ", re.MULTILINE)
_MEASURES = re.compile(r"^(bench-[a-z-]+):.*## (.*)$", re.MULTILINE)
_SIZED = re.compile(r'\[[A-Z_]+=("?)([0-9][0-9 ]*)\1[],]')
_SETTING = re.compile(r"EVOTE_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_]*…|_)")
_SETTINGS = (
    AuthSettings,
    BallotSettings,
    BiometricSettings,
    LedgerSettings,
    EthereumSettings,
    FabricSettings,
    MigrationSettings,
    TallySettings,
)
_words = cache(words_of)


@pytest.mark.parametrize("document", documents(), ids=lambda document: str(document.relative_to(ROOT)))
def test_a_documented_command_line_is_one_that_its_program_takes(document: Path) -> None:
    commands = commands_of(str(document.relative_to(ROOT)), document.read_text("utf-8"))
    assert [(command.place, fault) for command in commands if (fault := fault_of(command))] == []


def test_every_setting_that_a_document_names_is_one_that_a_program_reads() -> None:
    known = _named_in_programs()
    for settings in _SETTINGS:
        known |= {f"{settings.model_config['env_prefix']}{name}".upper() for name in settings.model_fields}
    for document in documents():
        unknown = set(_SETTING.findall(document.read_text("utf-8"))) - known - {"EVOTE_X"}
        assert not unknown, f"{document.relative_to(ROOT)}: {sorted(unknown)}"


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nevote election opne ELECTION\n```",
        "```sh\nevote election show\n```",
        "```sh\nevote election show ELECTION --loud\n```",
        "```sh\nevote trustee decrypt --archive a.bel --out m.json\n```",
        "```sh\nevote-verify a.bel --frobnicate\n```",
        "`evote audit relases`",
        "`evote-auth replays`",
        "`make demoo`",
        "`make demo VOTRES=3`",
        "`python tests/nowhere.py`",
        "`python -m evote_nowhere.main`",
    ],
)
def test_a_command_line_that_rotted_is_found(text: str) -> None:
    (command,) = commands_of("x.md", text)
    assert fault_of(command) is not None


def test_what_a_target_may_be_given_is_empty_without_it_or_has_a_default() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    given = {name for told in _TOLD.findall(makefile) for name in re.findall(r"([A-Z_]+)=", told)}
    assert {"FAULTS", "TARGET", "VOTERS"} <= given
    # ``:=`` is of the Makefile itself: a target that takes the same name would be given that unasked.
    assert not given & set(_SET.findall(makefile))


def test_no_variable_has_two_defaults() -> None:
    defaults = Counter(_DEFAULT.findall((ROOT / "Makefile").read_text("utf-8")))
    # The second would never be taken, whatever stands beside it.
    assert [name for name, times in defaults.items() if times > 1] == []


def test_a_measurement_takes_the_sizes_that_help_tells() -> None:
    told = {
        (target, sizes)
        for target, words in _MEASURES.findall((ROOT / "Makefile").read_text("utf-8"))
        for _, sizes in _SIZED.findall(words)
    }
    assert {("bench-proofs", "10000 100000 1000000"), ("bench-idle", "200"), ("bench-gas", "50")} <= told
    # What a `make` that runs these tests was given would be given to this one as well.
    named = {"MAKEFLAGS", "MAKELEVEL", *_DEFAULT.findall((ROOT / "Makefile").read_text("utf-8"))}
    plain = {name: value for name, value in os.environ.items() if name not in named}
    for target, sizes in sorted(told):
        dry = ["make", "-n", target]
        made = subprocess.run(dry, cwd=ROOT, env=plain, capture_output=True, text=True, check=True).stdout
        assert re.search(rf"-[a-z-]+ {sizes}(?! ?[0-9])", made), f"{target} doesn't take {sizes}: {made}"


@pytest.mark.parametrize(
    "text", ["```\nevote election list\n```", "```sh\nevotes election list\n```", "```sh\necho 'a\n```"]
)
def test_a_line_that_is_not_known_to_be_a_command_or_text_is_refused(text: str) -> None:
    with pytest.raises(Undecided):
        list(commands_of("x.md", text))


def test_a_synopsis_stands_for_each_of_its_forms_and_a_marker_for_its_fence_alone() -> None:
    fences = (
        "<!-- not run: why -->\n```sh\nevote officer block|unblock E [--voter-id N]  # c\n```",
        "```sh\nA=1 make x && \\\n make y >z\n```",
    )
    text = "\n".join(fences)
    found = [(command.words, command.not_run) for command in commands_of("x.md", text)]
    assert found == [
        (("evote", "officer", "block", "E", "--voter-id", "N"), "why"),
        (("evote", "officer", "unblock", "E", "--voter-id", "N"), "why"),
        (("make", "x"), ""),
        (("make", "y"), ""),
    ]


def fault_of(command: Command) -> str | None:
    """Why the program wouldn't take the command; None: it would."""
    program, told = command.program, command.words[1:]
    if program in OTHERS:
        return None
    if program == "make":
        return _make_fault(told)
    if program in {"python", "pytest"}:
        return _file_fault(told)
    try:
        shape_of(program, told, _words(program), whole=command.whole)
    except Unfit as unfit:
        return unfit.why
    return None


def _make_fault(told: tuple[str, ...]) -> str | None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets, variables = set(_TARGET.findall(makefile)), set(_VARIABLE.findall(makefile))
    for word in told:
        name, is_variable, _ = word.partition("=")
        if is_variable and name not in variables:
            return f"the Makefile has no variable {name}"
        if word == told[0] and word not in targets:
            return f"the Makefile has no target {word}"
    return None


def _file_fault(told: tuple[str, ...]) -> str | None:
    if told[0] == "-m":
        try:
            return None if importlib.util.find_spec(told[1]) else f"there is no module {told[1]}"
        except ModuleNotFoundError as error:
            return str(error)
    return None if (ROOT / told[0]).exists() else f"there is no {told[0]}"


def _named_in_programs() -> set[str]:
    """Settings that are read by their literal names."""
    found: set[str] = set()
    for folder in ("clients", "libs", "services", "deploy"):
        for file in (ROOT / folder).glob("**/evote_*/**/*.py"):
            found |= set(_SETTING.findall(file.read_text("utf-8")))
    return found
