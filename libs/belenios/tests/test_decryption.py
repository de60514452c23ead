"""Partial decryptions and the result: any k trustees find it, and nobody can change it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
from evote_belenios.ballots import Ballot
from evote_belenios.decryption import partial_decryption, verify_partial_decryption
from evote_belenios.election import Election, Question
from evote_belenios.errors import BeleniosError, EncodingError, TallyError, TrusteeError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, hash_to_exponent, random_exponent
from evote_belenios.result import (
    LARGEST_TOTAL_WEIGHT,
    compute_result,
    parse_result,
    sort_partial_decryptions,
    verify_result,
)
from evote_belenios.tally import encrypted_tally, parse_encrypted_tally
from evote_belenios.trustees import DecryptionKey, Trustees, parse_trustees, public_key_json, trustees_json
from hypothesis import given, settings
from hypothesis import strategies as st

RANDOM = secrets.token_bytes
QUESTIONS = [Question("Plan", ("yes", "no"), True, 1, 1)]
VOTES = [[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]
RESULT = '{"result":[[1,3,1]]}'


class Decrypted:
    """Five ballots, a mandatory trustee (1) and a ceremony of 2 of 3 (2, 3, 4), everybody's partial decryption."""

    def __init__(
        self,
        group: Group,
        ceremony: Any,
        election_of: Callable[..., Election],
        cast: Callable[..., Ballot],
    ) -> None:
        single = DecryptionKey.generate(group, RANDOM)
        text = trustees_json([public_key_json(single, RANDOM)], [ceremony.parameters])
        self.group = group
        self.trustees: Trustees = parse_trustees(text, group)
        self.keys = [single, *ceremony.keys]
        self.election = election_of(text, group, QUESTIONS)
        self.same_trustees = election_of(text, group, QUESTIONS)
        self.tally = encrypted_tally(self.election, [(cast(self.election, [votes]), 1) for votes in VOTES])
        self.texts = {
            index: partial_decryption(self.election, self.tally, key, RANDOM) for index, key in enumerate(self.keys, 1)
        }

    def verify(self, trustee: int, text: str) -> None:
        verify_partial_decryption(self.election, self.trustees, trustee, self.tally, text)

    def refusal_of(self, trustee: int, text: str) -> BeleniosError:
        with pytest.raises(BeleniosError) as refusal:
            self.verify(trustee, text)
        return refusal.value

    def of(self, *trustees: int) -> dict[int, str]:
        return {trustee: self.texts[trustee] for trustee in trustees}

    def result(self, texts: dict[int, str], total_weight: int = 5) -> str:
        return compute_result(self.election, self.trustees, self.tally, total_weight, texts)

    def forged(self, trustee: int) -> str:
        """A false factor whose proof holds in version 1: the challenge covers neither the factor nor alpha.

        The forger picks the second commitment alpha^w·g^d freely, and only then computes the factor that it proves.
        """
        group, key = self.group, self.keys[trustee - 1]
        value = json.loads(self.texts[trustee])
        alpha = parse_encrypted_tally(self.election, self.tally)[0][0].alpha
        nonce, offset = random_exponent(group, RANDOM), random_exponent(group, RANDOM)
        left = group.power_generator(nonce)
        right = group.multiply(group.power(alpha, nonce), group.power_generator(offset))
        prefix = f"decrypt|{self.election.fingerprint}|{group.encode(key.public_key)}|"
        challenge = hash_to_exponent(group, f"{prefix}{group.encode(left)},{group.encode(right)}")
        shift = offset * pow(challenge, -1, group.order)
        factor = group.multiply(group.power(alpha, key.exponent), group.power_generator(shift))
        value["decryption_factors"][0][0] = group.encode(factor)
        response = (nonce - key.exponent * challenge) % group.order
        value["decryption_proofs"][0][0] = {"challenge": str(challenge), "response": str(response)}
        return json.dumps(value)


@pytest.fixture(scope="module", params=[ED25519, BELENIOS_2048], ids=lambda group: group.name)
def decrypted(
    request: pytest.FixtureRequest,
    hold_ceremony: Callable[..., Any],
    election_of: Callable[..., Election],
    cast: Callable[..., Ballot],
) -> Decrypted:
    return Decrypted(request.param, hold_ceremony(request.param, 2, 3), election_of, cast)


def test_any_two_of_three_find_the_same_result(decrypted: Decrypted) -> None:
    for pair in combinations((2, 3, 4), 2):
        texts = decrypted.of(1, *pair)
        assert decrypted.result(texts) == RESULT
        verify_result(decrypted.election, decrypted.trustees, decrypted.tally, 5, texts, RESULT)
    assert decrypted.result(decrypted.texts) == RESULT


@pytest.mark.parametrize("present", [(), (1,), (1, 2), (2, 3, 4)])
def test_too_few_trustees_find_nothing(decrypted: Decrypted, present: tuple[int, ...]) -> None:
    with pytest.raises(TallyError) as refusal:
        decrypted.result(decrypted.of(*present))
    assert refusal.value.rule == "decryption-missing"


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if children is None:
        yield path
        return
    for name, child in children:
        yield from leaves(child, (*path, name))


def test_every_changed_number_or_factor_is_refused(decrypted: Decrypted) -> None:
    for trustee in (1, 3):
        for path in leaves(json.loads(decrypted.texts[trustee])):
            value = json.loads(decrypted.texts[trustee])
            parent = value
            for name in path[:-1]:
                parent = parent[name]
            is_factor = path[0] == "decryption_factors"
            wrong = decrypted.group.power_generator(random_exponent(decrypted.group, RANDOM))
            parent[path[-1]] = (
                decrypted.group.encode(wrong) if is_factor else str(random_exponent(decrypted.group, RANDOM))
            )
            assert decrypted.refusal_of(trustee, json.dumps(value)).rule == "decryption-proof"


def test_a_factor_outside_the_group_is_refused(decrypted: Decrypted) -> None:
    value = json.loads(decrypted.texts[1])
    value["decryption_factors"][0][1] = "7f" + "ff" * 30 + "ec" if decrypted.group is ED25519 else "2"
    refusal = decrypted.refusal_of(1, json.dumps(value))
    assert isinstance(refusal, EncodingError)
    assert refusal.rule == "group-element"


def test_the_identity_is_no_factor_of_a_vote(decrypted: Decrypted) -> None:
    value = json.loads(decrypted.texts[1])
    value["decryption_factors"][0][1] = decrypted.group.encode(decrypted.group.identity)
    assert decrypted.refusal_of(1, json.dumps(value)).rule == "decryption-proof"


def test_a_number_has_one_form(decrypted: Decrypted) -> None:
    value = json.loads(decrypted.texts[1])
    proof = value["decryption_proofs"][0][0]
    for other in (f"0{proof['response']}", str(int(proof["response"]) + decrypted.group.order)):
        changed = json.loads(decrypted.texts[1])
        changed["decryption_proofs"][0][0]["response"] = other
        assert decrypted.refusal_of(1, json.dumps(changed)).rule == "number"


def test_another_trustee_s_decryption_is_refused(decrypted: Decrypted) -> None:
    assert decrypted.refusal_of(2, decrypted.texts[3]).rule == "decryption-proof"
    assert decrypted.refusal_of(5, decrypted.texts[3]).rule == "trustee-unknown"


def test_a_decryption_of_another_tally_or_election_is_refused(
    decrypted: Decrypted, cast: Callable[..., Ballot]
) -> None:
    election, key = decrypted.election, decrypted.keys[0]
    other_tally = encrypted_tally(election, [(cast(election, [[0, 1, 0]]), 1)])
    other = partial_decryption(election, other_tally, key, RANDOM)
    assert decrypted.refusal_of(1, other).rule == "decryption-proof"
    elsewhere = partial_decryption(decrypted.same_trustees, decrypted.tally, key, RANDOM)
    assert decrypted.refusal_of(1, elsewhere).rule == "decryption-proof"


@pytest.mark.parametrize("name", ["decryption_factors", "decryption_proofs"])
def test_a_decryption_of_another_shape_is_refused(decrypted: Decrypted, name: str) -> None:
    for change in (lambda rows: rows.pop(), lambda rows: rows[0].pop(), lambda rows: rows.append([])):
        value = json.loads(decrypted.texts[1])
        change(value[name])
        assert decrypted.refusal_of(1, json.dumps(value)).rule == "decryption-schema"
    value = json.loads(decrypted.texts[1])
    value[name][0] = {}
    assert decrypted.refusal_of(1, json.dumps(value)).rule in ("decryption-schema", "schema")


def test_a_key_of_another_group_decrypts_nothing(decrypted: Decrypted) -> None:
    other = BELENIOS_2048 if decrypted.group is ED25519 else ED25519
    with pytest.raises(TrusteeError) as refusal:
        partial_decryption(decrypted.election, decrypted.tally, DecryptionKey.generate(other, RANDOM), RANDOM)
    assert refusal.value.rule == "trustee-group"


def test_invalid_decryptions_are_left_out_while_the_threshold_is_met(decrypted: Decrypted) -> None:
    # Belenios gave up here before 3.3.0: one trustee of the ceremony could stop the count.
    for liar in (2, 3, 4):
        texts = {**decrypted.texts, liar: decrypted.texts[1]}
        assert decrypted.result(texts) == RESULT
        verify_result(decrypted.election, decrypted.trustees, decrypted.tally, 5, texts, RESULT)
        sorted_ = sort_partial_decryptions(decrypted.election, decrypted.trustees, decrypted.tally, texts)
        assert {index: error.rule for index, error in sorted_.refused.items()} == {liar: "decryption-proof"}
        assert sorted(sorted_.valid) == sorted({1, 2, 3, 4} - {liar})


def test_invalid_decryptions_do_not_count_towards_the_threshold(decrypted: Decrypted) -> None:
    texts = {**decrypted.of(1, 2), 3: decrypted.texts[1], 4: "{}"}
    with pytest.raises(TallyError) as refusal:
        decrypted.result(texts)
    assert refusal.value.rule == "decryption-missing"


def test_a_mandatory_trustee_s_invalid_decryption_is_an_error(decrypted: Decrypted) -> None:
    with pytest.raises(TallyError) as refusal:
        decrypted.result({**decrypted.texts, 1: decrypted.texts[2]})
    assert refusal.value.rule == "decryption-proof"


def test_a_decryption_of_nobody_is_reported(decrypted: Decrypted) -> None:
    sorted_ = sort_partial_decryptions(
        decrypted.election, decrypted.trustees, decrypted.tally, {**decrypted.texts, 5: decrypted.texts[1]}
    )
    assert sorted_.refused[5].rule == "trustee-unknown"


def test_a_wrong_factor_that_version_1_lets_pass_yields_no_result(decrypted: Decrypted) -> None:
    forged = decrypted.forged(2)
    decrypted.verify(2, forged)
    with pytest.raises(TallyError) as refusal:
        decrypted.result({**decrypted.of(1, 3), 2: forged})
    assert refusal.value.rule == "result-logarithm"
    # Without the forger the others count.
    assert decrypted.result(decrypted.of(1, 3, 4)) == RESULT


@pytest.mark.parametrize(
    "text", ['{"result":[[1,2,2]]}', '{"result":[[3,1,1]]}', '{"result":[[0,0,0]]}', '{"result":[[1,3,2]]}']
)
def test_other_counts_are_refused(decrypted: Decrypted, text: str) -> None:
    with pytest.raises(TallyError) as refusal:
        verify_result(decrypted.election, decrypted.trustees, decrypted.tally, 5, decrypted.texts, text)
    assert refusal.value.rule == "result-count"


def test_a_count_above_the_total_weight_is_refused(decrypted: Decrypted) -> None:
    with pytest.raises(TallyError) as refusal:
        decrypted.result(decrypted.texts, total_weight=2)
    assert refusal.value.rule == "result-logarithm"
    with pytest.raises(TallyError) as refusal:
        verify_result(decrypted.election, decrypted.trustees, decrypted.tally, 2, decrypted.texts, RESULT)
    assert refusal.value.rule == "result-count"


@pytest.mark.parametrize("weight", [-1, LARGEST_TOTAL_WEIGHT + 1])
def test_a_weight_that_nobody_could_decrypt_is_refused(decrypted: Decrypted, weight: int) -> None:
    with pytest.raises(TallyError) as refusal:
        decrypted.result(decrypted.texts, total_weight=weight)
    assert refusal.value.rule == "tally-weight"


@pytest.mark.parametrize(
    "text",
    ['{"result":[]}', '{"result":[[1,3]]}', '{"result":[[1,3,1],[]]}', '{"result":[1,3,1]}'],
)
def test_a_result_of_another_shape_is_refused(decrypted: Decrypted, text: str) -> None:
    with pytest.raises(TallyError) as refusal:
        parse_result(decrypted.election, text)
    assert refusal.value.rule == "result-schema"


@pytest.mark.parametrize("count", ["-1", "true", '"1"', "1.0", "null"])
def test_what_is_no_count_is_refused(decrypted: Decrypted, count: str) -> None:
    with pytest.raises(EncodingError):
        parse_result(decrypted.election, f'{{"result":[[{count},3,1]]}}')


@settings(max_examples=30)
@given(bound=st.integers(0, 100_000), data=st.data())
def test_every_count_up_to_the_total_weight_is_found(decrypted: Decrypted, bound: int, data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, bound), min_size=3, max_size=3), "counts")
    group = decrypted.group
    only = DecryptionKey.generate(group, RANDOM)
    trustees = parse_trustees(trustees_json([public_key_json(only, RANDOM)]), group)
    tally = json.dumps([[ciphertext(group, only, count) for count in counts]])
    text = partial_decryption(decrypted.election, tally, only, RANDOM)
    assert parse_result(decrypted.election, compute_result(decrypted.election, trustees, tally, bound, {1: text})) == (
        tuple(counts),
    )


def ciphertext(group: Group, key: DecryptionKey, count: int) -> dict[str, str]:
    nonce = random_exponent(group, RANDOM)
    beta = group.multiply(group.power(key.public_key, nonce), group.power_generator(count))
    return {"alpha": group.encode(group.power_generator(nonce)), "beta": group.encode(beta)}
