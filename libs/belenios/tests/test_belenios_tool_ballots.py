"""Debian's belenios-tool 2.0 and this library accept each other's credentials, elections and ballots."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from evote_belenios.ballots import generate_ballot, parse_ballot, tracker_of, verify_ballot
from evote_belenios.credentials import generate, parse, parse_public, public_credential
from evote_belenios.election import Election, Question, election_json, parse_election
from evote_belenios.errors import BeleniosError
from evote_belenios.groups import BELENIOS_2048

Tool = Callable[..., str]
UUID = "11111111111111"
QUESTIONS = [
    Question("市長の計画に賛成ですか", ("賛成", "反対"), True, 1, 1),
    Question('Which "parks"?\n', ("a", "b", "c"), False, 0, 2),
    Question("At least two", ("a", "b", "c"), True, 2, 3),
]
VOTES = [
    [[0, 1, 0], [1, 0, 1], [0, 1, 1, 0]],
    [[1, 0, 0], [0, 0, 0], [1, 0, 0, 0]],
    [[0, 0, 1], [0, 1, 0], [0, 1, 1, 1]],
]


class Hall:
    """A folder in which belenios-tool holds an election, with one trustee and three voters."""

    def __init__(self, tool: Tool, folder: Path) -> None:
        self.tool, self.folder = tool, folder
        self._setup("generate-credentials", "--count", "3", "--uuid", UUID)
        (public,) = folder.glob("*.pubcreds")
        public.rename(folder / "public_creds.json")
        (private,) = folder.glob("*.privcreds")
        self.credentials = [line.split()[1] for line in private.read_text().splitlines()]
        self._setup("generate-trustee-key")
        (key,) = folder.glob("*.pubkey")
        key.rename(folder / "public_keys.jsons")
        tool("setup", "make-trustees", folder=folder)

    def _setup(self, command: str, *arguments: str) -> None:
        self.tool("setup", command, "--group", "BELENIOS-2048", *arguments, folder=self.folder)

    def make_election(self) -> Election:
        """The tool's own election of our questions."""
        template = {
            "description": "D",
            "name": "N",
            "questions": [question.to_json() for question in QUESTIONS],
            "administrator": "Tsukuba",
        }
        (self.folder / "template.json").write_text(json.dumps(template))
        self._setup("make-election", "--uuid", UUID, "--template", "template.json")
        return parse_election((self.folder / "election.json").read_text().rstrip("\n"))

    def open(self) -> None:
        self.tool("archive", "init", folder=self.folder)

    def public_credentials(self) -> list[str]:
        lines: list[str] = json.loads((self.folder / "public_creds.json").read_text())
        # The tool's list for the administrator adds a weight and a name, which it strips from the public archive.
        return [line.split(",")[0] for line in lines]

    def cast(self, text: str) -> None:
        self.tool("archive", "add-event", "--type=Ballot", folder=self.folder, stdin=text + "\n")

    def vote(self, credential: str, vote: list[list[int]]) -> str:
        (self.folder / "credential").write_text(credential)
        (self.folder / "vote").write_text(json.dumps(vote))
        arguments = ("--privcred", "credential", "--ballot", "vote")
        return self.tool("election", "generate-ballot", *arguments, folder=self.folder).rstrip("\n")

    def verify(self) -> None:
        self.tool("election", "verify", folder=self.folder)


@pytest.fixture
def hall(belenios_tool: Tool, tmp_path: Path) -> Hall:
    return Hall(belenios_tool, tmp_path)


def test_its_credentials_derive_to_its_public_ones(hall: Hall) -> None:
    assert [parse(credential) for credential in hall.credentials] == hall.credentials
    derived = {public_credential(credential, UUID, BELENIOS_2048) for credential in hall.credentials}
    assert derived == set(hall.public_credentials())
    assert all(parse_public(text, BELENIOS_2048) == (text, 1) for text in derived)


def test_our_credentials_derive_there_as_here(belenios_tool: Tool, tmp_path: Path) -> None:
    credential = generate(BELENIOS_2048, secrets.token_bytes)
    arguments = ("--group", "BELENIOS-2048", "--uuid", UUID, "--derive", credential)
    derived = belenios_tool("setup", "generate-credentials", *arguments, folder=tmp_path)
    assert derived.rstrip("\n") == public_credential(credential, UUID, BELENIOS_2048)


def test_its_election_is_read_and_its_ballots_verify_here(hall: Hall) -> None:
    election = hall.make_election()
    assert list(election.questions) == QUESTIONS
    hall.open()
    for credential, vote in zip(hall.credentials, VOTES, strict=True):
        text = hall.vote(credential, vote)
        ballot = parse_ballot(election, text)
        verify_ballot(election, ballot)
        assert ballot.credential in hall.public_credentials()


def test_our_ballots_verify_there(hall: Hall) -> None:
    election = hall.make_election()
    hall.open()
    for credential, vote in zip(hall.credentials, VOTES, strict=True):
        text = generate_ballot(election, credential, vote, secrets.token_bytes)
        hall.cast(text)
        assert hall.tool("sha256-b64", folder=hall.folder, stdin=text).rstrip("\n") == tracker_of(text)
    hall.verify()


def test_our_election_is_used_there(hall: Hall) -> None:
    theirs = hall.make_election()
    ours = election_json(
        group=BELENIOS_2048,
        uuid=UUID,
        name="選挙",
        description="",
        questions=QUESTIONS,
        public_key=BELENIOS_2048.encode(theirs.public_key),
        administrator="つくば市",
        credential_authority="auth",
    )
    (hall.folder / "election.json").write_text(ours)
    hall.open()
    text = hall.vote(hall.credentials[0], VOTES[0])
    verify_ballot(parse_election(ours), parse_ballot(parse_election(ours), text))
    hall.cast(text)
    hall.verify()


def test_both_refuse_a_ballot_with_a_changed_proof(hall: Hall) -> None:
    election = hall.make_election()
    hall.open()
    value = json.loads(generate_ballot(election, hall.credentials[0], VOTES[0], secrets.token_bytes))
    proof = value["signature"]["proof"]
    proof["response"] = str((int(proof["response"]) + 1) % BELENIOS_2048.order)
    text = json.dumps(value, separators=(",", ":"))
    with pytest.raises(BeleniosError, match="ballot-signature"):
        verify_ballot(election, parse_ballot(election, text))
    hall.cast(text)
    with pytest.raises(subprocess.CalledProcessError):
        hall.verify()
