from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, Note, SigningKey, parse_checkpoint, parse_note
from evote_tlog.errors import (
    ForkedCheckpoint,
    InconsistentCheckpoint,
    MalformedNote,
    MalformedRequest,
    RefusedCheckpoint,
    SizeConflict,
    UnknownLog,
    UntrustedCheckpoint,
)
from evote_tlog.merkle import EMPTY_ROOT, leaf_hash
from evote_tlog.proof import make_consistency_proof, tree_head
from evote_tlog.witness import (
    MAX_PROOF_LINES,
    MAX_REQUEST_BYTES,
    NOTHING_SEEN,
    AddCheckpoint,
    LogHead,
    advance,
    format_add_checkpoint,
    identify,
    parse_add_checkpoint,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

ORIGIN = "vote.city.example/log"
KEY = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NEXT_KEY = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
STRANGER = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
LOGS = {ORIGIN: [KEY.verifier]}
SIZES = 40


class Branch:
    """A log as its operator may show it: the leaves up to ``fork`` are the honest ones, then others come."""

    def __init__(self, fork: int, name: str) -> None:
        self.leaves = [leaf_hash(f"{'' if index < fork else name}{index}".encode()) for index in range(SIZES)]

    def subtree(self, height: int, index: int) -> bytes:
        if height == 0:
            return self.leaves[index]
        left, right = self.subtree(height - 1, 2 * index), self.subtree(height - 1, 2 * index + 1)
        return hashlib.sha256(b"\x01" + left + right).digest()

    def root(self, size: int) -> bytes:
        return tree_head(self, size) if size else EMPTY_ROOT

    def proof(self, first: int, second: int) -> tuple[bytes, ...]:
        return tuple(make_consistency_proof(self, first, second)) if 0 < first <= second else ()

    def note(self, size: int) -> str:
        return KEY.sign(Checkpoint(ORIGIN, size, self.root(size)))

    def request(self, first: int, second: int) -> AddCheckpoint:
        return AddCheckpoint(first, self.proof(first, second), self.note(second))


HONEST = Branch(SIZES, "")
FORKS = [Branch(fork, "fork") for fork in (0, 1, 8, 13)]


def answer(last: LogHead, request: AddCheckpoint) -> LogHead:
    return advance(last, request, identify(parse_note(request.note), LOGS))


def head(size: int) -> LogHead:
    return LogHead(size, HONEST.root(size))


@given(st.integers(0, SIZES), st.integers(0, SIZES))
def test_a_checkpoint_that_continues_the_last_is_cosigned(first: int, second: int) -> None:
    first, second = min(first, second), max(first, second)
    assert answer(head(first), HONEST.request(first, second)) == head(second)


@given(st.integers(1, SIZES), st.integers(1, SIZES), st.sampled_from(FORKS))
def test_a_fork_is_refused_whatever_its_proof(first: int, second: int, fork: Branch) -> None:
    first, second = min(first, second), max(first, second)
    if fork.root(first) == HONEST.root(first):
        return
    for proof in (fork.proof(first, second), HONEST.proof(first, second), ()):
        with pytest.raises(InconsistentCheckpoint):
            answer(head(first), AddCheckpoint(first, proof, fork.note(second)))


def test_two_roots_of_one_size_are_told_apart_from_a_bad_proof() -> None:
    with pytest.raises(ForkedCheckpoint):
        answer(head(20), FORKS[0].request(20, 20))
    with pytest.raises(InconsistentCheckpoint) as refused:
        answer(head(20), FORKS[0].request(20, 21))
    assert not isinstance(refused.value, ForkedCheckpoint)


@given(st.integers(0, SIZES), st.integers(0, SIZES), st.integers(0, SIZES))
def test_a_request_from_another_size_is_told_the_witnesss_own(last: int, first: int, second: int) -> None:
    if first > second:
        with pytest.raises(MalformedRequest):
            answer(head(last), HONEST.request(first, second))
    elif first != last:
        with pytest.raises(SizeConflict) as conflict:
            answer(head(last), HONEST.request(first, second))
        assert conflict.value.size == last


def test_a_proof_from_nothing_is_empty_and_a_log_of_nothing_has_one_root() -> None:
    with pytest.raises(InconsistentCheckpoint):
        answer(NOTHING_SEEN, AddCheckpoint(0, (bytes(32),), HONEST.note(3)))
    with pytest.raises(InconsistentCheckpoint, match="empty tree"):
        answer(NOTHING_SEEN, AddCheckpoint(0, (), KEY.sign(Checkpoint(ORIGIN, 0, bytes(32)))))
    assert answer(NOTHING_SEEN, HONEST.request(0, 0)) == NOTHING_SEEN


def test_only_a_key_of_the_origin_can_ask() -> None:
    checkpoint = Checkpoint(ORIGIN, 1, HONEST.root(1))
    signed, strange = parse_note(KEY.sign(checkpoint)), parse_note(STRANGER.sign(checkpoint))
    assert identify(signed, LOGS) == checkpoint
    with pytest.raises(UnknownLog):
        identify(signed, {"other.example/log": [KEY.verifier]})
    with pytest.raises(UntrustedCheckpoint, match="no signature"):
        identify(strange, LOGS)
    assert identify(Note(signed.text, (*strange.signatures, *signed.signatures)), LOGS) == checkpoint
    other = parse_note(KEY.sign(Checkpoint(ORIGIN, 2, HONEST.root(2))))
    with pytest.raises(UntrustedCheckpoint, match="does not hold"):
        identify(Note(signed.text, (*signed.signatures, *other.signatures)), LOGS)
    with pytest.raises(MalformedNote):
        identify(Note("no checkpoint\n", signed.signatures), LOGS)


def test_a_log_that_changes_its_key_is_known_by_either() -> None:
    both = {ORIGIN: [KEY.verifier, NEXT_KEY.verifier]}
    checkpoint = Checkpoint(ORIGIN, 1, HONEST.root(1))
    for key in (KEY, NEXT_KEY):
        assert identify(parse_note(key.sign(checkpoint)), both) == checkpoint


@given(
    old=st.integers(0, 2**63 - 1),
    proof=st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_PROOF_LINES).map(tuple),
    size=st.integers(0, SIZES),
)
def test_a_request_survives_its_text(old: int, proof: tuple[bytes, ...], size: int) -> None:
    request = AddCheckpoint(old, proof, HONEST.note(size))
    assert parse_add_checkpoint(format_add_checkpoint(request)) == request


def test_the_longest_request_fits() -> None:
    filler = STRANGER.sign(Checkpoint("x", 0, bytes(32))).rpartition("\n\n")[2]
    note = HONEST.note(1) + filler * 63
    request = AddCheckpoint(2**63 - 1, (bytes(32),) * MAX_PROOF_LINES, note)
    assert parse_add_checkpoint(format_add_checkpoint(request)) == request


NOTE = HONEST.note(3)
HASH = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.mark.parametrize(
    "body",
    [
        "", "old 1", "old 1\n", f"old 1\n{NOTE}", f"\n\n{NOTE}", f"old\n\n{NOTE}", f"old 01\n\n{NOTE}",
        f"old -1\n\n{NOTE}",
        f"old {2**63}\n\n{NOTE}", f"old  1\n\n{NOTE}", f"old 1\r\n\n{NOTE}", f"old 1\n{HASH}A\n\n{NOTE}",
        f"old 1\nAAAA\n\n{NOTE}",
        f"old 1\n\n\n{NOTE}", "old 1\n\nno note\n", "old 1\n\n", f"old 1\n{HASH}\n" * 2 + f"\n{NOTE}",
        "old 1\n" + f"{HASH}\n" * 64 + f"\n{NOTE}", "old 1\n\n" + "x" * MAX_REQUEST_BYTES, f"old 1\n\n{NOTE}trailing",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(body: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_add_checkpoint(body.encode())


@given(st.binary(max_size=300))
def test_whatever_a_stranger_sends_is_a_malformed_request(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_add_checkpoint(body)


branches = st.sampled_from([HONEST, *FORKS])
sizes = st.integers(0, SIZES)


class WitnessUnderAttack(RuleBasedStateMachine):
    """A log operator with several histories asks whatever it likes; the witness must vouch for one of them only."""

    def __init__(self) -> None:
        super().__init__()
        self.last = NOTHING_SEEN
        self.cosigned: list[Checkpoint] = []

    def ask(self, request: AddCheckpoint) -> None:
        try:
            self.last = answer(self.last, request)
        except RefusedCheckpoint:
            return
        self.cosigned.append(parse_checkpoint(parse_note(request.note)))

    @rule(branch=branches, first=sizes, second=sizes)
    def grow_or_roll_back(self, branch: Branch, first: int, second: int) -> None:
        self.ask(branch.request(first, second))

    @rule(branch=branches, second=sizes)
    def continue_from_what_the_witness_says(self, branch: Branch, second: int) -> None:
        self.ask(branch.request(self.last.size, second))

    @rule(shown=branches, proven=branches, first=sizes, second=sizes)
    def use_the_proof_of_another_history(self, shown: Branch, proven: Branch, first: int, second: int) -> None:
        self.ask(AddCheckpoint(self.last.size, proven.proof(first, second), shown.note(second)))

    @invariant()
    def what_is_cosigned_is_one_history_that_only_grows(self) -> None:
        sizes_seen = [checkpoint.size for checkpoint in self.cosigned]
        assert sizes_seen == sorted(sizes_seen)
        assert any(
            all(branch.root(checkpoint.size) == checkpoint.root for checkpoint in self.cosigned)
            for branch in (HONEST, *FORKS)
        )


TestWitnessUnderAttack = pytest.mark.slow(WitnessUnderAttack.TestCase)
