"""What trustees sign: every part of it counts, and nothing said in one ceremony holds in another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_belenios.election import Question, parse_election
from evote_belenios.errors import BeleniosError
from evote_ceremony.messages import CEREMONY_STEPS, Ceremony, SaysAnother, Step
from evote_ceremony.plan import NoSuchTrustee, NotATrustee, Plan, PlannedTrustee, ceremony_digest
from evote_ceremony.setup import CeremonyTexts, Setup, make_setup
from evote_local.people.rehearsal import Rehearsal
from evote_statements.signed import StatementSignatureWrong

CREDENTIALS = "c" * 64


@pytest.fixture(scope="module")
def trustees() -> Rehearsal:
    return Rehearsal(["佐藤", "鈴木", "高橋"])


@pytest.fixture(scope="module")
def plan(trustees: Rehearsal) -> Plan:
    return Plan(
        election_uuid="4yP2vbZnkbxpPG",
        name="住民投票",
        description="",
        group_name="Ed25519",
        administrator="選挙管理委員会",
        questions=(Question("賛成ですか", ("賛成", "反対"), blank=True, min=1, max=1),),
        trustees=trustees.trustees,
        threshold=2,
        opens_at="2026-11-24T10:00:00.000Z",
        closes_at="2026-11-24T11:00:00.000Z",
    )


@pytest.fixture(scope="module")
def held(trustees: Rehearsal, plan: Plan) -> Setup:
    trustees.hold(plan)
    return trustees.setup(plan, CREDENTIALS)


def changed_plans(plan: Plan) -> list[Plan]:
    """The plan with one thing changed, for each thing that there is."""
    stranger = Rehearsal(["佐藤"]).trustees[0]
    question = plan.questions[0]
    return [
        replace(plan, election_uuid="5yP2vbZnkbxpPG"),
        *(replace(plan, **{field: "another"}) for field in ("name", "description", "administrator")),
        replace(plan, group_name="BELENIOS-2048"),
        replace(plan, questions=(replace(question, question="反対ですか"),)),
        replace(plan, questions=(replace(question, answers=("反対", "賛成")),)),
        replace(plan, questions=(replace(question, blank=False),)),
        replace(plan, questions=(question, question)),
        replace(plan, trustees=(stranger, *plan.trustees[1:])),
        replace(plan, trustees=(PlannedTrustee("田中", plan.trustees[0].key), *plan.trustees[1:])),
        replace(plan, trustees=plan.trustees[::-1]),
        replace(plan, threshold=3),
        replace(plan, opens_at="2026-11-24T10:00:00.001Z"),
        replace(plan, closes_at="2026-11-24T12:00:00.000Z"),
    ]


def test_the_digest_covers_everything_that_trustees_must_see_alike(plan: Plan) -> None:
    certificates = ["a", "b", "c"]
    digests = [ceremony_digest(other, certificates) for other in (plan, *changed_plans(plan))]
    digests += [ceremony_digest(plan, other) for other in ((), ["a", "b"], ["b", "a", "c"], ["a", "b", "x"])]
    assert len(set(digests)) == len(digests)


def test_a_trustee_is_found_by_key_and_a_stranger_is_not(plan: Plan, trustees: Rehearsal) -> None:
    for number, key in enumerate(trustees.identities, 1):
        assert plan.number_of(key.public_key()) == number
    with pytest.raises(NotATrustee):
        plan.number_of(Ed25519PrivateKey.generate().public_key())
    for number in (0, -1, 4):
        with pytest.raises(NoSuchTrustee):
            plan.key_of(number)


@pytest.mark.parametrize("step", CEREMONY_STEPS)
def test_what_was_said_is_checked_by_everybody(plan: Plan, trustees: Rehearsal, held: Setup, step: Step) -> None:
    ceremony = trustees.ceremony(plan)
    for number in plan.numbers:
        said = trustees.say(plan, number, step)
        ceremony.check_message(number, step, said.text, said.statement)


def test_nobody_speaks_for_another(plan: Plan, trustees: Rehearsal, held: Setup) -> None:
    said = trustees.say(plan, 1, Step.COMMITMENT)
    with pytest.raises(StatementSignatureWrong):
        trustees.ceremony(plan).check_message(2, Step.COMMITMENT, said.text, said.statement)


def test_a_statement_holds_for_its_own_message_and_step_only(plan: Plan, trustees: Rehearsal, held: Setup) -> None:
    ceremony, said = trustees.ceremony(plan), trustees.say(plan, 1, Step.COMMITMENT)
    with pytest.raises(SaysAnother, match="message_sha256"):
        ceremony.check_message(1, Step.COMMITMENT, said.text + " ", said.statement)
    with pytest.raises(SaysAnother, match="step"):
        ceremony.check_message(1, Step.POLYNOMIAL, said.text, said.statement)


def test_a_statement_of_one_ceremony_does_not_hold_in_another(plan: Plan, trustees: Rehearsal, held: Setup) -> None:
    ceremony, said = trustees.ceremony(plan), trustees.say(plan, 1, Step.COMMITMENT)
    stranger = Ceremony(plan, (*ceremony.certificates[:-1], "a stranger's certificate"))
    with pytest.raises(SaysAnother, match="ceremony_sha256"):
        stranger.check_message(1, Step.COMMITMENT, said.text, said.statement)


def test_a_certificate_is_signed_before_the_others_are_known(plan: Plan, trustees: Rehearsal, held: Setup) -> None:
    said = trustees.say(plan, 1, Step.CERTIFICATE)
    Ceremony(plan, ()).check_message(1, Step.CERTIFICATE, said.text, said.statement)


@pytest.mark.parametrize("field", ["election_json", "trustees_json", "credentials_sha256"])
def test_a_confirmation_is_of_exactly_these_texts(plan: Plan, trustees: Rehearsal, held: Setup, field: str) -> None:
    ceremony, statement = trustees.ceremony(plan), trustees.confirm(plan, 2, held)
    ceremony.check_setup(2, held, statement)
    with pytest.raises(SaysAnother, match=field.replace("_json", "_sha256")):
        ceremony.check_setup(2, replace(held, **{field: "d" * 64}), statement)


def test_the_setup_is_the_plan_with_the_key_that_the_trustees_made(plan: Plan, held: Setup) -> None:
    election = parse_election(held.election_json)
    assert (election.uuid, election.name, election.questions) == (plan.election_uuid, plan.name, plan.questions)
    assert held.credentials_sha256 == CREDENTIALS


def test_no_setup_comes_of_messages_that_contradict_each_other(plan: Plan, trustees: Rehearsal, held: Setup) -> None:
    texts = {step: [trustees.say(plan, number, step).text for number in plan.numbers] for step in CEREMONY_STEPS}
    for step in CEREMONY_STEPS:
        swapped = {**texts, step: texts[step][::-1]}
        with pytest.raises(BeleniosError):
            make_setup(plan, CeremonyTexts(*swapped.values()), CREDENTIALS)
        short = {**texts, step: texts[step][:-1]}
        with pytest.raises(BeleniosError, match="one message of each step"):
            make_setup(plan, CeremonyTexts(*short.values()), CREDENTIALS)
