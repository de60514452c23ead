"""Whatever order commands come in: nothing goes back, nothing happens twice, refusals change nothing."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256

from evote_belenios import threshold
from evote_belenios.channel import TrusteeSecret
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import parse_election
from evote_belenios.groups import group_by_name
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_eventlog.events import (
    CredentialsPublished,
    DraftQuestion,
    DraftTrustee,
    ElectionDrafted,
    ElectionEventData,
    EncryptedTallyComputed,
)
from evote_tally.domain import ceremony
from evote_tally.domain.counting import receive_partial_decryption, result_of
from evote_tally.domain.election import Election, Stage, election_from
from evote_tally.domain.facts import Fact, key_of, stands
from evote_tally.domain.lifecycle import (
    certify_result,
    close_election,
    closing_time_has_come,
    open_election,
)
from evote_tally.domain.preflight import preflight, require_ready
from evote_tally.domain.refusals import Refusal
from evote_tally.domain.roll import freeze_roll
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
UUID = "4yP2vbZnkbxpPG"
GROUP = group_by_name("Ed25519")
SIZE, THRESHOLD = 3, 2
TRUSTEES = st.integers(0, SIZE + 1)
DRAFT = ElectionDrafted(
    election_uuid=UUID,
    name="住民投票",
    description="",
    group="Ed25519",
    administrator="選挙管理委員会",
    questions=(DraftQuestion(question="賛成ですか", answers=("はい",), blank=True, min=1, max=1),),
    trustees=tuple(DraftTrustee(name=name, token_sha256="0" * 64) for name in "甲乙丙"),
    threshold=THRESHOLD,
    opens_at="2026-11-24T10:00:00.000Z",
    closes_at="2026-11-24T11:00:00.000Z",
)
Decide = Callable[[Election], Sequence[ElectionEventData]]


@dataclass(frozen=True)
class Prepared:
    """Honest messages of one election, made once."""

    steps: dict[str, list[str]]
    tally: EncryptedTallyComputed
    decryptions: list[str]


def credential_list() -> CredentialsPublished:
    public = tuple(sorted(public_credential(generate(GROUP, secrets.token_bytes), UUID, GROUP) for _ in "ab"))
    text = json.dumps(public, separators=(",", ":"))
    return CredentialsPublished(
        election_uuid=UUID,
        part=0,
        parts=1,
        credentials=public,
        credentials_sha256=sha256(text.encode()).hexdigest(),
    )


ROLL = credential_list()


@cache
def prepared() -> Prepared:
    random = secrets.token_bytes
    keys = [TrusteeSecret.generate(random) for _ in range(SIZE)]
    certificates = [
        threshold.certificate(key, GROUP, index=i, threshold=THRESHOLD, size=SIZE, random=random)
        for i, key in enumerate(keys, 1)
    ]
    polynomials = [threshold.polynomial(key, GROUP, certificates, THRESHOLD, random) for key in keys]
    commitments = [threshold.commitment(text) for text in polynomials]
    voutputs = [
        threshold.committed_voutput(key, GROUP, certificates, THRESHOLD, polynomials, commitments, random)
        for key in keys
    ]
    steps = {
        ceremony.CERTIFICATE: certificates,
        ceremony.COMMITMENT: commitments,
        ceremony.POLYNOMIAL: polynomials,
        ceremony.VOUTPUT: voutputs,
    }
    events = [DRAFT]
    for step, receive in RECEIVE.items():
        for trustee, text in enumerate(steps[step], 1):
            events += receive(state_of(events), trustee, text)
    events += freeze_roll(state_of(events), [ROLL], 2)
    (opened,) = open_election(state_of(events))
    election = parse_election(opened.election_json)
    accumulator = EncryptedTallyAccumulator(election)
    tally = accumulator.encrypted_tally_json()
    decryptions = [
        partial_decryption(
            election,
            tally,
            threshold.decryption_key_from(key, GROUP, threshold.encrypted_decryption_key(text, GROUP)),
            random,
        )
        for key, text in zip(keys, voutputs, strict=True)
    ]
    event = EncryptedTallyComputed(
        election_uuid=UUID,
        sized_encrypted_tally=accumulator.sized_json(),
        encrypted_tally=tally,
        log_size=9,
    )
    return Prepared(steps, event, decryptions)


RECEIVE = {
    ceremony.CERTIFICATE: ceremony.receive_certificate,
    ceremony.COMMITMENT: ceremony.receive_commitment,
    ceremony.POLYNOMIAL: ceremony.receive_polynomial,
    ceremony.VOUTPUT: ceremony.receive_voutput,
}


def state_of(events: Sequence[ElectionEventData]) -> Election:
    return election_from(UUID, [Fact(event, "2026-11-24T09:00:00.000Z") for event in events])


class LifeCycle(RuleBasedStateMachine):
    """Commands in any order; ``events`` is the log, of which the standing ones make the state."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[ElectionEventData] = [DRAFT]
        self.furthest = Stage.DRAFTED

    def command(self, decide: Decide) -> None:
        try:
            decided = decide(state_of(self.events))
        except Refusal:
            return
        for new in decided:
            same_topic = {key_of(earlier) for earlier in self.events if earlier.topic is new.topic}
            assert stands(new, same_topic), "a decision never contradicts the log"
            self.events.append(new)
        assert not decide(state_of(self.events)), "a command that was carried out has nothing left to do"

    @initialize(done=st.integers(0, 11))
    def the_story_has_begun(self, done: int) -> None:
        """Random orders alone would seldom get as far as a result."""
        story = [
            *(lambda step=step: self.everybody(step) for step in ceremony.STEPS),
            lambda: self.freeze(2),
            self.open,
            lambda: self.close("officer"),
            self.tally,
            lambda: self.decrypt(3, 3),
            lambda: self.decrypt(1, 1),
            self.compute_result,
        ]
        for act in story[:done]:
            act()

    def everybody(self, step: str) -> None:
        for trustee in range(1, SIZE + 1):
            self.ceremony_message(step, trustee)

    @rule(size=st.sampled_from([1, 2]))
    def freeze(self, size: int) -> None:
        self.command(lambda election: freeze_roll(election, [ROLL], size))

    @rule(step=st.sampled_from(ceremony.STEPS), trustee=TRUSTEES)
    def ceremony_message(self, step: str, trustee: int) -> None:
        text = prepared().steps[step][(trustee - 1) % SIZE]
        self.command(lambda election: RECEIVE[step](election, trustee, text))

    @rule(step=st.sampled_from(ceremony.STEPS), trustee=TRUSTEES, other=st.integers(0, SIZE - 1))
    def message_of_another(self, step: str, trustee: int, other: int) -> None:
        text = prepared().steps[step][other]
        if step != ceremony.COMMITMENT:
            self.command(lambda election: RECEIVE[step](election, trustee, text))

    @rule()
    def open(self) -> None:
        def decide(election: Election) -> Sequence[ElectionEventData]:
            if election.stage in (Stage.DRAFTED, Stage.ROLL_FROZEN):
                require_ready(preflight(election, credentials_published=True, services=(), now=NOW))
            return open_election(election)

        self.command(decide)

    @rule(reason=st.sampled_from(["officer", "closing-time"]))
    def close(self, reason) -> None:
        self.command(lambda election: close_election(election, reason))

    @rule()
    def tally(self) -> None:
        if state_of(self.events).stage is Stage.CLOSED:
            self.events.append(prepared().tally)

    @rule(trustee=TRUSTEES, owner=st.integers(1, SIZE))
    def decrypt(self, trustee: int, owner: int) -> None:
        text = prepared().decryptions[owner - 1]
        self.command(lambda election: receive_partial_decryption(election, trustee, text))

    @rule()
    def compute_result(self) -> None:
        self.command(result_of)

    @rule()
    def certify(self) -> None:
        self.command(lambda election: certify_result(election, "0" * 64))

    @invariant()
    def nothing_goes_back(self) -> None:
        stages = list(Stage)
        stage = state_of(self.events).stage
        assert stages.index(stage) >= stages.index(self.furthest)
        self.furthest = stage

    @invariant()
    def nobody_speaks_for_another(self) -> None:
        election = state_of(self.events)
        for step in ceremony.STEPS:
            for trustee, text in ceremony.messages_of(election, step).items():
                assert prepared().steps[step][trustee - 1] == text
        for trustee, text in election.partial_decryptions.items():
            assert prepared().decryptions[trustee - 1] == text

    def teardown(self) -> None:
        event(f"ended {state_of(self.events).stage}")

    @invariant()
    def a_result_needs_the_threshold(self) -> None:
        election = state_of(self.events)
        if election.stage in (Stage.DECRYPTED, Stage.CERTIFIED):
            assert len(election.partial_decryptions) == THRESHOLD


LifeCycle.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestLifeCycle = LifeCycle.TestCase


def test_the_closing_time_itself_closes() -> None:
    assert closing_time_has_come(DRAFT, datetime(2026, 11, 24, 11, tzinfo=UTC))
    assert not closing_time_has_come(DRAFT, datetime(2026, 11, 24, 10, 59, 59, tzinfo=UTC))
