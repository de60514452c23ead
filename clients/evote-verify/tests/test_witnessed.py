"""What witnesses saw of a log, for programs that act on it: all of that is read and checked, and nothing beyond."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, parse_note
from evote_tlog.cosignature import Cosigner
from evote_tlog.policy import Policy, parse_policy
from evote_verify.findings import Unusable
from evote_verify.reading.checkpoints import LogBroken
from evote_verify.reading.sources import FolderSource
from evote_verify.reading.witnessed import NotWitnessed, WitnessedLog, read_witnessed

WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))))


@pytest.fixture
def policy(log_key) -> Policy:
    text = f"log {log_key.verifier.text}\nwitness w1 {WITNESS.verifier.text}\nquorum w1\n"
    return parse_policy(text)


@pytest.fixture
def cosigned(log_key, make) -> Callable[..., bytes]:
    def note(records: list[bytes], size: int, by: Cosigner = WITNESS) -> bytes:
        text = log_key.sign(Checkpoint(make.origin, size, make.root_at(records, size)))
        return (text + by.cosign(parse_note(text), int(time.time())).line).encode()

    return note


@pytest.fixture
def saved(evote_verify, log, tmp_path) -> Callable[[bytes | None], Path]:
    """A folder that the auditor's program saved of the log, with this cosigned checkpoint."""

    def save(note: bytes | None) -> Path:
        if note is not None:
            log.files["checkpoint/witnessed"] = note
        assert evote_verify("--log", log.url, "--save", tmp_path / "saved").status == 0
        return tmp_path / "saved"

    return save


def read(folder: Path, policy: Policy) -> WitnessedLog:
    return read_witnessed(FolderSource(folder), policy, lambda done, total: None)


def test_a_saved_log_counts_as_far_as_witnesses_saw_it(saved, held, policy, cosigned) -> None:
    size = held.index_of("ElectionOpened")
    seen = read(saved(cosigned(held.records, size)), policy)
    assert (seen.checkpoint.size, seen.tree.size) == (size, len(held.records))
    election = seen.elections.by_uuid[held.uuid]
    assert election.confirmations and election.opened is None


def test_witnesses_who_saw_another_log_are_not_passed_over(saved, held, other_held, policy, cosigned) -> None:
    with pytest.raises(LogBroken, match="the witnesses saw another log"):
        read(saved(cosigned(other_held.records, 5)), policy)


def test_a_stranger_s_cosignature_is_none(saved, held, policy, cosigned) -> None:
    stranger = Cosigner("witness.example/w2", Ed25519PrivateKey.generate())
    with pytest.raises(NotWitnessed, match="w1"):
        read(saved(cosigned(held.records, 5, stranger)), policy)


def test_a_log_that_no_witness_saw_is_refused(saved, policy) -> None:
    with pytest.raises(NotWitnessed, match="no cosigned checkpoint"):
        read(saved(None), policy)


@pytest.mark.parametrize("changes", [{"quorum": "none"}, {"logs": ()}])
def test_a_policy_must_name_one_log_and_ask_for_witnesses(saved, held, policy, cosigned, changes) -> None:
    with pytest.raises(Unusable, match="one log"):
        read(saved(cosigned(held.records, 5)), replace(policy, **changes))


def test_a_policy_of_two_logs_is_refused(saved, held, policy, cosigned) -> None:
    with pytest.raises(Unusable, match="one log"):
        read(saved(cosigned(held.records, 5)), replace(policy, logs=policy.logs * 2))
