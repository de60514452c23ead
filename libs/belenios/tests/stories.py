"""Whole elections, told as texts from which an archive is written: by the tests, and for the corpus."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evote_belenios import threshold
from evote_belenios.archive.members import header_member, member_bytes
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.channel import TrusteeSecret
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Election, Question, election_json, new_uuid, parse_election
from evote_belenios.groups import Group, Random
from evote_belenios.jsontext import dump
from evote_belenios.result import compute_result
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import DecryptionKey, parse_trustees, trustees_json


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


def hold_ceremony(group: Group, needed: int, size: int, random: Random = secrets.token_bytes) -> Ceremony:
    """A ceremony of ``size`` trustees of whom ``needed`` can decrypt."""
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


def election_of(trustees_text: str, group: Group, questions: Sequence[Question], uuid: str | None = None) -> Election:
    """An election whose votes the given trustees decrypt."""
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


@dataclass
class Story:
    """All texts of a whole election, from which an archive is written with a chain that holds, whatever they say."""

    group: Group
    election: str
    trustees: str
    credentials: list[str]
    ballots: list[str]
    tally: str
    sized: str
    decryptions: list[tuple[int, str]]
    result: str
    keys: Sequence[DecryptionKey]
    private: Sequence[str]

    def copy(self) -> Story:
        return replace(
            self, credentials=list(self.credentials), ballots=list(self.ballots), decryptions=list(self.decryptions)
        )

    def events(self) -> list[tuple[str, list[str]]]:
        """Each event's type and the data before it, the payload last."""

        def digest(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        credentials = dump(self.credentials)
        setup = dump(
            {
                "election": digest(self.election),
                "trustees": digest(self.trustees),
                "credentials": digest(credentials),
            }
        )
        owned = [(text, dump({"owner": owner, "payload": digest(text)})) for owner, text in self.decryptions]
        return [
            ("Setup", [self.election, self.trustees, credentials, setup]),
            *(("Ballot", [ballot]) for ballot in self.ballots),
            ("EndBallots", []),
            ("EncryptedTally", [self.tally, self.sized]),
            *(("PartialDecryption", list(texts)) for texts in owned),
            ("Result", [self.result]),
        ]

    def count_again(self) -> None:
        """Make tally, decryptions and result of the ballots as they are now, as an insider with all keys would."""
        election = parse_election(self.election)
        last = {ballot.credential: ballot for ballot in (parse_ballot(election, text) for text in self.ballots)}
        accumulator = EncryptedTallyAccumulator(election)
        for ballot in last.values():
            accumulator.add(ballot)
        self.tally, self.sized = accumulator.encrypted_tally_json(), accumulator.sized_json()
        self.decryptions = [
            (owner, partial_decryption(election, self.tally, self.keys[owner - 1], secrets.token_bytes))
            for owner, _ in self.decryptions
        ]
        trustees = parse_trustees(self.trustees, self.group)
        weight = accumulator.total_weight
        self.result = compute_result(election, trustees, self.tally, weight, dict(self.decryptions))


def tell_story(group: Group) -> Story:
    """A small election of a group: four voters, one of whom votes twice, and 2 of 3 trustees."""
    ceremony = hold_ceremony(group, 2, 3)
    trustees = trustees_json([], [ceremony.parameters])
    questions = [
        Question("賛成ですか", ("はい", "いいえ"), True, 1, 1),
        Question("場所", ("東", "西"), False, 0, 2),
    ]
    election = election_of(trustees, group, questions)
    private = [generate(group, secrets.token_bytes) for _ in range(4)]
    votes = [[[0, 1, 0], [1, 1]], [[0, 0, 1], [0, 0]], [[1, 0, 0], [0, 1]], [[0, 1, 0], [1, 0]]]
    ballots = [
        generate_ballot(election, credential, choices, secrets.token_bytes)
        for credential, choices in zip([*private[:3], private[0]], votes, strict=True)
    ]
    story = Story(
        group=group,
        election=election.json,
        trustees=trustees,
        credentials=sorted(public_credential(credential, election.uuid, group) for credential in private),
        ballots=ballots,
        tally="",
        sized="",
        decryptions=[(1, ""), (3, "")],
        result="",
        keys=ceremony.keys,
        private=private,
    )
    story.count_again()
    return story


def write_archive(path: Path, events: Sequence[tuple[str, list[str]]]) -> Path:
    """Write events as given, in any order, with every hash right."""
    parent = None
    with path.open("wb") as file:
        file.write(header_member(1_700_000_000))
        for height, (kind, data) in enumerate(events):
            digests = []
            for text in data:
                digests.append(hashlib.sha256(text.encode()).hexdigest())
                file.write(member_bytes(f"{digests[-1]}.data.json", text.encode(), 1_700_000_000))
            before = {} if parent is None else {"parent": parent}
            after = {"payload": digests[-1]} if digests else {}
            event = dump({**before, "height": height, "type": kind, **after})
            parent = hashlib.sha256(event.encode()).hexdigest()
            file.write(member_bytes(f"{parent}.event.json", event.encode(), 1_700_000_000))
    return path
