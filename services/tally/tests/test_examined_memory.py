"""What tally keeps in memory of each ballot that it has examined."""

from __future__ import annotations

import hashlib

from evote_belenios.admission import ExaminedCast
from evote_belenios.ballots import digest_of, tracker_of
from evote_belenios.box import BallotBox, BallotFacts
from evote_belenios.groups import ED25519
from evote_local.testbed import bytes_each
from evote_tally.examination import _Box, _judge
from evote_tally.store import LoggedCast, WrittenOrder, WrittenSignature

CIPHERTEXTS = 3
"""Of a question with yes, no and blank."""


def test_an_examined_ballot_leaves_hashes_and_not_objects() -> None:
    """All of it: its own hash by both rules, its credential's number, its ciphertexts, each of 32 bytes."""
    order = WrittenOrder(1, WrittenSignature("1", "1"))

    def examined(size: int) -> _Box:
        box = _Box("{}", BallotBox(ED25519))
        box.box.enrol("listed", 1)
        for number in range(size):
            tracker = tracker_of(f"{number}")
            cast = LoggedCast(number, "election", f"{number:064x}", tracker, f"{number}", order)
            digests = tuple(hashlib.sha256(f"{number}|{place}".encode()).digest() for place in range(CIPHERTEXTS))
            facts = BallotFacts("listed", tracker, digests, ())
            verdict = _judge(box, cast, ExaminedCast(cast, digest_of(tracker), None), facts)
            assert verdict.passed_over is None
        return box

    assert bytes_each(examined) < (2 + 1 + CIPHERTEXTS) * 56
