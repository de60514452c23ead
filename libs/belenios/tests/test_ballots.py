"""Ballots: every allowed vote is accepted, and nothing that is not exactly one."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import gcd
from typing import Any

import pytest
from evote_belenios.answers import make_answer
from evote_belenios.ballots import generate_ballot, parse_ballot, tracker_of, verify_ballot
from evote_belenios.credentials import generate, public_credential, secret_exponent
from evote_belenios.election import Election, Question, parse_election
from evote_belenios.errors import BallotError, BeleniosError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.jsontext import dump
from evote_belenios.proofs import prove_knowledge
from hypothesis import given, settings
from hypothesis import strategies as st

from .verdicts import examined

NewElection = Callable[[Group, Sequence[Question]], Election]
YES_NO = Question("Plan", ("yes", "no"), True, 1, 1)
PARKS = Question("Parks", ("a", "b", "c"), False, 0, 2)
Path = tuple[str | int, ...]


class Cast:
    """An election with one ballot in it, made once for each group because each mutation needs only one."""

    def __init__(self, election: Election) -> None:
        self.election = election
        self.credential = generate(election.group, secrets.token_bytes)
        self.text = generate_ballot(election, self.credential, [[0, 1, 0], [1, 0, 1]], secrets.token_bytes)


_CAST: dict[str, Cast] = {}


@pytest.fixture(scope="module", autouse=True)
def ballots_of_both_groups(new_election: NewElection) -> None:
    for group in (ED25519, BELENIOS_2048):
        _CAST[group.name] = Cast(new_election(group, [YES_NO, PARKS]))


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if children is None:
        yield path
        return
    for name, child in children:
        yield from leaves(child, (*path, name))


def at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def with_leaf(text: str, path: Path, leaf: Any) -> str:
    value = json.loads(text)
    at(value, path[:-1])[path[-1]] = leaf
    return json.dumps(value, separators=(",", ":"))


def check(election: Election, text: str) -> None:
    examined(election, text)


def refusal_of(election: Election, text: str) -> BeleniosError:
    with pytest.raises(BeleniosError) as refusal:
        check(election, text)
    return refusal.value


def votes(question: Question) -> list[tuple[int, ...]]:
    """Every vote that the question allows."""
    plain = [
        choice
        for choice in product((0, 1), repeat=len(question.answers))
        if question.min <= sum(choice) <= question.max
    ]
    if not question.blank:
        return plain
    return [(1, *(0 for _ in question.answers)), *((0, *choice) for choice in plain)]


questions = st.integers(1, 3).flatmap(
    lambda answers: st.builds(
        lambda bounds, blank: Question("q", tuple("abc"[:answers]), blank, bounds[0], bounds[1]),
        st.tuples(st.integers(0, answers), st.integers(1, answers)).filter(lambda bounds: bounds[0] <= bounds[1]),
        st.booleans(),
    )
)


@settings(max_examples=30)
@given(st.data(), st.lists(questions, min_size=1, max_size=3))
def test_every_allowed_vote_makes_an_accepted_ballot(data: st.DataObject, asked: list[Question]) -> None:
    election = election_of(ED25519, asked)
    credential = generate(ED25519, secrets.token_bytes)
    choices = [data.draw(st.sampled_from(votes(question))) for question in asked]
    text = generate_ballot(election, credential, choices, secrets.token_bytes)
    ballot = parse_ballot(election, text)
    verify_ballot(election, ballot)
    assert ballot.credential == public_credential(credential, election.uuid, ED25519)
    assert len(set(ballot.ciphertext_digests)) == sum(question.choices for question in asked)


def election_of(group: Group, asked: Sequence[Question]) -> Election:
    """The group's election with other questions."""
    value = json.loads(_CAST[group.name].election.json)
    value["questions"] = [question.to_json() for question in asked]
    return parse_election(json.dumps(value))


@pytest.mark.parametrize("blank", [False, True])
@pytest.mark.parametrize(("least", "most"), [(0, 2), (1, 1), (2, 2)])
def test_each_vote_of_each_kind_of_question(group: Group, blank: bool, least: int, most: int) -> None:
    question = Question("q", ("a", "b"), blank, least, most)
    election = election_of(group, [question])
    for vote in votes(question):
        check(election, generate_ballot(election, _CAST[group.name].credential, [vote], secrets.token_bytes))


@pytest.mark.parametrize(
    "choices",
    [
        [[0, 1, 0]],
        [[0, 1, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 1], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0]],
        [[0, 1, 1], [0, 0, 0]],
        [[1, 1, 0], [0, 0, 0]],
        [[0, 2, 0], [0, 0, 0]],
        [[0, 1, 0], [1, 1, 1]],
        [[0, 1, 0], [-1, 1, 1]],
    ],
    ids=str,
)
def test_a_vote_that_is_not_allowed_is_not_encrypted(group: Group, choices: list[list[int]]) -> None:
    cast = _CAST[group.name]
    with pytest.raises(BallotError) as refusal:
        generate_ballot(cast.election, cast.credential, choices, secrets.token_bytes)
    assert refusal.value.rule == "ballot-choices"


@settings(max_examples=150)
@given(st.sampled_from(["Ed25519", "BELENIOS-2048"]), st.data())
def test_a_ballot_with_any_field_changed_is_refused(group_name: str, data: st.DataObject) -> None:
    cast = _CAST[group_name]
    group = cast.election.group
    value = json.loads(cast.text)
    path = data.draw(st.sampled_from(sorted(leaves(value), key=str)))
    old = at(value, path)
    if path[-1] in ("alpha", "beta", "credential"):
        new = group.encode(group.multiply(group.decode(old), group.power_generator(data.draw(st.integers(1, 9)))))
    elif path[-1] in ("challenge", "response"):
        new = str((int(old) + data.draw(st.integers(1, group.order - 1))) % group.order)
    else:
        new = data.draw(st.text(max_size=50).filter(lambda text: text != old))
    with pytest.raises(BeleniosError):
        check(cast.election, with_leaf(cast.text, path, new))


@settings(max_examples=60)
@given(st.sampled_from(["Ed25519", "BELENIOS-2048"]), st.data())
def test_an_answer_with_any_number_changed_is_refused_even_when_it_is_signed(
    group_name: str, data: st.DataObject
) -> None:
    cast = _CAST[group_name]
    group = cast.election.group
    value = json.loads(cast.text)
    path = data.draw(st.sampled_from([path for path in leaves(value) if path[0] == "answers"]))
    old = at(value, path)
    if path[-1] in ("alpha", "beta"):
        new = group.encode(group.multiply(group.decode(old), group.power_generator(data.draw(st.integers(1, 9)))))
    else:
        new = str((int(old) + data.draw(st.integers(1, group.order - 1))) % group.order)
    refusal = refusal_of(cast.election, resigned(cast, with_leaf(cast.text, path, new)))
    assert refusal.rule in {"ballot-individual-proof", "ballot-overall-proof", "ballot-blank-proof"}


@settings(max_examples=60)
@given(st.sampled_from(["Ed25519", "BELENIOS-2048"]), st.data())
def test_any_other_json_in_a_field_is_refused(group_name: str, data: st.DataObject) -> None:
    cast = _CAST[group_name]
    value = json.loads(cast.text)
    path = data.draw(st.sampled_from(sorted(leaves(value), key=str)))
    path = path[: data.draw(st.integers(1, len(path)))]
    junk = st.none() | st.booleans() | st.integers() | st.just([]) | st.just({}) | st.text(max_size=9)
    new = data.draw(junk.filter(lambda leaf: leaf != at(value, path)))
    with pytest.raises(BeleniosError):
        check(cast.election, with_leaf(cast.text, path, new))


@settings(max_examples=60)
@given(st.data())
def test_a_ballot_has_one_text(data: st.DataObject) -> None:
    cast = _CAST["Ed25519"]
    value = json.loads(cast.text)
    other = data.draw(
        st.sampled_from(
            [
                json.dumps(value),
                cast.text + "\n",
                " " + cast.text,
                cast.text.replace('"alpha"', '"\\u0061lpha"', 1),
                json.dumps(dict(reversed(value.items())), separators=(",", ":")),
                json.dumps({**value, "signature": dict(reversed(value["signature"].items()))}, separators=(",", ":")),
                cast.text[:-1] + ',"more":1}',
            ]
        )
    )
    assert refusal_of(cast.election, other).rule in {"ballot-canonical", "schema"}


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (("answers", 0, "individual_proofs", 1, 0, "response"), "ballot-individual-proof"),
        (("answers", 1, "individual_proofs", 2, 1, "challenge"), "ballot-individual-proof"),
        (("answers", 0, "overall_proof", 0, "challenge"), "ballot-overall-proof"),
        (("answers", 1, "overall_proof", 2, "response"), "ballot-overall-proof"),
        (("answers", 0, "blank_proof", 1, "response"), "ballot-blank-proof"),
    ],
    ids=str,
)
def test_a_wrong_proof_is_named_even_when_the_voter_signed_it(group: Group, path: Path, rule: str) -> None:
    cast = _CAST[group.name]
    number = (int(at(json.loads(cast.text), path)) + 1) % group.order
    assert refusal_of(cast.election, resigned(cast, with_leaf(cast.text, path, str(number)))).rule == rule


def resigned(cast: Cast, text: str) -> str:
    """The same content under a signature of the credential's holder."""
    group = cast.election.group
    value = json.loads(text)
    del value["signature"]
    content_hash = tracker_of(dump(value))
    secret = secret_exponent(cast.credential, cast.election.uuid, group)
    proof = prove_knowledge(group, secret, f"sig|{content_hash}|", secrets.token_bytes)
    return dump({**value, "signature": {"hash": content_hash, "proof": proof.to_json()}})


def test_a_resigned_ballot_is_a_good_one(group: Group) -> None:
    cast = _CAST[group.name]
    check(cast.election, resigned(cast, cast.text))


@pytest.mark.parametrize(
    ("path", "leaf", "rule"),
    [
        (("election_uuid",), "11111111111111", "ballot-election-uuid"),
        (("election_hash",), "A" * 43, "ballot-election-hash"),
        (("signature", "hash"), "A" * 43, "ballot-hash"),
        (("signature", "proof", "response"), "1", "ballot-signature"),
        (("signature", "proof", "challenge"), "0", "ballot-signature"),
        (("answers",), [], "ballot-schema"),
        (("answers", 0, "overall_proof"), [], "ballot-schema"),
        (("answers", 0, "choices"), [], "ballot-schema"),
        (("answers", 0, "individual_proofs", 0), [], "ballot-schema"),
        (("answers", 0, "blank_proof"), [], "ballot-schema"),
        (("answers", 1, "overall_proof", 0, "challenge"), "007", "number"),
        (("answers", 1, "overall_proof", 0, "challenge"), 7, "schema"),
    ],
    ids=str,
)
def test_each_rule_is_named(group: Group, path: Path, leaf: object, rule: str) -> None:
    cast = _CAST[group.name]
    assert refusal_of(cast.election, with_leaf(cast.text, path, leaf)).rule == rule


@pytest.mark.parametrize("field", ["blank_proof", "overall_proof", "choices", "individual_proofs"])
def test_no_part_of_an_answer_may_be_left_out(group: Group, field: str) -> None:
    cast = _CAST[group.name]
    value = json.loads(cast.text)
    del value["answers"][0][field]
    assert refusal_of(cast.election, json.dumps(value, separators=(",", ":"))).rule == "schema"


def test_a_blank_proof_is_refused_where_no_blank_vote_is_allowed(group: Group) -> None:
    cast = _CAST[group.name]
    value = json.loads(cast.text)
    value["answers"][1]["blank_proof"] = value["answers"][0]["blank_proof"]
    assert refusal_of(cast.election, json.dumps(value, separators=(",", ":"))).rule == "schema"


def outside_subgroup(group: Group, text: str) -> str:
    """The element times an element of small order: what a missing membership check would let through."""
    if group is BELENIOS_2048:
        p = int(group.encode(group.power_generator(-1))) * int(group.encode(group.generator)) - 1
        q = int(group.encode(group.power_generator(-2))) * int(group.encode(group.generator)) ** 2 - 1
        return str(gcd(p, q) - int(text))
    number = int(text, 16)
    # Adding (0, -1), the point of order 2, negates both coordinates.
    y, sign = number & (2**255 - 1), number >> 255
    return f"{(2**255 - 19 - y) | ((1 - sign) << 255):064x}"


@pytest.mark.parametrize(
    "path",
    [("credential",), *(("answers", 0, "choices", index, half) for index in range(3) for half in ("alpha", "beta"))],
    ids=str,
)
def test_every_element_of_a_ballot_must_be_in_the_subgroup(group: Group, path: Path) -> None:
    cast = _CAST[group.name]
    element = outside_subgroup(group, at(json.loads(cast.text), path))
    assert refusal_of(cast.election, with_leaf(cast.text, path, element)).rule == "group-element"


def test_the_identity_is_no_credential(group: Group) -> None:
    cast = _CAST[group.name]
    text = with_leaf(cast.text, ("credential",), group.encode(group.identity))
    assert refusal_of(cast.election, text).rule == "group-element"


def test_a_ballot_of_another_election_is_refused(group: Group, new_election: NewElection) -> None:
    cast = _CAST[group.name]
    assert refusal_of(new_election(group, [YES_NO, PARKS]), cast.text).rule == "ballot-election-uuid"
    # The same identifier, but one word of a question changed.
    changed = parse_election(cast.election.json.replace("Plan", "Plot"))
    assert refusal_of(changed, cast.text).rule == "ballot-election-hash"


def test_a_copied_answer_is_refused_under_another_credential(group: Group) -> None:
    cast = _CAST[group.name]
    thief = Cast(cast.election)
    stolen = {**json.loads(thief.text), "answers": json.loads(cast.text)["answers"]}
    assert refusal_of(cast.election, resigned(thief, json.dumps(stolen))).rule == "ballot-individual-proof"


def test_answers_cannot_be_swapped_between_questions(group: Group) -> None:
    election = election_of(group, [YES_NO, YES_NO])
    cast = _CAST[group.name]
    text = generate_ballot(election, cast.credential, [[0, 1, 0], [0, 0, 1]], secrets.token_bytes)
    value = json.loads(text)
    value["answers"].reverse()
    assert refusal_of(election, json.dumps(value, separators=(",", ":"))).rule == "ballot-hash"


def test_too_many_choices_are_refused_although_each_is_proven() -> None:
    cast = _CAST["Ed25519"]
    generous = Question("Parks", PARKS.answers, False, 0, 3)
    prefix = f"{cast.election.fingerprint}|{json.loads(cast.text)['credential']}"
    answer = make_answer(cast.election, generous, [1, 1, 1], prefix, secrets.token_bytes)
    value = json.loads(cast.text)
    value["answers"][1] = json.loads(json.dumps(answer.to_json()))
    value["answers"][1]["overall_proof"].pop()
    assert refusal_of(cast.election, resigned(cast, json.dumps(value))).rule == "ballot-overall-proof"


def test_ciphertexts_whose_product_is_the_identity_are_verified_like_any_other(group: Group) -> None:
    election = election_of(group, [Question("q", ("a", "b"), False, 0, 2)])
    scripted = [7, group.order - 7]

    def random(count: int) -> bytes:
        return scripted.pop(0).to_bytes(count, "big") if scripted else secrets.token_bytes(count)

    text = generate_ballot(election, _CAST[group.name].credential, [[0, 0]], random)
    first, second = parse_ballot(election, text).answers[0].choices
    assert group.multiply(first.alpha, second.alpha) == group.identity
    assert group.multiply(first.beta, second.beta) == group.identity
    check(election, text)


def test_trackers_are_the_hash_of_the_text_and_digests_find_copies(group: Group) -> None:
    cast = _CAST[group.name]
    ballot = parse_ballot(cast.election, cast.text)
    again = Cast(cast.election)
    assert ballot.tracker == tracker_of(cast.text) and len(ballot.tracker) == 43
    assert ballot.tracker != tracker_of(again.text)
    assert set(ballot.ciphertext_digests).isdisjoint(parse_ballot(cast.election, again.text).ciphertext_digests)
    assert parse_ballot(cast.election, resigned(cast, cast.text)).ciphertext_digests == ballot.ciphertext_digests


@given(st.text(max_size=60))
def test_any_text_is_a_ballot_or_refused_as_ours(text: str) -> None:
    with pytest.raises(BeleniosError):
        parse_ballot(_CAST["Ed25519"].election, text)


@pytest.mark.parametrize("group", [ED25519, BELENIOS_2048], ids=lambda group: group.name)
def test_the_shape_of_a_ballot_tells_nothing_of_the_choice(group: Group, new_election: NewElection) -> None:
    election = new_election(group, [YES_NO, PARKS])
    credential = generate(group, secrets.token_bytes)

    def shape(choices: list[list[int]]) -> list[Path]:
        return list(leaves(json.loads(generate_ballot(election, credential, choices, secrets.token_bytes))))

    # Texts of numbers vary in length at random, as the numbers do; what is there never varies.
    shapes = [shape([yes_no, parks]) for yes_no in ([1, 0, 0], [0, 1, 0]) for parks in ([0, 0, 0], [1, 0, 1])]
    assert all(one == shapes[0] for one in shapes)
