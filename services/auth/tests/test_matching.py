"""Who on the roll a card belongs to: one voter for certain, or an officer; never a guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from evote_auth.domain.cases import Case, CaseKind, Decision, decide, new_case_number
from evote_auth.domain.matching import Found, Likeness, Nobody, RollPerson, Unclear, match_person
from evote_auth.domain.refusals import CaseDecidedOtherwise, NotACandidate
from evote_jpki.certificates import BasicAttributes
from evote_jpki.persons import SUBSTITUTED
from hypothesis import given
from hypothesis import strategies as st

CARD = BasicAttributes("髙橋 花子", "茨城県つくば市研究学園一丁目1番地1", "1990-04-01", "2")
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def voter(ref: str, **changes: str) -> RollPerson:
    return RollPerson(ref, ref, replace(CARD, **changes))


@pytest.mark.parametrize(
    ("roll", "outcome"),
    [
        ([voter("a")], Found("a", Likeness.EXACT)),
        ([voter("a", name="髙橋　花子", address="茨城県つくば市研究学園一丁目１番地１")], Found("a", Likeness.EXACT)),
        ([voter("a", name="高橋 花子")], Found("a", Likeness.FOLDED)),
        ([voter("a", address="つくば市研究学園1-1-1")], Found("a", Likeness.FOLDED)),
        ([voter("a"), voter("b", name="高橋 花江")], Found("a", Likeness.EXACT)),
        # Twice on the roll in two spellings: even the exact one is not released without a look.
        ([voter("a"), voter("b", name="高橋 花子")], Unclear(("a", "b"))),
        (
            [voter("b", name="高橋 花子", address="つくば市研究学園1-1-1"), voter("a", name="高橋 花子")],
            Unclear(("a", "b")),
        ),
        # The card leaves out the building, and two such live in one house.
        ([voter("a", address=CARD.address + " A棟"), voter("b", address=CARD.address + " B棟")], Unclear(("a", "b"))),
        ([voter("a", name="鈴木 花子")], Unclear(("a",))),
        ([voter("a", address="つくば市吾妻1-1")], Unclear(("a",))),
        ([voter("a", name="鈴木 花子"), voter("b", address="つくば市吾妻1-1")], Unclear(("a", "b"))),
        ([voter("a", name="鈴木 花子", address="つくば市吾妻1-1")], Nobody()),
        ([voter("a", birth_date="1990-04-02")], Nobody()),
        ([voter("a", sex="1")], Nobody()),
        ([], Nobody()),
    ],
)
def test_each_degree_of_likeness_has_its_outcome(roll: list[RollPerson], outcome: object) -> None:
    assert match_person(CARD, roll) == outcome


def test_a_character_that_the_card_cannot_hold_fits_one_voter_or_an_officer_looks() -> None:
    card = replace(CARD, name=f"{SUBSTITUTED}橋 花子")
    assert match_person(card, [voter("a", name="髙橋 花子")]) == Found("a", Likeness.FOLDED)
    assert match_person(card, [voter("a"), voter("b", name="大橋 花子")]) == Unclear(("a", "b"))


spellings = st.builds(
    BasicAttributes,
    st.sampled_from(["髙橋 花子", "高橋花子", "高橋 花江", "鈴木 花子"]),
    st.sampled_from([CARD.address, "つくば市研究学園1-1-1", "つくば市研究学園1-1-1 メゾン", "つくば市吾妻1-1"]),
    st.sampled_from(["1990-04-01", "1990-04-02"]),
    st.sampled_from("12"),
)
rolls = st.lists(spellings, max_size=6).map(
    lambda people: [RollPerson(str(n), str(n), person) for n, person in enumerate(people)]
)


@given(spellings, rolls, st.integers())
def test_the_order_of_the_roll_does_not_matter(card: BasicAttributes, roll: list[RollPerson], seed: int) -> None:
    shuffled = Random(seed).sample(roll, len(roll))
    assert match_person(card, shuffled) == match_person(card, roll)


@given(spellings, rolls)
def test_a_second_voter_who_fits_always_takes_the_certainty_away(card: BasicAttributes, roll: list[RollPerson]) -> None:
    outcome = match_person(card, roll)
    if isinstance(outcome, Found):
        found = next(person for person in roll if person.voter_ref == outcome.voter_ref)
        twice = match_person(card, [*roll, replace(found, voter_ref="double", voter_id="double")])
        assert isinstance(twice, Unclear) and {"double", found.voter_ref} <= set(twice.voter_refs)


decisions = st.builds(
    Decision, st.sampled_from([None, "a", "b"]), st.sampled_from(["佐藤", "鈴木"]), st.just("面談"), st.just(NOW)
)


@given(st.lists(decisions, min_size=1, max_size=5))
def test_the_first_decision_stands_whatever_follows(given_decisions: list[Decision]) -> None:
    case = Case("00000001", CaseKind.MATCH, CARD, ("a", "b"), NOW, None)
    for decision in given_decisions:
        try:
            stands = decide(case, decision)
        except CaseDecidedOtherwise:
            assert decision.voter_ref != given_decisions[0].voter_ref
            continue
        case = replace(case, decision=stands)
        assert stands == given_decisions[0]


def test_only_a_candidate_can_be_approved() -> None:
    case = Case("00000001", CaseKind.MATCH, CARD, ("a",), NOW, None)
    with pytest.raises(NotACandidate):
        decide(case, Decision("b", "佐藤", "面談", NOW))


@given(st.binary(min_size=8, max_size=8))
def test_a_case_number_has_eight_digits(random: bytes) -> None:
    number = new_case_number(lambda size: random[:size])
    assert len(number) == 8 and number.isdecimal()


def test_persons_do_not_print() -> None:
    decision = Decision("a", "佐藤", "面談で確認", NOW)
    case = Case("00000001", CaseKind.MATCH, CARD, ("a",), NOW, decision)
    assert not any(secret in repr((case, voter("a"))) for secret in ("花子", "研究学園", "佐藤", "面談"))
