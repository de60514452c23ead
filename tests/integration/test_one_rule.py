"""What the intake accepts is logged, archived, counted, and taken by every verifier: for ballots at every edge.

A property over intake, sequencer, tally, the auditor's program and belenios-tool, each with its own code: who of them
comes to judge by another rule than the others, more or less strict, is found: of a ballot, of a voter's weight, or of
the close. Only Kafka and PostgreSQL are stood in
for; that they are asked rightly, each service's own tests show.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_auth.domain.credentials import list_parts, list_sha256
from evote_ballot import intake, verification
from evote_ballot.domain.history import CastRecord, CloseMarker, History
from evote_ballot.domain.refusals import BadProof, DuplicateCiphertext, ElectionClosed, OlderThanLast, Refusal
from evote_ballot.domain.window import Window
from evote_ballot.metrics import IntakeMetrics
from evote_ballot.readback import cast_record
from evote_ballot.store import Look, OpenElection, Promise
from evote_belenios.admission import examine_casts
from evote_belenios.archive import ArchiveWriter, open_archive
from evote_belenios.ballots import generate_ballot, tracker_of
from evote_belenios.credentials import generate, public_credential, secret_exponent
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import group_by_name
from evote_belenios.jsontext import dump
from evote_belenios.order import LARGEST_NUMBER, sign_order
from evote_belenios.proofs import prove_knowledge
from evote_belenios.result import compute_result
from evote_belenios.tally import parse_sized_encrypted_tally
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json
from evote_belenios.verify import verify_archive
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.events import (
    BallotAccepted,
    BallotBoxClosed,
    DraftQuestion,
    DraftTrustee,
    ElectionDrafted,
    ElectionEventData,
    ElectionOpened,
    EncryptedTallyComputed,
    PartialDecryptionReceived,
    ResultComputed,
    RollFrozen,
    Topic,
)
from evote_eventlog.kafka import partition_of
from evote_eventlog.record import Record, RecordPosition
from evote_ledger_anchor.domain import Sequenced
from evote_local.referendum.verification import run_belenios_tool
from evote_local.testbed import accepted
from evote_platform.clock import rfc3339, utc_now
from evote_platform.ratelimit import per_minute
from evote_statements.keys import key_text
from evote_tally import counting, examination
from evote_tally.domain.roll import weight_of
from evote_tally.store import LoggedCast
from evote_verify.findings import Outcome
from evote_verify.reading.archive_file import opened_archive
from evote_verify.reading.elections import LoggedElections
from evote_verify.ties import archive_log
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from prometheus_client import CollectorRegistry

PARTITIONS = 2
VOTERS = 3
QUESTIONS = [
    Question("賛成しますか", ("はい", "いいえ"), True, 1, 1),
    Question("二つまで", ("甲", "乙", "丙"), False, 0, 2),
]
CHOICES = [[[1, 0, 0], [0, 0, 0]], [[0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 1]]]
"""Blank and the fewest; one; the most."""
WEIGHTS = ["", "", ",0", ",2", ",1000"]
"""What stands behind a credential on the list; nothing stands for 1."""
PROOFS = ["individual_proofs", "overall_proof", "blank_proof"]
RANDOM: dict[str, Callable[[int], bytes]] = {
    "fresh": secrets.token_bytes,
    # Every ciphertext begins with the group's identity, and equal choices are encrypted equally, in all ballots.
    "zeros": bytes,
    # A ciphertext stands twice in one ballot, and in all that are made so.
    "constant": lambda count: (7).to_bytes(count, "big"),
}
Count = tuple[EncryptedTallyComputed, PartialDecryptionReceived, ResultComputed]


def envelope_of(event: ElectionEventData) -> Envelope:
    return Envelope.wrap(event, id=secrets.token_hex(8), source="tally", time=utc_now())


def opened_at(log: Sequence[Envelope]) -> int:
    return next(int(envelope.time.timestamp()) for envelope in log if isinstance(envelope.data, ElectionOpened))


@dataclass
class Log:
    """Kafka's ballots and the tables of ballot: what is recorded, in its order, and what was promised."""

    election: OpenElection
    listed: frozenset[str]
    records: list[Record] = field(default_factory=list)
    promised: dict[str, str] = field(default_factory=dict)
    """By a ciphertext's digest, the tracker that has it."""
    _ends: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def write(self, event: BallotAccepted | BallotBoxClosed, partition: int) -> Record:
        envelope = Envelope.wrap(event, id=secrets.token_hex(8), source="ballot", time=utc_now())
        position = RecordPosition(Topic.BALLOTS, partition, self._ends[partition])
        self._ends[partition] += 1
        self.records.append(Record(position, envelope, encode(envelope)))
        return self.records[-1]

    def write_cast(self, cast: BallotAccepted) -> Record:
        return self.write(cast, partition_of(cast.partition_key(), PARTITIONS))

    def markers(self, _: str = "") -> dict[int, CloseMarker]:
        """By partition, where the box was closed."""
        closed = (record.position for record in self.records if isinstance(record.envelope.data, BallotBoxClosed))
        return {position.partition: CloseMarker(position.offset, PARTITIONS) for position in closed}

    def records_since(self, _: str, credential: str, __: object) -> list[CastRecord]:
        """All of the credential's."""
        casts = ((record, record.envelope.data) for record in self.records)
        return [
            cast_record(record, cast)
            for record, cast in casts
            if isinstance(cast, BallotAccepted) and cast.credential == credential
        ]

    def history(self, credential: str) -> History:
        return self.look(credential).history(self)  # type: ignore[arg-type]

    def look(self, credential: str) -> Look:
        """Of tables that have no ballots: the reader has them all."""
        return Look(self.election.uuid, credential, self.election.window, credential in self.listed, (), {}, {})

    # What `evote_ballot.store` asks the database, and the intake its pool, producer, reader and workers.

    async def load_election(self, _: object, election_uuid: str) -> OpenElection:
        return self.election

    async def look_at(self, _: object, election_uuid: str, credential: str) -> Look:
        assert election_uuid == self.election.uuid
        return self.look(credential)

    async def check_ciphertexts(self, _: object, election_uuid: str, tracker: str, digests: Sequence[str]) -> None:
        if any(self.promised.get(digest, tracker) != tracker for digest in digests):
            raise DuplicateCiphertext

    async def look_and_reserve(self, _: object, cast: BallotAccepted, digests: Sequence[str]) -> tuple[Look, Promise]:
        """As the statement's rule: each digest that is nobody else's, and whether these are all."""
        before = bool(digests) and all(self.promised.get(digest) == cast.tracker for digest in digests)
        look = await self.look_at(_, cast.election_uuid, cast.credential)
        try:
            self.history(cast.credential).demand_room_for(cast, was_promised=before)
        except Refusal:
            return look, Promise.NONE if digests else Promise.NOW
        if not look.is_listed or self.election.window.closed:
            return look, Promise.NONE if digests else Promise.NOW
        for digest in digests:
            self.promised.setdefault(digest, cast.tracker)
        if any(self.promised[digest] != cast.tracker for digest in digests):
            return look, Promise.NONE
        return look, Promise.BEFORE if before else Promise.NOW

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Log]:
        yield self

    async def publish(self, cast: BallotAccepted) -> Record:
        return self.write_cast(cast)

    async def wait_for(self, _: object, __: object) -> None:
        return None

    async def catch_up(self) -> None:
        return None

    def is_quick(self, election_json: str, cast: BallotAccepted) -> bool:
        return verification._election(election_json).compiled is not None

    async def check(self, election_json: str, cast: BallotAccepted) -> verification.Examined:
        return verification._check(election_json, cast)


class OneRule(RuleBasedStateMachine):
    """An election into which voters, and replicas that help them, put what they like; ``receipts`` is what counts."""

    group: str

    def __init__(self) -> None:
        super().__init__()
        group, now = group_by_name(self.group), utc_now()
        self.uuid = new_uuid(secrets.token_bytes)
        self.trustee = DecryptionKey.generate(group, secrets.token_bytes)
        self.trustees_json = trustees_json([public_key_json(self.trustee, secrets.token_bytes)])
        self.election_json = election_json(
            group=group,
            uuid=self.uuid,
            name="選挙",
            description="",
            questions=QUESTIONS,
            public_key=parse_trustees(self.trustees_json, group).public_key_text,
            administrator="つくば市",
            credential_authority="auth",
        )
        self.election = parse_election(self.election_json)
        self.opens_at, self.closes_at = rfc3339(now - timedelta(hours=1)), rfc3339(now + timedelta(hours=1))
        self.credentials = [generate(group, secrets.token_bytes) for _ in range(VOTERS)]
        keys = frozenset(map(self.public, self.credentials))
        self.listed = sorted(keys)
        window = Window(self.opens_at, self.closes_at, closed=False)
        self.log = Log(OpenElection(self.uuid, self.election_json, window), keys)
        self.intake = intake.Intake(
            pool=self.log,  # type: ignore[arg-type]
            producer=self.log,  # type: ignore[arg-type]
            read_back=self.log,  # type: ignore[arg-type]
            verifier=self.log,  # type: ignore[arg-type]
            credential_limit=per_minute(10_000),
            receipt_key=Ed25519PrivateKey.generate(),
            clock=utc_now,
            metrics=IntakeMetrics(CollectorRegistry()),
        )
        self.patch = pytest.MonkeyPatch()
        for name in ("load_election", "look_at", "check_ciphertexts", "look_and_reserve"):
            self.patch.setattr(intake.store, name, getattr(self.log, name))
        self.receipts: list[tuple[int, str]] = []
        """Voter and body of every cast that got a new receipt, in their order."""

    def public(self, credential: str) -> str:
        return public_credential(credential, self.uuid, self.election.group)

    @initialize(weights=st.lists(st.sampled_from(WEIGHTS), min_size=VOTERS, max_size=VOTERS))
    def publish_the_list(self, weights: list[str]) -> None:
        self.listed = sorted(key + weight for key, weight in zip(self.listed, weights, strict=True))

    # What voters do, at the intake.

    @rule(
        voter=st.integers(0, VOTERS - 1),
        choices=st.sampled_from(CHOICES),
        random=st.sampled_from(sorted(RANDOM)),
        above=st.sampled_from([1, 1, 1, 2, 1000, LARGEST_NUMBER]),
    )
    def cast(self, voter: int, choices: list[list[int]], random: str, above: int) -> None:
        number = min(self.last_number(voter) + above, LARGEST_NUMBER)
        is_newer = number > self.last_number(voter)
        ballot = generate_ballot(self.election, self.credentials[voter], choices, RANDOM[random])
        refusal = self.post(voter, self.body(voter, ballot, number))
        event(f"{random} {'accepted' if refusal is None else type(refusal).__name__}")
        if self.log.markers():
            # With equal randomness it may be a ballot that has a receipt, which it gets again.
            has_receipt = (voter, ballot) in [(of, json.loads(body)["ballot"]) for of, body in self.receipts]
            assert has_receipt or isinstance(refusal, ElectionClosed | OlderThanLast | DuplicateCiphertext)
        elif random == "fresh":
            assert refusal is None if is_newer else isinstance(refusal, OlderThanLast)

    @precondition(lambda self: self.receipts)
    @rule(of=st.integers(0, 99))
    def post_the_same_bytes_again(self, of: int) -> None:
        voter, body = self.receipts[of % len(self.receipts)]
        before = len(self.log.records)
        assert self.post(voter, body) is None
        assert len(self.log.records) == before

    @precondition(lambda self: self.receipts)
    @rule(of=st.integers(0, 99), below=st.sampled_from([0, 1]))
    def cast_no_newer_number(self, of: int, below: int) -> None:
        voter, _ = self.receipts[of % len(self.receipts)]
        ballot = generate_ballot(self.election, self.credentials[voter], CHOICES[1], secrets.token_bytes)
        refusal = self.post(voter, self.body(voter, ballot, max(1, self.last_number(voter) - below)))
        assert isinstance(refusal, OlderThanLast | ElectionClosed)

    @precondition(lambda self: self.receipts)
    @rule(of=st.integers(0, 99), voter=st.integers(0, VOTERS - 1))
    def copy_a_ballot(self, of: int, voter: int) -> None:
        """Under another credential, or one's own again: it copies a vote, and no verifier takes it."""
        copied = self.copy_of(self.ballot_of(of), voter)
        assert self.post(voter, self.body(voter, copied, min(self.last_number(voter) + 1, LARGEST_NUMBER))) is not None

    @rule(voter=st.integers(0, VOTERS - 1), proof=st.sampled_from(PROOFS))
    def break_a_proof(self, voter: int, proof: str) -> None:
        """With a signature that holds: no one but the proof can tell that this isn't one vote."""
        ballot = self.broken(voter, proof)
        refusal = self.post(voter, self.body(voter, ballot, min(self.last_number(voter) + 1, LARGEST_NUMBER)))
        assert isinstance(refusal, BadProof | OlderThanLast | ElectionClosed)

    @rule(voter=st.integers(0, VOTERS - 1))
    def let_another_sign_the_order(self, voter: int) -> None:
        ballot = generate_ballot(self.election, self.credentials[voter], CHOICES[1], secrets.token_bytes)
        order = self.order((voter + 1) % VOTERS, ballot, min(self.last_number(voter) + 1, LARGEST_NUMBER))
        assert self.post(voter, json.dumps({"ballot": ballot, "order": order})) is not None

    @rule()
    def come_without_being_listed(self) -> None:
        stranger = generate(self.election.group, secrets.token_bytes)
        ballot = generate_ballot(self.election, stranger, CHOICES[1], secrets.token_bytes)
        order = sign_order(stranger, self.uuid, self.election.group, tracker_of(ballot), 1, secrets.token_bytes)
        assert self.post(-1, json.dumps({"ballot": ballot, "order": order.to_json()})) is not None

    # What a dishonest replica records, past the intake.

    @precondition(lambda self: self.receipts)
    @rule(of=st.integers(0, 99), voter=st.integers(0, VOTERS - 1))
    def record_a_copy(self, of: int, voter: int) -> None:
        number = min(self.last_number(voter) + 1, LARGEST_NUMBER)
        self.record(self.credentials[voter], self.copy_of(self.ballot_of(of), voter), number)

    @precondition(lambda self: self.receipts)
    @rule(of=st.integers(0, 99))
    def record_again(self, of: int) -> None:
        voter, body = self.receipts[of % len(self.receipts)]
        number = min(self.last_number(voter) + 1, LARGEST_NUMBER)
        self.record(self.credentials[voter], json.loads(body)["ballot"], number)

    @precondition(lambda self: self.receipts)
    @rule(of=st.integers(0, 99))
    def record_what_was_withheld(self, of: int) -> None:
        voter, body = self.receipts[of % len(self.receipts)]
        withheld = generate_ballot(self.election, self.credentials[voter], CHOICES[2], secrets.token_bytes)
        self.record(self.credentials[voter], withheld, json.loads(body)["order"]["number"])

    @rule(choices=st.sampled_from(CHOICES))
    def record_a_strangers_ballot(self, choices: list[list[int]]) -> None:
        stranger = generate(self.election.group, secrets.token_bytes)
        self.record(stranger, generate_ballot(self.election, stranger, choices, secrets.token_bytes), 1)

    @rule(voter=st.integers(0, VOTERS - 1), proof=st.sampled_from(PROOFS))
    def record_a_broken_proof(self, voter: int, proof: str) -> None:
        number = min(self.last_number(voter) + 1, LARGEST_NUMBER)
        self.record(self.credentials[voter], self.broken(voter, proof), number)

    @rule(voter=st.integers(0, VOTERS - 1))
    def record_nonsense(self, voter: int) -> None:
        text = generate_ballot(self.election, self.credentials[voter], CHOICES[0], secrets.token_bytes)
        self.record(self.credentials[voter], text[:-1] + "x}", min(self.last_number(voter) + 1, LARGEST_NUMBER))

    # The close: in the log first, and the replica hears of it sooner or later.

    @precondition(lambda self: len(self.receipts) > 1 and not self.log.markers())
    @rule()
    def close_the_box(self) -> None:
        for partition in range(PARTITIONS):
            marker = BallotBoxClosed(election_uuid=self.uuid, partition=partition, partitions=PARTITIONS)
            self.log.write(marker, partition)

    @precondition(lambda self: self.log.markers())
    @rule()
    def hear_of_the_close(self) -> None:
        window = replace(self.log.election.window, closed=True)
        self.log.election = replace(self.log.election, window=window)

    def teardown(self) -> None:
        if not self.log.markers():
            self.close_the_box()
        # Each of them was under way, as far as the replica knows; the log says which came too late.
        for voter in range(VOTERS):
            self.cast(voter, CHOICES[1], "fresh", 1)
        self.hear_of_the_close()
        self.cast(0, CHOICES[1], "fresh", 1)
        self.patch.undo()
        self.everybody_agrees()

    def everybody_agrees(self) -> None:
        sequenced = Sequenced()
        logged = [r for r in self.log.records if sequenced.admit(r.envelope.data, r.position.partition) is None]
        casts = [record.envelope.data for record in logged if isinstance(record.envelope.data, BallotAccepted)]
        acceptable = self.examined_by_tally(casts)
        receipted = [json.loads(body)["ballot"] for _, body in self.receipts]
        # The intake is the narrower door: nothing else that was recorded here is acceptable.
        assert acceptable == receipted
        before = [*self.opening(), *(record.envelope for record in logged)]
        with tempfile.TemporaryDirectory() as folder:
            count = self.counted_by_tally(acceptable, len(before), Path(folder))
            archive = Path(folder) / f"{self.uuid}.bel"
            self.write(archive, acceptable, count, opened_at(before))
            with open_archive(archive) as file:
                report = verify_archive(file, processes=1, progress=lambda _done, _total: None)
            assert (report.failures, report.ballots) == ((), len(receipted))
            elections = LoggedElections()
            events = [*before, *map(envelope_of, count)]
            for index, envelope in enumerate(events):
                elections.add(index, encode(envelope))
            assert elections.faults == []
            with opened_archive(archive) as held:
                finding = archive_log.tie(held, elections, len(events))
            assert finding.outcome is Outcome.HOLDS, finding
            if self.group == "BELENIOS-2048":
                verdict = run_belenios_tool(archive, self.uuid)
                assert verdict.accepted, verdict.output

    def examined_by_tally(self, casts: Sequence[Any]) -> list[str]:
        """The acceptable ones; ``LogDisagrees`` when tally would not have logged one."""
        box = examination._Box(self.election_json, examination.box_of(self.election, self.listed))
        found = examination._examine_all(self.election_json, [cast.ballot for cast in casts])
        logged = [
            LoggedCast(index, cast.election_uuid, cast.credential, cast.tracker, cast.ballot, cast.order)
            for index, cast in enumerate(casts)
        ]
        judged = zip(logged, examine_casts(logged), found, strict=True)
        return [one[0].ballot for one in judged if examination._judge(box, *one).passed_over is None]

    def counted_by_tally(self, acceptable: Sequence[str], log_size: int, folder: Path) -> Count:
        weights = {line.partition(",")[0]: weight_of(line) for line in self.listed}
        last = {json.loads(ballot)["credential"]: ballot for ballot in acceptable}
        ballots = folder / "ballots.jsonl"
        ballots.write_text("".join(json.dumps([weights[key], ballot]) + "\n" for key, ballot in last.items()))
        tally, sized = counting._multiply(self.election_json, str(ballots))
        total = parse_sized_encrypted_tally(sized).total_weight
        assert total == sum(weights[key] for key in last)
        decryption = partial_decryption(self.election, tally, self.trustee, secrets.token_bytes)
        trustees = parse_trustees(self.trustees_json, self.election.group)
        result = compute_result(self.election, trustees, tally, total, {1: decryption})
        return (
            EncryptedTallyComputed(
                election_uuid=self.uuid, encrypted_tally=tally, sized_encrypted_tally=sized, log_size=log_size
            ),
            # Whether the trustee signed for it is another tie's question.
            PartialDecryptionReceived(election_uuid=self.uuid, trustee=1, partial_decryption=decryption, statement=""),
            ResultComputed(election_uuid=self.uuid, result=result),
        )

    def opening(self) -> list[Envelope]:
        """What the log has of the election before its ballots."""
        key = key_text(Ed25519PrivateKey.generate().public_key())
        digest = list_sha256(self.listed)
        events: list[ElectionEventData] = [
            ElectionDrafted(
                election_uuid=self.uuid,
                name="選挙",
                description="",
                group=self.group,  # type: ignore[arg-type]
                administrator="つくば市",
                questions=tuple(
                    DraftQuestion(question=q.question, answers=q.answers, blank=q.blank, min=q.min, max=q.max)
                    for q in QUESTIONS
                ),
                trustees=(DraftTrustee(name="立会人", key=key),),
                threshold=1,
                opens_at=self.opens_at,
                closes_at=self.closes_at,
            ),
            *list_parts(self.uuid, self.listed),
            RollFrozen(election_uuid=self.uuid, roll_size=VOTERS, credentials_sha256=digest),
            ElectionOpened(
                election_uuid=self.uuid,
                election_json=self.election_json,
                trustees_json=self.trustees_json,
                credentials_sha256=digest,
                opens_at=self.opens_at,
                closes_at=self.closes_at,
            ),
        ]
        return [envelope_of(event) for event in events]

    def write(self, archive: Path, ballots: Sequence[str], count: Count, timestamp: int) -> None:
        with archive.open("wb") as file:
            writer = ArchiveWriter(file, timestamp=timestamp)
            writer.setup(self.election_json, self.trustees_json, dump(self.listed))
            for ballot in ballots:
                writer.ballot(ballot)
            tally, decryption, result = count
            writer.end_ballots()
            writer.encrypted_tally(tally.encrypted_tally, tally.sized_encrypted_tally)
            writer.partial_decryption(decryption.trustee, decryption.partial_decryption)
            writer.result(result.result)
            writer.close()

    def last_number(self, voter: int) -> int:
        last = self.log.history(self.public(self.credentials[voter])).last
        return 0 if last is None else last.order.number

    def ballot_of(self, of: int) -> str:
        return str(json.loads(self.receipts[of % len(self.receipts)][1])["ballot"])

    def copy_of(self, ballot: str, voter: int) -> str:
        """A ballot's answers, signed by any voter as their own."""
        return self.signed({**json.loads(ballot), "credential": self.public(self.credentials[voter])}, voter)

    def broken(self, voter: int, proof: str) -> str:
        """A ballot with one number of one proof changed, signed by its voter."""
        value = json.loads(generate_ballot(self.election, self.credentials[voter], CHOICES[1], secrets.token_bytes))
        part = value["answers"][0][proof]
        while isinstance(part, list):
            part = part[0]
        part["response"] = str((int(part["response"]) + 1) % self.election.group.order)
        return self.signed(value, voter)

    def signed(self, value: dict[str, Any], voter: int) -> str:
        del value["signature"]
        unsigned = json.dumps(value, separators=(",", ":"))
        digest = tracker_of(unsigned)
        secret = secret_exponent(self.credentials[voter], self.uuid, self.election.group)
        proof = prove_knowledge(self.election.group, secret, f"sig|{digest}|", secrets.token_bytes)
        signature = json.dumps({"hash": digest, "proof": proof.to_json()}, separators=(",", ":"))
        return f'{unsigned[:-1]},"signature":{signature}}}'

    def order(self, voter: int, ballot: str, number: int) -> Any:
        return sign_order(
            self.credentials[voter], self.uuid, self.election.group, tracker_of(ballot), number, secrets.token_bytes
        ).to_json()

    def body(self, voter: int, ballot: str, number: int) -> str:
        return json.dumps({"ballot": ballot, "order": self.order(voter, ballot, number)})

    def post(self, voter: int, body: str) -> Refusal | None:
        """None: the voter has a receipt now."""

        async def posted() -> None:
            checked = await self.intake.check(self.uuid, body.encode())
            taken = checked if not isinstance(checked, intake.CheckedCast) else await self.intake.record(checked)
            if taken.is_new:
                self.receipts.append((voter, body))

        before = len(self.log.records)
        try:
            asyncio.run(posted())
        except Refusal as refusal:
            # What was under way when the box closed is the only cast that is recorded and gets no receipt.
            if not (self.log.markers() and isinstance(refusal, ElectionClosed)):
                assert len(self.log.records) == before
            return refusal
        return None

    def record(self, credential: str, ballot: str, number: int) -> None:
        self.log.write_cast(accepted(self.uuid, self.election.group, credential, ballot, number))


@pytest.mark.slow
@pytest.mark.parametrize(("group", "elections"), [("Ed25519", 20), ("BELENIOS-2048", 6)])
def test_what_the_intake_accepts_is_logged_and_verified_by_everybody(group: str, elections: int) -> None:
    class OfGroup(OneRule):
        pass

    OfGroup.group = group
    run_state_machine_as_test(
        OfGroup,
        settings=settings(
            max_examples=elections, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
