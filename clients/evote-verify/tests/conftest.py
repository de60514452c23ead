"""A whole election as the services write it: its records, its log on a server, its archive, and its receipts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_bytes
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_anchors.anchor import Anchor, AnchoredHead, ChainHead
from evote_anchors.errors import ChainError
from evote_ballot.api import models
from evote_ballot.domain.receipt import Acceptance, sign_receipt
from evote_belenios.archive import ArchiveWriter
from evote_belenios.ballots import generate_ballot, parse_ballot, tracker_of
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Question, parse_election
from evote_belenios.groups import ED25519
from evote_belenios.jsontext import dump
from evote_belenios.result import compute_result
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import parse_trustees
from evote_ceremony.messages import Step
from evote_ceremony.plan import Plan
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.events import (
    BallotBoxClosed,
    CertificateReceived,
    CredentialsPublished,
    DraftQuestion,
    DraftTrustee,
    ElectionClosed,
    ElectionDrafted,
    ElectionOpened,
    EncryptedTallyComputed,
    EventData,
    PartialDecryptionReceived,
    PolynomialCommitted,
    PolynomialReceived,
    ResultCertified,
    ResultComputed,
    RollFrozen,
    SetupConfirmed,
    VoutputReceived,
)
from evote_ledger_anchor.domain import grow
from evote_local.people.rehearsal import Rehearsal
from evote_local.testbed import accepted
from evote_platform.clock import rfc3339
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.merkle import Frontier, leaf_hash
from evote_tlog.tiles import MAX_ENTRY_BYTES, TILE_WIDTH, Tile, entries_path, join_entries
from evote_verify import inputs, main
from evote_verify.chain_access import named_chains
from evote_verify.reading.chains import NamedChain

ORIGIN = "vote.city.example/log"
MOMENT = datetime(2026, 11, 24, 9, 0, 0, 123000, UTC)
PARTITIONS = 3
VOTERS = 4
CEREMONY_EVENTS = {
    Step.CERTIFICATE: (CertificateReceived, "certificate"),
    Step.COMMITMENT: (PolynomialCommitted, "commitment"),
    Step.POLYNOMIAL: (PolynomialReceived, "polynomial"),
    Step.VOUTPUT: (VoutputReceived, "voutput"),
}


@dataclass
class HeldElection:
    """Everything that an election leaves: ``records`` in log order, its archive, and what the test needs to lie."""

    uuid: str
    plan: Plan
    trustees: Rehearsal
    records: list[bytes] = field(default_factory=list)
    ballots: list[str] = field(default_factory=list)
    """In log order; the first voter's second ballot is the last one."""
    ballot_indexes: list[int] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    """The voters' private credentials."""
    election_json: str = ""
    trustees_json: str = ""
    credentials_json: str = ""
    tally: tuple[str, str] = ("", "")
    decryption: str = ""
    result: str = ""

    def append(self, data: EventData) -> int:
        index = len(self.records)
        envelope = Envelope.wrap(data, id=f"{self.uuid}-{index}", source="test", time=self.time(index))
        self.records.append(encode(envelope))
        return index

    def time(self, index: int) -> datetime:
        return MOMENT + timedelta(seconds=index)

    def index_of(self, kind: str) -> int:
        """The index of the first record of a kind of event."""
        return next(i for i, record in enumerate(self.records) if f".{kind}.v".encode() in record)

    def opened_at(self) -> int:
        return int(self.time(self.index_of("ElectionOpened")).timestamp())

    def write_archive(self, path: Path, ballots: Sequence[str] | None = None, *, until: str = "result") -> Path:
        """The archive, or with other ``ballots`` a forged one whose chain of hashes holds all the same."""
        with path.open("wb") as file:
            writer = ArchiveWriter(file, timestamp=self.opened_at())
            writer.setup(self.election_json, self.trustees_json, self.credentials_json)
            for ballot in self.ballots if ballots is None else ballots:
                writer.ballot(ballot)
            if until == "result":
                writer.end_ballots()
                writer.encrypted_tally(*self.tally)
                writer.partial_decryption(1, self.decryption)
                writer.result(self.result)
            writer.close()
        return path

    def receipt(self, number: int, key: Ed25519PrivateKey) -> dict[str, object]:
        """The receipt of a ballot, by its place among the ballots."""
        time = rfc3339(self.time(self.ballot_indexes[number]))
        acceptance = Acceptance(self.uuid, tracker_of(self.ballots[number]), 0, number, time)
        return json.loads(models.receipt_json(sign_receipt(acceptance, key)))


def hold_election(uuid: str, folder: Path) -> HeldElection:
    """An election of four voters, one of whom votes twice, from its draft to its certified result."""
    trustees = Rehearsal(["委員"])
    window = {"opens_at": "2026-11-24T00:00:00.000Z", "closes_at": "2026-11-25T00:00:00.000Z"}
    plan = Plan(
        election_uuid=uuid,
        name="投票",
        description="",
        group_name="Ed25519",
        administrator="a",
        questions=(Question("賛成ですか", ("はい", "いいえ"), True, 1, 1),),
        trustees=trustees.trustees,
        threshold=1,
        **window,
    )
    held = HeldElection(uuid, plan, trustees)
    held.private = private = [generate(ED25519, token_bytes) for _ in range(VOTERS)]
    public = sorted(public_credential(credential, uuid, ED25519) for credential in private)
    held.credentials_json = dump(public)
    digest = hashlib.sha256(held.credentials_json.encode()).hexdigest()
    question = DraftQuestion(question="賛成ですか", answers=("はい", "いいえ"), blank=True, min=1, max=1)
    held.append(
        ElectionDrafted(
            election_uuid=uuid,
            name="投票",
            description="",
            group="Ed25519",
            administrator="a",
            questions=(question,),
            trustees=tuple(DraftTrustee(name=trustee.name, key=trustee.key) for trustee in plan.trustees),
            threshold=1,
            **window,
        )
    )
    for part, credentials in enumerate((public[: VOTERS // 2], public[VOTERS // 2 :])):
        held.append(
            CredentialsPublished(
                election_uuid=uuid, part=part, parts=2, credentials=tuple(credentials), credentials_sha256=digest
            )
        )
    held.append(RollFrozen(election_uuid=uuid, roll_size=VOTERS, credentials_sha256=digest))
    for said in trustees.hold(plan):
        message = {"election_uuid": uuid, "trustee": 1, "statement": said.statement}
        kind, field_name = CEREMONY_EVENTS[said.step]
        held.append(kind(**message, **{field_name: said.text}))
    setup = trustees.setup(plan, digest)
    held.append(SetupConfirmed(election_uuid=uuid, trustee=1, statement=trustees.confirm(plan, 1, setup)))
    held.election_json, held.trustees_json = setup.election_json, setup.trustees_json
    election, parsed = parse_election(setup.election_json), parse_trustees(setup.trustees_json, ED25519)
    held.append(
        ElectionOpened(
            election_uuid=uuid,
            election_json=held.election_json,
            trustees_json=held.trustees_json,
            credentials_sha256=digest,
            **window,
        )
    )
    accumulator = EncryptedTallyAccumulator(election)
    for number, voter in enumerate([*range(VOTERS), 0]):
        ballot = generate_ballot(election, private[voter], [[0, 1, 0] if number else [0, 0, 1]], token_bytes)
        held.ballots.append(ballot)
        cast = accepted(uuid, ED25519, private[voter], ballot, 1 if number < VOTERS else 2)
        held.ballot_indexes.append(held.append(cast))
        if number:
            accumulator.add(parse_ballot(election, ballot))
    held.append(ElectionClosed(election_uuid=uuid, reason="officer"))
    for partition in range(PARTITIONS):
        held.append(BallotBoxClosed(election_uuid=uuid, partition=partition, partitions=PARTITIONS))
    held.tally = (accumulator.encrypted_tally_json(), accumulator.sized_json())
    held.append(
        EncryptedTallyComputed(
            election_uuid=uuid,
            encrypted_tally=held.tally[0],
            sized_encrypted_tally=held.tally[1],
            log_size=len(held.records),
        )
    )
    said = trustees.decrypt(plan, 1, setup.election_json, held.tally[0])
    held.decryption = said.text
    held.append(
        PartialDecryptionReceived(election_uuid=uuid, trustee=1, partial_decryption=said.text, statement=said.statement)
    )
    held.result = compute_result(election, parsed, held.tally[0], VOTERS, {1: held.decryption})
    held.append(ResultComputed(election_uuid=uuid, result=held.result))
    archive = held.write_archive(folder / f"{uuid}.bel")
    held.append(ResultCertified(election_uuid=uuid, archive_sha256=hashlib.sha256(archive.read_bytes()).hexdigest()))
    return held


def log_files(records: Sequence[bytes], key: SigningKey) -> dict[str, bytes]:
    """What ledger-anchor serves of a log of these records, by path."""
    frontier = Frontier()
    for record in records:
        frontier.append(leaf_hash(record))
    note = key.sign(Checkpoint(key.verifier.name, frontier.size, frontier.root()))
    files = {"checkpoint": note.encode(), "log-key": key.verifier.text.encode()}
    for (level, index), content in grow(0, {}, map(leaf_hash, records)).items():
        files[Tile(level, index, len(content) // 32).path] = content
    for index, start in enumerate(range(0, len(records), TILE_WIDTH)):
        bundle = records[start : start + TILE_WIDTH]
        path = entries_path(index, len(bundle))
        if max(map(len, bundle)) <= MAX_ENTRY_BYTES:
            files[path] = join_entries(bundle)
        files[path.replace("entries", "records")] = b"".join(len(r).to_bytes(4, "big") + r for r in bundle)
    return files


def root_at(records: Sequence[bytes], size: int) -> bytes:
    frontier = Frontier()
    for record in records[:size]:
        frontier.append(leaf_hash(record))
    return frontier.root()


class LogServer:
    """A web server for the files of a log; ``status`` answers instead of them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.status: dict[str, int] = {}
        self.asked: list[str] = []
        self.accesses: list[str | None] = []
        self.when_asked: Callable[[], object] = lambda: None
        """What happens before every answer."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 - the library's name; self is the server here
                path = handler.path.removeprefix("/")
                self.asked.append(path)
                self.accesses.append(handler.headers["Authorization"])
                self.when_asked()
                content = self.files.get(path)
                handler.send_response(self.status.get(path, 404 if content is None else 200))
                body = content or b""
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, *_: object) -> None:  # noqa: N805
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class FakeChain:
    """Stands for a chain's reader: holds what a test puts into its blocks, one anchor a block, the last not final."""

    heads: list[Anchor] = field(default_factory=list)
    chain: str = "ethereum"
    anchor_contract: str = "eip155:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3"
    contract: Anchor | None = None
    """What the contract says it holds, where that is not the last head."""
    trouble: ChainError | None = None

    async def head(self) -> ChainHead:
        if self.trouble:
            raise self.trouble
        return ChainHead(len(self.heads), len(self.heads) - 1)

    async def newest(self, origin: str) -> Anchor | None:
        return self.contract or (self.heads[-1] if self.heads else None)

    async def anchors(self, origin: str, first_block: int, last_block: int) -> Sequence[AnchoredHead]:
        return [
            AnchoredHead(anchor, f"0x{block:064x}", block, f"0x{block:064x}", MOMENT, "0xanchorer")
            for block, anchor in enumerate(self.heads, 1)
            if first_block <= block <= last_block
        ]


@dataclass
class Answer:
    """What the program said."""

    status: int
    report: str
    error: str

    def tie(self, name: str) -> str:
        """The part of the report about one tie."""
        lines, taking = [], False
        for line in self.report.splitlines():
            if line[:1].strip():
                taking = line[13:40].rstrip() == name
            if taking:
                lines.append(line)
        return "\n".join(lines)


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> HeldElection:
    return hold_election("2" * 14, tmp_path_factory.mktemp("election"))


@pytest.fixture(scope="session")
def other_held(tmp_path_factory: pytest.TempPathFactory) -> HeldElection:
    return hold_election("3" * 14, tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="session")
def log_key() -> SigningKey:
    return SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture(scope="session")
def receipt_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@pytest.fixture
def server() -> Iterator[LogServer]:
    running = LogServer()
    yield running
    running.stop()


@pytest.fixture
def log(server: LogServer, held: HeldElection, log_key: SigningKey) -> LogServer:
    """The election's log, served as it should be."""
    server.files = log_files(held.records, log_key)
    return server


@pytest.fixture
def archive(held: HeldElection, tmp_path: Path) -> Path:
    return held.write_archive(tmp_path / f"{held.uuid}.bel")


@pytest.fixture
def receipt_file(held: HeldElection, receipt_key: Ed25519PrivateKey, tmp_path: Path) -> Callable[..., Path]:
    """Writes the receipt of a ballot, with other fields if a test wants to forge it."""

    def write(number: int = 1, of: HeldElection = held, **forged: object) -> Path:
        path = tmp_path / f"receipt-{number}.json"
        path.write_text(json.dumps({**of.receipt(number, receipt_key), **forged}))
        return path

    return write


@pytest.fixture
def receipt_key_text(receipt_key: Ed25519PrivateKey) -> str:
    return base64.b64encode(receipt_key.public_key().public_bytes_raw()).decode()


@pytest.fixture
def evote_verify(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs the program in this process; ``chains`` stand for those that the command line names otherwise."""

    def run(*arguments: object, chains: Sequence[FakeChain] = ()) -> Answer:
        parser = inputs.parser()
        parsed = parser.parse_args(["--processes", "1", *map(str, arguments)])
        inputs.check_combination(parsed, parser)
        named = [NamedChain(chain.chain, partial(nullcontext, chain), first_block=0) for chain in chains]
        outside = inputs.Outside(
            chains=lambda options: named or named_chains(options), sleep=lambda _: None, now=lambda: MOMENT
        )
        status = main.verify(parsed, outside)
        said = capsys.readouterr()
        return Answer(status, said.out, said.err)

    return run


@pytest.fixture
def make() -> type:
    """What tests need by name: a fixture, since test modules can't import from each other."""

    class Make:
        files = staticmethod(log_files)
        root_at = staticmethod(root_at)
        chain = FakeChain
        origin = ORIGIN
        moment = MOMENT

    return Make
