"""Fixtures of the protocol's tests: elections in both groups, deterministic randomness, and Debian's belenios-tool."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from evote_belenios import threshold
from evote_belenios.ballots import Ballot, generate_ballot, parse_ballot
from evote_belenios.channel import TrusteeSecret
from evote_belenios.credentials import generate
from evote_belenios.election import Election, Question, election_json, new_uuid, parse_election
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, Random, random_exponent
from evote_belenios.trustees import DecryptionKey, parse_trustees

Tool = Callable[..., str]
NewElection = Callable[[Group, Sequence[Question]], Election]


@pytest.fixture(params=[ED25519, BELENIOS_2048], ids=lambda group: group.name)
def group(request: pytest.FixtureRequest) -> Group:
    """Each group in turn."""
    return request.param


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


@dataclass(frozen=True)
class Ceremony:
    """All that a threshold ceremony of our own trustees leaves behind."""

    group: Group
    threshold: int
    secrets: Sequence[TrusteeSecret]
    certificates: Sequence[str]
    polynomials: Sequence[str]
    voutputs: Sequence[str]

    @property
    def parameters(self) -> str:
        return threshold.threshold_parameters(
            self.group, self.certificates, self.threshold, self.polynomials, self.voutputs
        )

    @property
    def keys(self) -> list[DecryptionKey]:
        return [
            threshold.decryption_key_from(secret, self.group, threshold.encrypted_decryption_key(voutput, self.group))
            for secret, voutput in zip(self.secrets, self.voutputs, strict=True)
        ]


@pytest.fixture(scope="session")
def hold_ceremony() -> Callable[..., Ceremony]:
    """Holds a ceremony of ``size`` trustees of whom ``needed`` can decrypt."""

    def hold(group: Group, needed: int, size: int, random: Random = secrets.token_bytes) -> Ceremony:
        seeds = [TrusteeSecret.generate(random) for _ in range(size)]
        certificates = [
            threshold.certificate(seed, group, index=index, threshold=needed, size=size, random=random)
            for index, seed in enumerate(seeds, 1)
        ]
        polynomials = [threshold.polynomial(seed, group, certificates, needed, random) for seed in seeds]
        commitments = [threshold.commitment(text) for text in polynomials]
        voutputs = [
            threshold.committed_voutput(seed, group, certificates, needed, polynomials, commitments, random)
            for seed in seeds
        ]
        return Ceremony(group, needed, seeds, certificates, polynomials, voutputs)

    return hold


@pytest.fixture(scope="session")
def election_of() -> Callable[..., Election]:
    """Makes an election whose votes the given trustees decrypt."""

    def make(trustees_text: str, group: Group, questions: Sequence[Question], uuid: str | None = None) -> Election:
        text = election_json(
            group=group,
            uuid=uuid or new_uuid(secrets.token_bytes),
            name="Plan",
            description="A mock referendum",
            questions=questions,
            public_key=parse_trustees(trustees_text, group).public_key_text,
            administrator="Tsukuba",
            credential_authority="auth",
        )
        return parse_election(text)

    return make


@pytest.fixture(scope="session")
def cast() -> Callable[..., Ballot]:
    """Makes the ballot of a new voter."""

    def make(election: Election, choices: Sequence[Sequence[int]], random: Random = secrets.token_bytes) -> Ballot:
        return parse_ballot(election, generate_ballot(election, generate(election.group, random), choices, random))

    return make
