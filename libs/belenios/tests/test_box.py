"""What makes a ballot acceptable among others, for everyone who asks: intake, tally, verifiers, belenios-tool."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

import pytest
from evote_belenios.archive import open_archive
from evote_belenios.ballots import generate_ballot, parse_ballot, tracker_of
from evote_belenios.box import BallotBox, box_of, examine_ballot, passed_over
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Election, parse_election
from evote_belenios.errors import BeleniosError, CredentialError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.verify import verify_archive
from evote_local.testbed import bytes_each


class Booth:
    """An election with its keys, and a box; ``vote`` makes a ballot of one of its voters."""

    def __init__(self, story: Any) -> None:
        self.story = story
        self.election: Election = parse_election(story.election)
        self.box = box_of(self.election, story.credentials)

    def vote(self, voter: int, choices: list[list[int]], random: Any = secrets.token_bytes) -> str:
        return generate_ballot(self.election, self.story.private[voter], choices, random)

    def rule(self, text: str) -> str | None:
        error = passed_over(self.election, self.box, text)
        return None if error is None else error.rule


@pytest.fixture
def booth(group: Group, tell_story: Any) -> Booth:
    return Booth(tell_story(group))


def constant(count: int) -> bytes:
    """Encrypts equal choices equally."""
    return (7).to_bytes(count, "big")


def repeated(booth: Booth, voter: int) -> str:
    text = booth.vote(voter, [[0, 0, 1], [1, 1]], constant)
    digests = parse_ballot(booth.election, text).ciphertext_digests
    assert len(set(digests)) < len(digests)
    return text


def test_a_ciphertext_may_stand_twice_within_one_ballot(booth: Booth) -> None:
    assert booth.rule(repeated(booth, 0)) is None
    assert booth.box.ballots == 1


def test_a_ciphertext_of_another_ballot_is_refused_whoever_cast_it(booth: Booth) -> None:
    first, again = repeated(booth, 0), repeated(booth, 1)
    assert booth.rule(first) is None
    assert booth.rule(again) == "ballot-copied-ciphertext"
    assert booth.rule(booth.vote(1, [[0, 0, 1], [0, 0]])) is None, "what was refused leaves no trace"


def test_the_ciphertexts_of_a_ballot_that_is_not_acceptable_block_nobody(booth: Booth) -> None:
    """Or whoever sees a ballot before it is logged could have it refused by copying it into nonsense."""
    victim = booth.vote(0, [[0, 1, 0], [0, 1]])
    thief = json.loads(booth.vote(1, [[0, 1, 0], [0, 1]]))
    nonsense = json.dumps({**thief, "answers": json.loads(victim)["answers"]}, separators=(",", ":"))
    assert booth.rule(nonsense) == "ballot-hash"
    assert booth.rule(victim) is None


def test_strangers_repetitions_and_unlisted_credentials_are_refused(booth: Booth, group: Group) -> None:
    text = booth.vote(0, [[0, 1, 0], [0, 1]])
    assert booth.rule(text) is None
    assert booth.rule(text) == "ballot-duplicate"
    stranger = generate_ballot(
        booth.election, generate(group, secrets.token_bytes), [[0, 1, 0], [0, 1]], secrets.token_bytes
    )
    assert booth.rule(stranger) == "ballot-credential"
    assert booth.rule(text[:-1]) == "json"


def test_a_box_that_is_put_back_together_decides_as_the_one_it_was(booth: Booth) -> None:
    texts = [repeated(booth, 0), booth.vote(1, [[1, 0, 0], [0, 0]])]
    again = box_of(booth.election, booth.story.credentials)
    for text in texts:
        assert booth.rule(text) is None
        facts = examine_ballot(booth.election, text)
        again.restore(facts.tracker, facts.digests)
    assert (again.ballots, again.voters) == (booth.box.ballots, booth.box.voters) == (2, 4)
    for text in [*texts, repeated(booth, 2), booth.vote(2, [[0, 1, 0], [1, 0]])]:
        other = passed_over(booth.election, again, text)
        assert (None if other is None else other.rule) == booth.rule(text)


def test_a_ballot_in_the_box_keeps_its_hash_and_those_of_its_ciphertexts() -> None:
    def filled(size: int) -> BallotBox:
        box = BallotBox(ED25519)
        for number in range(size):
            digests = tuple(hashlib.sha256(f"{number}|{place}".encode()).digest() for place in range(3))
            box.restore(tracker_of(f"{number}"), digests)
        assert box.ballots == size
        return box

    assert bytes_each(filled) < 4 * 56


def test_the_list_has_each_credential_once_with_its_weight(booth: Booth, group: Group) -> None:
    box = BallotBox(group)
    box.enrol("a", 3)
    assert box.weight("a") == 3
    with pytest.raises(CredentialError, match="credential-duplicate"):
        box.enrol("a", 1)
    line = public_credential(generate(group, secrets.token_bytes), booth.election.uuid, group)
    with pytest.raises(BeleniosError):
        box_of(booth.election, [line, f"{line},2"])
    assert box_of(booth.election, [f"{line},2"]).weight(line) == 2


def test_weights_that_reach_the_groups_order_together_are_refused(group: Group) -> None:
    """Counts are found modulo q: an archive would hold with several results."""
    box = BallotBox(group)
    box.enrol("a", group.order - 1)
    with pytest.raises(CredentialError, match="credential-weight"):
        box.enrol("b", 1)


def test_an_archive_with_a_repeated_ciphertext_verifies_here_and_in_the_tool(
    tell_story: Any, write_archive: Any, belenios_tool: Any, tmp_path: Any
) -> None:
    story = tell_story(BELENIOS_2048)
    story.ballots.append(repeated(Booth(story), 3))
    story.count_again()
    path = write_archive(tmp_path / f"{json.loads(story.election)['uuid']}.bel", story.events())
    with open_archive(path) as file:
        report = verify_archive(file, processes=1, progress=lambda _done, _total: None)
    assert (report.failures, report.ballots) == ((), 5)
    belenios_tool("election", "verify", folder=tmp_path)
