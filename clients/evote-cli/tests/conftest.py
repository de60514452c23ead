"""A tally service without Kafka: its own rules over a list of events, which a log in a folder shows to trustees."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from evote_belenios.archive import ArchiveWriter
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.channel import TrusteeSecret
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import parse_election
from evote_belenios.jsontext import dump
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_ceremony.messages import CEREMONY_STEPS, Step
from evote_cli import (
    command_commands,
    election_commands,
    face_commands,
    front_commands,
    irrevocable,
    officer_commands,
    roll_commands,
    trustee_commands,
)
from evote_cli.client import ServiceClient
from evote_cli.dialogue import FromArguments
from evote_cli.keyfile import RecordKeeper, create_key_file, identity_of, read_key_file
from evote_cli.log_view import LogView, read_log
from evote_cli.main import app
from evote_cli.message import CONFIRMATION, Message
from evote_cli.trustee import ceremony_code, sign_step
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.events import (
    BallotBoxClosed,
    CredentialsPublished,
    DraftQuestion,
    DraftTrustee,
    ElectionClosed,
    ElectionDrafted,
    ElectionEventData,
    EncryptedTallyComputed,
    RollFrozen,
)
from evote_local.nodes.log_folder import LogFolder
from evote_local.testbed import accepted
from evote_statements.keys import key_text
from evote_tally.domain import ceremony
from evote_tally.domain.counting import receive_partial_decryption
from evote_tally.domain.election import Election, election_from
from evote_tally.domain.facts import Fact
from evote_tally.domain.lifecycle import open_election
from evote_tally.domain.refusals import Refusal
from typer.testing import CliRunner

from .at_keyboard import URL, key_file

UUID = "4yP2vbZnkbxpPG"
MOMENT = datetime(2026, 11, 24, 9, tzinfo=UTC)


class Trustee:
    """A trustee at the command line, and what they heard from the others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keeper = RecordKeeper(path)
        create_key_file(path, secrets.token_bytes)

    @property
    def secret(self) -> TrusteeSecret:
        return read_key_file(self.path)

    @property
    def line(self) -> str:
        return key_text(identity_of(self.secret).public_key())

    def sign(self, view: LogView, heard: str | None = None) -> Message:
        person = FromArguments(heard, approved=True)
        return sign_step(self.secret, self.keeper, view, UUID, person, secrets.token_bytes)

    def code(self, view: LogView) -> str:
        return ceremony_code(self.secret, view, UUID).text


class StandInElection:
    """One election by tally's own rules; ``records`` is its log, ``ballots`` what was cast."""

    def __init__(self, folder: Path, lines: Sequence[str], threshold: int, group: str = "Ed25519") -> None:
        self.log = LogFolder(folder)
        self.events: list[ElectionEventData] = []
        self.records: list[bytes] = []
        self.ballots: list[str] = []
        self.private: list[str] = []
        self.append(
            ElectionDrafted(
                election_uuid=UUID,
                name="住民投票",
                description="",
                group=group,
                administrator="選挙管理委員会",
                questions=(DraftQuestion(question="賛成ですか", answers=("賛成", "反対"), blank=True, min=1, max=1),),
                trustees=tuple(DraftTrustee(name=f"立会人{i}", key=line) for i, line in enumerate(lines, 1)),
                threshold=threshold,
                opens_at="2026-11-24T10:00:00.000Z",
                closes_at="2126-11-24T11:00:00.000Z",
            )
        )

    @property
    def election(self) -> Election:
        return election_from(UUID, [Fact(event, "2026-11-24T09:00:00.000Z") for event in self.events])

    def append(self, *events: ElectionEventData) -> None:
        """Write events into the log, and publish it."""
        for event in events:
            number = len(self.records)
            self.records.append(encode(Envelope.wrap(event, id=str(number), source="test", time=MOMENT)))
            self.events.append(event)
        self.log.publish(self.records)

    def take(self, message: Message) -> None:
        """As tally takes a trustee's message."""
        if message.step == CONFIRMATION:
            self.append(*ceremony.receive_confirmation(self.election, message.trustee, message.statement))
            return
        sent = ceremony.Message(message.trustee, Step(message.step), message.text, message.statement)
        receive = receive_partial_decryption if message.step == Step.PARTIAL_DECRYPTION else ceremony.receive
        self.append(*receive(self.election, sent))

    def view(self) -> LogView:
        return read_log(str(self.log.folder), self.log.policy, lambda done, total: None)

    def hold_ceremony(self, trustees: Sequence[Trustee], until: str | None = None) -> None:
        """All trustees do every step before ``until``, and hear the code from each other."""
        for step in CEREMONY_STEPS:
            if step == until:
                return
            heard = trustees[0].code(self.view()) if step is Step.COMMITMENT else None
            for trustee in trustees:
                self.take(trustee.sign(self.view(), heard))

    def freeze(self, voters: int) -> None:
        group = self.election.plan.group
        self.private = [generate(group, secrets.token_bytes) for _ in range(voters)]
        public = tuple(sorted(public_credential(credential, UUID, group) for credential in self.private))
        digest = hashlib.sha256(dump(public).encode()).hexdigest()
        self.append(
            CredentialsPublished(election_uuid=UUID, part=0, parts=1, credentials=public, credentials_sha256=digest),
            RollFrozen(election_uuid=UUID, roll_size=voters, credentials_sha256=digest),
        )

    def open(self, trustees: Sequence[Trustee]) -> None:
        for trustee in trustees:
            self.take(trustee.sign(self.view()))
        self.append(*open_election(self.election))

    def vote(self) -> None:
        """Everybody votes, each for the first answer."""
        parameters = parse_election(self.election.opened.election_json)
        for credential in self.private:
            ballot = generate_ballot(parameters, credential, [[0, 1, 0]], secrets.token_bytes)
            self.ballots.append(ballot)
            self.append(accepted(UUID, parameters.group, credential, ballot))

    def close(self) -> None:
        closed = ElectionClosed(election_uuid=UUID, reason="officer")
        self.append(closed, BallotBoxClosed(election_uuid=UUID, partition=0, partitions=1))

    def count(self) -> None:
        tally = self.tally_of(self.ballots)
        log_size = len(self.records)
        self.append(
            EncryptedTallyComputed(
                election_uuid=UUID, encrypted_tally=tally[0], sized_encrypted_tally=tally[1], log_size=log_size
            )
        )

    def tally_of(self, ballots: Sequence[str]) -> tuple[str, str]:
        parameters = parse_election(self.election.opened.election_json)
        accumulator = EncryptedTallyAccumulator(parameters)
        for ballot in ballots:
            accumulator.add(parse_ballot(parameters, ballot))
        return accumulator.encrypted_tally_json(), accumulator.sized_json()

    def archive(self, path: Path, ballots: Sequence[str] | None = None, *, until: str = "tally") -> Path:
        """The archive up to its tally or its ballots, or with other ``ballots`` a forged one; its hashes hold too."""
        chosen = self.ballots if ballots is None else ballots
        opened = self.election.opened
        public = sorted(public_credential(credential, UUID, self.election.plan.group) for credential in self.private)
        with path.open("wb") as file:
            writer = ArchiveWriter(file, timestamp=int(MOMENT.timestamp()))
            writer.setup(opened.election_json, opened.trustees_json, dump(public))
            for ballot in chosen:
                writer.ballot(ballot)
            if until == "tally":
                writer.end_ballots()
                writer.encrypted_tally(*self.tally_of(chosen))
            writer.close()
        return path

    def transport(self) -> httpx.MockTransport:
        """tally's door for trustees."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        _, _, uuid, _, trustee, step = request.url.path.split("/")
        body = json.loads(request.content)
        try:
            self.take(Message(uuid, int(trustee), step, body.get("message", ""), body["statement"]))
        except Refusal as refusal:
            problem = {"type": f"urn:tsukuba-evote:problem:{type(refusal).__name__}", "title": "refused"}
            return httpx.Response(409, json=problem)
        return httpx.Response(200, json={"election_uuid": UUID, "state": "drafted"})


@dataclass(frozen=True)
class Held:
    """An election and its trustees."""

    election: StandInElection
    trustees: list[Trustee]


@pytest.fixture
def new_election(tmp_path: Path) -> Callable[..., Held]:
    def make(size: int = 3, threshold: int = 2, group: str = "Ed25519", name: str = "election") -> Held:
        folder = tmp_path / name
        folder.mkdir()
        trustees = [Trustee(folder / f"trustee-{number}.key") for number in range(1, size + 1)]
        lines = [trustee.line for trustee in trustees]
        return Held(StandInElection(folder / "log", lines, threshold, group), trustees)

    return make


@pytest.fixture
def held(new_election: Callable[..., Held]) -> Held:
    return new_election()


TALKING = (
    command_commands,
    election_commands,
    face_commands,
    front_commands,
    irrevocable,
    officer_commands,
    roll_commands,
    trustee_commands,
)


@pytest.fixture
def evote(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory):
    """Runs ``evote`` as the officer sato against a transport and raises what went wrong."""
    keys = {"EVOTE_OFFICER_KEY": str(key_file(tmp_path_factory.mktemp("keys"), "sato"))}

    def run(transport: httpx.BaseTransport, *arguments: str | Path, typed: str = "") -> str:
        for module in TALKING:
            if hasattr(module, "ServiceClient"):
                monkeypatch.setattr(module, "ServiceClient", lambda url: ServiceClient(url, transport))
            # As wide as the longest line, whatever terminal the tests run in: nothing is wrapped.
            monkeypatch.setattr(module._console, "width", 200)
        addresses = dict.fromkeys(("EVOTE_TALLY_URL", "EVOTE_AUTH_URL", "EVOTE_BIOMETRIC_URL"), URL)
        environment = {**addresses, "EVOTE_OFFICER_PASSWORD": "p", **keys}
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed, env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.fixture
def policy_file(held, tmp_path: Path) -> Path:
    path = tmp_path / "policy"
    path.write_text(held.election.log.policy)
    return path
