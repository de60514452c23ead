"""Whatever order commands come in: nothing goes back, nothing happens twice, refusals change nothing."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256

import pytest
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import parse_election
from evote_belenios.groups import group_by_name
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_ceremony.messages import CEREMONY_STEPS, Step
from evote_eventlog.events import (
    CredentialsPublished,
    DraftQuestion,
    DraftTrustee,
    ElectionDrafted,
    ElectionEventData,
    ElectionOpened,
    EncryptedTallyComputed,
)
from evote_local.people.rehearsal import Rehearsal, Said
from evote_tally.domain import ceremony
from evote_tally.domain.counting import deciding_decryptions, receive_partial_decryption, result_of
from evote_tally.domain.election import Election, Stage, election_from
from evote_tally.domain.facts import Fact, key_of, stands
from evote_tally.domain.lifecycle import (
    certify_result,
    close_election,
    closing_time_has_come,
    open_election,
)
from evote_tally.domain.preflight import preflight, require_ready
from evote_tally.domain.refusals import NotConfirmed, Refusal, StatementOfAnother
from evote_tally.domain.roll import freeze_roll
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
UUID = "4yP2vbZnkbxpPG"
GROUP = group_by_name("Ed25519")
SIZE, THRESHOLD = 3, 2
TRUSTEES = st.integers(0, SIZE + 1)
TRUSTEES_HERE = Rehearsal(["甲", "乙", "丙"])
DRAFT = ElectionDrafted(
    election_uuid=UUID,
    name="住民投票",
    description="",
    group="Ed25519",
    administrator="選挙管理委員会",
    questions=(DraftQuestion(question="賛成ですか", answers=("はい",), blank=True, min=1, max=1),),
    trustees=tuple(DraftTrustee(name=trustee.name, key=trustee.key) for trustee in TRUSTEES_HERE.trustees),
    threshold=THRESHOLD,
    opens_at="2026-11-24T10:00:00.000Z",
    closes_at="2026-11-24T11:00:00.000Z",
)
Decide = Callable[[Election], Sequence[ElectionEventData]]


@dataclass(frozen=True)
class Prepared:
    """Honest messages of one election, made once."""

    steps: dict[Step, list[ceremony.Message]]
    confirmations: list[str]
    tally: EncryptedTallyComputed
    decryptions: list[ceremony.Message]


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
    plan = state_of([DRAFT]).plan
    steps: dict[Step, list[ceremony.Message]] = {step: [] for step in CEREMONY_STEPS}
    for said in TRUSTEES_HERE.hold(plan):
        steps[said.step].append(message(said))
    setup = TRUSTEES_HERE.setup(plan, ROLL.credentials_sha256)
    accumulator = EncryptedTallyAccumulator(parse_election(setup.election_json))
    tally = EncryptedTallyComputed(
        election_uuid=UUID,
        sized_encrypted_tally=accumulator.sized_json(),
        encrypted_tally=accumulator.encrypted_tally_json(),
        log_size=9,
    )
    decryptions = [
        message(TRUSTEES_HERE.decrypt(plan, number, setup.election_json, tally.encrypted_tally))
        for number in plan.numbers
    ]
    return Prepared(steps, [TRUSTEES_HERE.confirm(plan, number, setup) for number in plan.numbers], tally, decryptions)


def message(said: Said) -> ceremony.Message:
    return ceremony.Message(said.trustee, said.step, said.text, said.statement)


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
            same_topic = {key_of(earlier, ()) for earlier in self.events if earlier.topic is new.topic}
            assert stands(new, same_topic), "a decision never contradicts the log"
            self.events.append(new)
        assert not decide(state_of(self.events)), "a command that was carried out has nothing left to do"

    @initialize(done=st.integers(0, 12))
    def the_story_has_begun(self, done: int) -> None:
        """Random orders alone would seldom get as far as a result."""
        story = [
            *(lambda step=step: self.everybody(step) for step in CEREMONY_STEPS),
            lambda: self.freeze(2),
            self.everybody_confirms,
            self.open,
            lambda: self.close("officer"),
            self.tally,
            lambda: self.decrypt(3, 3),
            lambda: self.decrypt(1, 1),
            self.compute_result,
        ]
        for act in story[:done]:
            act()

    def everybody(self, step: Step) -> None:
        for trustee in range(1, SIZE + 1):
            self.ceremony_message(step, trustee, trustee)

    def everybody_confirms(self) -> None:
        for trustee in range(1, SIZE + 1):
            self.confirm(trustee, trustee)

    @rule(size=st.sampled_from([1, 2]))
    def freeze(self, size: int) -> None:
        self.command(lambda election: freeze_roll(election, [ROLL], size))

    @rule(step=st.sampled_from(CEREMONY_STEPS), trustee=TRUSTEES, owner=st.integers(1, SIZE))
    def ceremony_message(self, step: Step, trustee: int, owner: int) -> None:
        said = replace(prepared().steps[step][owner - 1], trustee=trustee)
        self.command(lambda election: ceremony.receive(election, said))

    @rule(trustee=TRUSTEES, owner=st.integers(1, SIZE))
    def confirm(self, trustee: int, owner: int) -> None:
        statement = prepared().confirmations[owner - 1]
        self.command(lambda election: ceremony.receive_confirmation(election, trustee, statement))

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
        said = replace(prepared().decryptions[owner - 1], trustee=trustee)
        self.command(lambda election: receive_partial_decryption(election, said))

    @rule()
    def compute_result(self) -> None:
        self.command(result_of)

    @rule()
    def certify(self) -> None:
        self.command(lambda election: certify_result(election, "0" * 64, "0" * 64))

    @invariant()
    def nothing_goes_back(self) -> None:
        stages = list(Stage)
        stage = state_of(self.events).stage
        assert stages.index(stage) >= stages.index(self.furthest)
        self.furthest = stage

    @invariant()
    def nobody_speaks_for_another(self) -> None:
        election = state_of(self.events)
        for step in CEREMONY_STEPS:
            for trustee, text in ceremony.messages_of(election, step).items():
                assert prepared().steps[step][trustee - 1].text == text
        for trustee, text in election.partial_decryptions.items():
            assert prepared().decryptions[trustee - 1].text == text

    @invariant()
    def nothing_opens_without_everybody(self) -> None:
        election = state_of(self.events)
        if election.fact(ElectionOpened) is not None:
            assert not ceremony.waiting_for_confirmation(election)

    def teardown(self) -> None:
        event(f"ended {state_of(self.events).stage}")

    @invariant()
    def a_result_needs_the_threshold(self) -> None:
        election = state_of(self.events)
        if election.stage in (Stage.DECRYPTED, Stage.CERTIFIED):
            # More may have come before it was computed, each of which may be the one that lies.
            assert len(election.partial_decryptions) >= THRESHOLD
            decided = deciding_decryptions(election)
            assert decided is not None and len(decided.partial_decryptions) == THRESHOLD


LifeCycle.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestLifeCycle = LifeCycle.TestCase


def ready_to_open() -> list[ElectionEventData]:
    """Everything but the opening."""
    held = LifeCycle()
    for step in CEREMONY_STEPS:
        held.everybody(step)
    held.freeze(2)
    held.everybody_confirms()
    return held.events


def test_what_opens_is_what_every_trustee_confirmed() -> None:
    """A confirmation of other texts, as another release might have taken it, doesn't open an election."""
    events = ready_to_open()
    plan = state_of(events).plan
    other = replace(TRUSTEES_HERE.setup(plan, ROLL.credentials_sha256), election_json="{}")
    confirmed = events[-1].model_copy(update={"statement": TRUSTEES_HERE.confirm(plan, SIZE, other)})
    assert open_election(state_of(events))
    with pytest.raises(StatementOfAnother, match="election_sha256"):
        open_election(state_of([*events[:-1], confirmed]))
    with pytest.raises(NotConfirmed):
        open_election(state_of(events[:-1]))


def test_the_closing_time_itself_closes() -> None:
    assert closing_time_has_come(DRAFT, datetime(2026, 11, 24, 11, tzinfo=UTC))
    assert not closing_time_has_come(DRAFT, datetime(2026, 11, 24, 10, 59, 59, tzinfo=UTC))
