"""Fixtures of the protocol's tests: elections in both groups, deterministic randomness, and Debian's belenios-tool."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from evote_belenios import native
from evote_belenios.ballots import Ballot, generate_ballot, parse_ballot
from evote_belenios.credentials import generate
from evote_belenios.election import Election, Question, election_json, new_uuid, parse_election
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, Random, random_exponent

from .stories import Ceremony, Story, election_of, hold_ceremony, tell_story, write_archive

Tool = Callable[..., str]
NewElection = Callable[[Group, Sequence[Question]], Election]


BY_CORE, BY_REFERENCE = "core", "reference"
# Of no group at all.
WITHOUT_CORE = ("jsontext",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What there is of a group is tested with the compiled core and without."""
    about = metafunc.module.__name__.rpartition("test_")[2]
    arithmetics = [
        *([] if about in WITHOUT_CORE else [BY_CORE]),
        *([] if about.startswith("native") else [BY_REFERENCE]),
    ]
    own = [name for mark in metafunc.definition.iter_markers("parametrize") for name in mark.args[:1]]
    if "group" in metafunc.fixturenames and "group" not in ",".join(map(str, own)):
        cases = [(arithmetic, group) for group in (ED25519, BELENIOS_2048) for arithmetic in arithmetics]
        names = [f"{group.name}-{arithmetic}" for arithmetic, group in cases]
        metafunc.parametrize(("arithmetic", "group"), cases, ids=names, indirect=["arithmetic"], scope="module")
    else:
        metafunc.parametrize("arithmetic", arithmetics, indirect=True, scope="module")


@pytest.fixture(autouse=True, scope="module")
def arithmetic(request: pytest.FixtureRequest, left_out: Callable[[str], NoReturn]) -> Iterator[str]:
    """Who does the work; processes that a test starts are told as well."""
    if request.param == BY_CORE and native.core is None:
        left_out("there is no compiled core of this version: make install says why")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == BY_REFERENCE:
            patch.setattr(native, "core", None)
            patch.setenv(native.SWITCH, "off")
        yield request.param


@pytest.fixture(scope="session")
def new_election() -> NewElection:
    """Makes an election whose secret key nobody keeps."""

    def make(group: Group, questions: Sequence[Question]) -> Election:
        secret = random_exponent(group, secrets.token_bytes)
        text = election_json(
            group=group,
            uuid=new_uuid(secrets.token_bytes),
            name="Mayor's plan",
            description="Two questions",
            questions=questions,
            public_key=group.encode(group.power_generator(secret)),
            administrator="Tsukuba",
            credential_authority="auth",
        )
        return parse_election(text)

    return make


@pytest.fixture
def stream() -> Callable[[bytes], Random]:
    """A deterministic source: SHAKE-256 of a seed, read from the start, as the vectors use it."""

    def make(seed: bytes) -> Random:
        position = 0

        def read(count: int) -> bytes:
            nonlocal position
            position += count
            return hashlib.shake_256(seed).digest(position)[position - count :]

        return read

    return make


@pytest.fixture(scope="session")
def belenios_tool() -> Tool:
    """Runs Debian's belenios-tool 2.0 in a folder and gives its output; its failure is a CalledProcessError."""
    program = shutil.which("belenios-tool")
    if program is None:
        pytest.skip("belenios-tool is not installed (apt-get install belenios-tool)")

    def run(*arguments: str, folder: Path, stdin: str = "") -> str:
        # Its own random source would wait for an entropy daemon.
        environment = {**os.environ, "BELENIOS_USE_URANDOM": "1"}
        return subprocess.run(
            [program, *arguments], cwd=folder, env=environment, input=stdin, capture_output=True, text=True, check=True
        ).stdout

    return run


@pytest.fixture(scope="session", name="hold_ceremony")
def _hold_ceremony() -> Callable[..., Ceremony]:
    return hold_ceremony


@pytest.fixture(scope="session", name="election_of")
def _election_of() -> Callable[..., Election]:
    return election_of


@pytest.fixture(scope="session")
def cast() -> Callable[..., Ballot]:
    """Makes the ballot of a new voter."""

    def make(election: Election, choices: Sequence[Sequence[int]], random: Random = secrets.token_bytes) -> Ballot:
        return parse_ballot(election, generate_ballot(election, generate(election.group, random), choices, random))

    return make


@pytest.fixture(scope="session", name="write_archive")
def _write_archive() -> Callable[[Path, Sequence[tuple[str, list[str]]]], Path]:
    return write_archive


@pytest.fixture(scope="session", name="tell_story")
def _tell_story() -> Callable[[Group], Story]:
    """:func:`tell_story`, told once for each group; a test may change its copy."""
    told: dict[str, Story] = {}

    def tell(group: Group) -> Story:
        if group.name not in told:
            told[group.name] = tell_story(group)
        return told[group.name].copy()

    return tell
