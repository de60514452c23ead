"""Which events stand, whatever a writer does."""

from __future__ import annotations

from evote_eventlog.events import (
    ElectionClosed,
    ElectionEventData,
    EncryptedTallyComputed,
    PartialDecryptionReceived,
    ResultComputed,
)
from evote_tally.domain.facts import FACT_CLASSES, Fact, FactKey, key_of, stands
from hypothesis import given
from hypothesis import strategies as st

UUID = "4yP2vbZnkbxpPG"


def _decryption(trustee: int, text: str = "{}") -> PartialDecryptionReceived:
    return PartialDecryptionReceived(election_uuid=UUID, trustee=trustee, partial_decryption=text, statement="")


TALLY = EncryptedTallyComputed(election_uuid=UUID, sized_encrypted_tally="{}", encrypted_tally="[]", log_size=1)
RESULT = ResultComputed(election_uuid=UUID, result="{}")
TALLY_EVENTS = st.sampled_from([TALLY, RESULT, *(_decryption(i, t) for i in (1, 2, 3) for t in ("a", "b"))])


def standing(events: list[ElectionEventData]) -> list[ElectionEventData]:
    kept: list[ElectionEventData] = []
    for event in events:
        if stands(event, {key_of(earlier, ()) for earlier in kept}):
            kept.append(event)
    return kept


def test_a_close_before_the_opening_does_not_stand() -> None:
    assert not stands(ElectionClosed(election_uuid=UUID, reason="officer"), set())


def test_a_decryption_before_the_tally_leaves_room_for_a_later_one() -> None:
    assert standing([_decryption(1, "early"), TALLY, _decryption(1, "late")]) == [
        TALLY,
        _decryption(1, "late"),
    ]


def test_the_first_of_two_different_decryptions_of_a_trustee_stands() -> None:
    assert standing([TALLY, _decryption(1, "a"), _decryption(1, "b")]) == [TALLY, _decryption(1, "a")]


@given(st.lists(TALLY_EVENTS, max_size=30))
def test_no_decryption_stands_after_the_result(events: list[ElectionEventData]) -> None:
    kept = standing(events)
    if RESULT in kept:
        assert kept[-1] == RESULT


@given(st.lists(TALLY_EVENTS, max_size=30), st.lists(st.integers(0, 29), max_size=10))
def test_an_event_that_comes_twice_changes_nothing(events: list[ElectionEventData], repeats: list[int]) -> None:
    repeated = list(events)
    for index in sorted((i for i in repeats if i < len(events)), reverse=True):
        repeated.insert(index + 1, events[index])
    assert standing(repeated) == standing(events)


def test_every_kind_has_a_rule_and_a_name_of_its_own() -> None:
    assert len({FactKey(kind.__name__) for kind in FACT_CLASSES}) == len(FACT_CLASSES) == 15
    assert Fact(TALLY, "2026-11-24T00:00:00.000Z").data is TALLY
