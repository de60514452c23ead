"""Which records of casts are admitted: the rule, and that every reader can apply it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from evote_belenios.admission import Admissions, examine_cast
from evote_belenios.ballots import claims_of, generate_ballot, tracker_of
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Election, Question
from evote_belenios.errors import BallotError, BeleniosError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.order import LARGEST_NUMBER, sign_order
from evote_local.testbed import bytes_each
from hypothesis import given, settings
from hypothesis import strategies as st

from .recorded import Order, Recorded, Signature

NewElection = Callable[[Group, Sequence[Question]], Election]
QUESTION = Question("賛成ですか", ("はい", "いいえ"), True, 1, 1)


@dataclass
class Voter:
    election: Election
    credential: str = ""
    ballots: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.credential = generate(self.election.group, secrets.token_bytes)

    @property
    def public(self) -> str:
        return public_credential(self.credential, self.election.uuid, self.election.group)

    def ballot(self, index: int) -> str:
        """Made once for each index."""
        while len(self.ballots) <= index:
            self.ballots.append(generate_ballot(self.election, self.credential, [[0, 1, 0]], secrets.token_bytes))
        return self.ballots[index]

    def cast(self, index: int, number: int) -> Recorded:
        """The ballot of this index under this number."""
        text = self.ballot(index)
        signed = sign_order(
            self.credential, self.election.uuid, self.election.group, tracker_of(text), number, secrets.token_bytes
        )
        proof = signed.signature
        order = Order(number, Signature(str(proof.challenge), str(proof.response)))
        return Recorded(self.election.uuid, self.public, tracker_of(text), text, order)


@pytest.fixture
def voter(group: Group, new_election: NewElection) -> Voter:
    return Voter(new_election(group, [QUESTION]))


def refusal(admissions: Admissions, cast: Recorded, *, box_closed: bool = False) -> str | None:
    try:
        admissions.admit(examine_cast(cast), box_closed=box_closed)
    except BeleniosError as error:
        return error.rule
    return None


def test_growing_numbers_are_admitted_in_their_order(voter: Voter) -> None:
    admissions = Admissions()
    assert [refusal(admissions, voter.cast(n, n + 1)) for n in range(3)] == [None] * 3
    assert (len(admissions.last_numbers), admissions.last_numbers.get(voter.public)) == (1, 3)


def test_a_withheld_ballot_can_not_come_after_a_newer_one(voter: Voter) -> None:
    admissions, withheld = Admissions(), voter.cast(0, 1)
    assert refusal(admissions, voter.cast(1, 1)) is None
    assert refusal(admissions, withheld) == "order-older"
    assert refusal(admissions, voter.cast(2, LARGEST_NUMBER)) is None
    assert refusal(admissions, voter.cast(3, LARGEST_NUMBER)) == "order-older"


def test_who_was_told_that_a_newer_ballot_stands_signs_anew_over_the_same_ballot(voter: Voter) -> None:
    admissions = Admissions()
    assert refusal(admissions, voter.cast(1, 1)) is None
    assert refusal(admissions, voter.cast(0, 1)) == "order-older"
    assert refusal(admissions, voter.cast(0, 2)) is None, "a refused record takes up neither tracker nor number"


def test_the_first_position_of_a_ballot_stands_whatever_is_signed_over_it_later(voter: Voter) -> None:
    admissions = Admissions()
    assert refusal(admissions, voter.cast(0, 1)) is None
    assert refusal(admissions, voter.cast(1, 2)) is None
    assert refusal(admissions, voter.cast(0, 3)) == "order-duplicate"
    assert (len(admissions.last_numbers), admissions.last_numbers.get(voter.public)) == (1, 2)


def test_nothing_is_admitted_behind_the_close_and_nothing_refused_leaves_a_trace(voter: Voter) -> None:
    admissions = Admissions()
    assert refusal(admissions, voter.cast(0, 1), box_closed=True) == "order-after-close"
    assert (len(admissions.digests), len(admissions.last_numbers)) == (0, 0)


def test_nobody_takes_up_numbers_for_another(voter: Voter) -> None:
    admissions, thief, victim = Admissions(), Voter(voter.election), voter.cast(0, 1)
    stolen = thief.cast(0, 5)
    assert refusal(admissions, replace(victim, credential=thief.public)) == "order-ballot"
    assert refusal(admissions, replace(stolen, credential=voter.public)) == "order-ballot"
    assert refusal(admissions, replace(victim, order=stolen.order)) == "order-signature"
    assert refusal(admissions, replace(victim, order=replace(victim.order, number=2))) == "order-signature"
    assert refusal(admissions, replace(victim, election_uuid="2" * 14)) == "order-ballot"
    assert refusal(admissions, replace(victim, tracker=stolen.tracker)) == "order-tracker"
    assert refusal(admissions, victim) is None


def test_numbers_that_are_not_canonical_are_refused(voter: Voter) -> None:
    cast, order = voter.cast(0, 1), voter.election.group.order
    signature = cast.order.signature
    for changed in (
        replace(signature, challenge="0" + signature.challenge),
        replace(signature, response=str(int(signature.response) + order)),
        replace(signature, response="9" * 5000),
        replace(signature, challenge=""),
    ):
        assert refusal(Admissions(), replace(cast, order=Order(1, changed))) == "number"
    assert refusal(Admissions(), replace(cast, order=Order(0, signature))) == "order-older"


def test_a_text_that_a_database_can_not_hold_is_no_ballot(voter: Voter) -> None:
    """One reader would have it in its tables and another not."""
    text = voter.ballot(0)
    assert claims_of(text) == (voter.election.uuid, voter.public)
    for bad in (text + "\0", text.replace("answers", "answers\0"), text + "é", text[:-1] + "\n}", text[1:], "{}", ""):
        with pytest.raises(BallotError, match="ballot-canonical"):
            claims_of(bad)


@settings(max_examples=30)
@given(data=st.data())
def test_readers_of_everything_and_of_one_credential_decide_alike(
    new_election: NewElection, data: st.DataObject
) -> None:
    """As the sequencer, and as a reader that looks up what it holds about the record's credential in a database."""
    election = _election(data.draw(st.sampled_from([ED25519, BELENIOS_2048])), new_election)
    voters = [Voter(election), Voter(election)]
    records = data.draw(
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(1, 4), st.booleans()), max_size=12)
    )
    whole, admitted = Admissions(), list[Recorded]()
    for who, which, number, closed in records:
        cast = voters[who].cast(which, number)
        looked_up = Admissions()
        for earlier in admitted:
            if earlier.credential == cast.credential:
                looked_up.readmit(earlier)
        decision = refusal(whole, cast, box_closed=closed)
        assert refusal(looked_up, cast, box_closed=closed) == decision
        if decision is None:
            admitted.append(cast)
    for voter in voters:
        mine_in_order = [cast.order.number for cast in admitted if cast.credential == voter.public]
        assert mine_in_order == sorted(set(mine_in_order)), "the last in the log is the last that the voter signed"
    assert len({cast.tracker for cast in admitted}) == len(admitted)


_ELECTIONS: dict[str, Election] = {}


def _election(group: Group, new_election: NewElection) -> Election:
    if group.name not in _ELECTIONS:
        _ELECTIONS[group.name] = new_election(group, [QUESTION])
    return _ELECTIONS[group.name]


def test_an_admitted_ballot_takes_no_more_memory_than_is_said() -> None:
    """A leader of the log holds all of them; with credentials of Ed25519."""
    order = Order(1, Signature("1", "1"))

    def readmitted(size: int) -> Admissions:
        admissions = Admissions()
        for number in range(size):
            admissions.readmit(Recorded("", f"{number:064x}", "", f"{number}", order))
        assert len(admissions.digests) == size
        return admissions

    assert bytes_each(readmitted) < 120
