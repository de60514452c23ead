from __future__ import annotations

import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import SigningKey, parse_note
from evote_tlog.cosignature import Cosigner
from evote_tlog.errors import ForkedCheckpoint, InconsistentCheckpoint, RefusedCheckpoint, SizeConflict
from evote_tlog.witness import NOTHING_SEEN, LogHead
from evote_witness.errors import FileExists, UnusableKey, UnusableState
from evote_witness.key import create_key, read_key
from evote_witness.main import open_cosigner
from evote_witness.silence import Silence
from evote_witness.state import WitnessState, create_state
from evote_witness.witness import Witness

COSIGNER = Cosigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_state(tmp_path / "state", COSIGNER.verifier.text)
    return tmp_path / "state"


def witness(path: Path, log_key: SigningKey) -> Witness:
    return Witness(
        COSIGNER, [log_key.verifier], WitnessState(path), lambda: 1_795_000_000, Silence(600, time.monotonic)
    )


def test_a_missing_state_is_refused_and_never_begun_anew(tmp_path: Path) -> None:
    with pytest.raises(UnusableState, match="make a new key"):
        WitnessState(tmp_path / "state")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("content", [b"", b"no database at all"])
def test_a_damaged_state_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(UnusableState):
        WitnessState(tmp_path / "state")


def test_a_state_serves_one_process_at_a_time(path: Path) -> None:
    first, second = WitnessState(path), WitnessState(path)
    with first.alone(), pytest.raises(UnusableState, match="stop that one first"), second.alone():
        pass
    with second.alone():
        assert second.forks() == first.forks()


def test_a_state_serves_its_own_key_only(path: Path) -> None:
    with pytest.raises(UnusableState, match="not the one in the key file"):
        open_cosigner(Ed25519PrivateKey.generate(), WitnessState(path))
    assert open_cosigner(Ed25519PrivateKey.from_private_bytes(bytes(32)), WitnessState(path)).verifier.text


def test_key_and_state_are_made_once_and_for_their_owner_only(path: Path, tmp_path: Path) -> None:
    key = create_key(tmp_path / "key")
    assert read_key(tmp_path / "key").private_bytes_raw() == key.private_bytes_raw()
    for made in (tmp_path / "key", path):
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
    with pytest.raises(FileExists):
        create_key(tmp_path / "key")
    with pytest.raises(FileExists):
        create_state(path, "other")
    with pytest.raises(UnusableKey):
        read_key(path)


def test_what_was_cosigned_is_remembered_by_the_next_process(path: Path, log_key: SigningKey, honest: Any) -> None:
    witness(path, log_key).add_checkpoint(honest.request(0, 7))
    with pytest.raises(SizeConflict) as conflict:
        witness(path, log_key).add_checkpoint(honest.request(0, 9))
    assert conflict.value.size == 7


def test_a_cosignature_changes_no_folder(path: Path, log_key: SigningKey, honest: Any) -> None:
    asked = witness(path, log_key)
    asked.add_checkpoint(honest.request(0, 7))
    before = path.parent.stat().st_mtime_ns
    asked.add_checkpoint(honest.request(7, 9))
    assert path.parent.stat().st_mtime_ns == before


def test_a_state_that_can_not_be_stored_lets_no_cosignature_leave(path: Path, log_key: SigningKey, honest: Any) -> None:
    asked = witness(path, log_key)
    asked.add_checkpoint(honest.request(0, 7))
    blocking = sqlite3.connect(path, isolation_level=None)
    blocking.execute("BEGIN")
    blocking.execute("SELECT * FROM logs").fetchall()  # a reader: the write goes through, its commit does not
    with pytest.raises(sqlite3.OperationalError):
        asked.add_checkpoint(honest.request(7, 9))
    blocking.execute("COMMIT")
    with WitnessState(path).turn(log_key.verifier.name) as turn:
        assert turn.last() == LogHead(7, honest.root(7))
    asked.add_checkpoint(honest.request(7, 9))


def test_an_error_in_a_turn_changes_nothing(path: Path) -> None:
    state = WitnessState(path)
    with pytest.raises(RuntimeError), state.turn("origin") as turn:
        turn.remember(LogHead(1, bytes(32)), "note")
        raise RuntimeError
    with state.turn("origin") as turn:
        assert turn.last() == NOTHING_SEEN


def test_a_fork_is_kept_as_evidence_once(path: Path, log_key: SigningKey, honest: Any, forked: Any) -> None:
    asked = witness(path, log_key)
    line = asked.add_checkpoint(honest.request(0, 7))
    for _ in range(2):
        with pytest.raises(ForkedCheckpoint):
            asked.add_checkpoint(forked.request(7, 7))
    with pytest.raises(InconsistentCheckpoint):
        asked.add_checkpoint(forked.request(7, 8))
    [fork] = WitnessState(path).forks()
    assert (fork.cosigned, fork.forked) == (honest.note(7) + line, forked.note(7))
    for note in (fork.cosigned, fork.forked):
        log_key.verifier.verify(parse_note(note))
    COSIGNER.verifier.verify(parse_note(fork.cosigned))


def test_every_log_has_a_state_of_its_own(path: Path, log_key: SigningKey, honest: Any, forked: Any) -> None:
    other = SigningKey("other.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    forked.key = other
    both = Witness(
        COSIGNER, [log_key.verifier, other.verifier], WitnessState(path), lambda: 1, Silence(600, time.monotonic)
    )
    both.add_checkpoint(honest.request(0, 7))
    both.add_checkpoint(forked.request(0, 3))
    both.add_checkpoint(honest.request(7, 8))
    with pytest.raises(RefusedCheckpoint):
        both.add_checkpoint(forked.request(8, 8))
