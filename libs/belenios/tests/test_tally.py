"""The encrypted tally: exactly the ballots that count, each as often as its weight."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence

import pytest
from evote_belenios.ballots import Ballot
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Election, Question
from evote_belenios.errors import BeleniosError, EncodingError, TallyError
from evote_belenios.groups import ED25519, Group
from evote_belenios.result import compute_result, parse_result
from evote_belenios.tally import (
    EncryptedTallyAccumulator,
    encrypted_tally,
    parse_encrypted_tally,
    parse_sized_encrypted_tally,
    sized_encrypted_tally_json,
    verify_encrypted_tally,
)
from evote_belenios.trustees import DecryptionKey, Trustees, parse_trustees, public_key_json, trustees_json
from hypothesis import given, settings
from hypothesis import strategies as st

RANDOM = secrets.token_bytes
QUESTIONS = [Question("Plan", ("yes", "no"), True, 1, 1), Question("Parks", ("a", "b"), False, 0, 2)]
NewElectionOf = Callable[..., Election]
Cast = Callable[..., Ballot]


class Counted:
    """An election of one trustee, and what the trustee counts."""

    def __init__(self, group: Group, election_of: NewElectionOf) -> None:
        self.key = DecryptionKey.generate(group, RANDOM)
        text = trustees_json([public_key_json(self.key, RANDOM)])
        self.trustees: Trustees = parse_trustees(text, group)
        self.election = election_of(text, group, QUESTIONS)

    def count(self, tally: str, total_weight: int) -> tuple[tuple[int, ...], ...]:
        text = partial_decryption(self.election, tally, self.key, RANDOM)
        result = compute_result(self.election, self.trustees, tally, total_weight, {1: text})
        return parse_result(self.election, result)


@pytest.fixture
def counted(group: Group, election_of: NewElectionOf) -> Counted:
    return Counted(group, election_of)


@pytest.fixture(scope="module")
def ed25519(election_of: NewElectionOf) -> Counted:
    return Counted(ED25519, election_of)


VOTES = st.sampled_from([[[1, 0, 0], [0, 0]], [[0, 1, 0], [1, 0]], [[0, 0, 1], [1, 1]]])


@settings(max_examples=20)
@given(cast_votes=st.lists(st.tuples(VOTES, st.integers(1, 1000)), max_size=6))
def test_the_count_is_the_sum_of_the_votes_times_their_weights(
    ed25519: Counted, cast: Cast, cast_votes: list[tuple[Sequence[Sequence[int]], int]]
) -> None:
    ballots = [(cast(ed25519.election, votes), weight) for votes, weight in cast_votes]
    expected = tuple(
        tuple(sum(votes[question][choice] * weight for votes, weight in cast_votes) for choice in range(choices))
        for question, choices in enumerate((3, 2))
    )
    total_weight = sum(weight for _, weight in cast_votes)
    assert ed25519.count(encrypted_tally(ed25519.election, ballots), total_weight) == expected


def test_the_order_of_the_ballots_does_not_matter(counted: Counted, cast: Cast) -> None:
    ballots = [(cast(counted.election, [[0, 1, 0], [1, 0]]), weight) for weight in (1, 2, 3)]
    assert encrypted_tally(counted.election, ballots) == encrypted_tally(counted.election, ballots[::-1])


def test_an_election_without_ballots_counts_nothing(counted: Counted) -> None:
    accumulator = EncryptedTallyAccumulator(counted.election)
    tally = accumulator.encrypted_tally_json()
    assert json.loads(accumulator.sized_json())["num_tallied"] == 0
    assert counted.count(tally, 0) == ((0, 0, 0), (0, 0))


def test_voters_who_cancel_their_secrets_out_are_counted_too(counted: Counted, cast: Cast) -> None:
    # All who vote yes together choose secrets of sum zero: alpha is the identity although there are votes.
    group, election = counted.election.group, counted.election
    neutral = group.encode(group.identity)
    value = json.loads(encrypted_tally(election, [(cast(election, [[0, 1, 0], [1, 0]]), 1)]))
    value[0][1] = {"alpha": neutral, "beta": group.encode(group.power_generator(7))}
    assert counted.count(json.dumps(value), 7)[0][1] == 7


def test_a_weight_is_not_negative(counted: Counted, cast: Cast) -> None:
    with pytest.raises(ValueError, match="not negative"):
        EncryptedTallyAccumulator(counted.election).add(cast(counted.election, [[0, 1, 0], [1, 0]]), -1)


def test_a_tally_that_is_not_of_the_counting_ballots_is_refused(counted: Counted, cast: Cast) -> None:
    election = counted.election
    ballots = [cast(election, [[0, 1, 0], [1, 0]]) for _ in range(3)]
    right, short = EncryptedTallyAccumulator(election), EncryptedTallyAccumulator(election)
    for ballot in ballots:
        right.add(ballot)
    for ballot in ballots[:2]:
        short.add(ballot)
    tally = right.encrypted_tally_json()
    verify_encrypted_tally(right, tally, right.sized_json())
    refusals = []
    for published, sized in (
        (short.encrypted_tally_json(), short.sized_json()),
        (tally, sized_encrypted_tally_json(tally, 2, 3)),
        (tally, sized_encrypted_tally_json(tally, 3, 4)),
        (tally, sized_encrypted_tally_json(short.encrypted_tally_json(), 3, 3)),
        (tally, sized_encrypted_tally_json(tally, 4, 3)),
    ):
        with pytest.raises(TallyError) as refusal:
            verify_encrypted_tally(right, published, sized)
        refusals.append(refusal.value.rule)
    assert refusals == ["tally-ciphertexts", "tally-size", "tally-size", "tally-hash", "tally-size"]


@given(weight=st.integers(0, 2**40))
def test_a_total_weight_has_one_form(weight: int) -> None:
    text = sized_encrypted_tally_json("", 0, weight)
    assert parse_sized_encrypted_tally(text).total_weight == weight
    written = json.loads(text)["total_weight"]
    # As belenios-tool writes it: a string from 2^30 on.
    assert isinstance(written, int) == (weight < 2**30)
    other_form = json.dumps({**json.loads(text), "total_weight": str(written) if weight < 2**30 else int(written)})
    with pytest.raises(EncodingError) as refusal:
        parse_sized_encrypted_tally(other_form)
    assert refusal.value.rule == "number"


@pytest.mark.parametrize("weight", [True, -1, None, 1.5, "01", "-1"])
def test_what_is_no_weight_is_refused(weight: object) -> None:
    value = {"num_tallied": 0, "total_weight": weight, "encrypted_tally": hashlib.sha256(b"").hexdigest()}
    with pytest.raises(EncodingError):
        parse_sized_encrypted_tally(json.dumps(value))


def test_a_tally_of_another_shape_is_refused(counted: Counted) -> None:
    value = json.loads(EncryptedTallyAccumulator(counted.election).encrypted_tally_json())
    for other in (value[:1], [*value, []], [value[0][:2], value[1]], [value[0], {}], {}, [value[1], value[0]]):
        with pytest.raises(TallyError) as refusal:
            parse_encrypted_tally(counted.election, json.dumps(other))
        assert refusal.value.rule == "tally-schema"


@pytest.mark.parametrize("half", ["alpha", "beta"])
def test_a_ciphertext_outside_the_group_is_refused(counted: Counted, half: str) -> None:
    value = json.loads(EncryptedTallyAccumulator(counted.election).encrypted_tally_json())
    value[0][1][half] = "7f" + "ff" * 30 + "ec" if counted.election.group is ED25519 else "2"
    with pytest.raises(EncodingError) as refusal:
        parse_encrypted_tally(counted.election, json.dumps(value))
    assert refusal.value.rule == "group-element"


@given(text=st.text() | st.text(st.sampled_from('{}[]":,alphbet01 ')))
def test_no_text_breaks_the_readers(ed25519: Counted, text: str) -> None:
    with pytest.raises(BeleniosError):
        parse_encrypted_tally(ed25519.election, text)
    with pytest.raises(BeleniosError):
        parse_sized_encrypted_tally(text)
