from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import SigningKey
from evote_tlog.cosignature import Cosigner
from evote_tlog.errors import RefusedCheckpoint
from evote_witness.silence import Silence
from evote_witness.state import WitnessState, create_state
from evote_witness.witness import Witness

COSIGNER = Cosigner("witness.example", Ed25519PrivateKey.generate())


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def silence(clock: Clock) -> Silence:
    return Silence(600, clock)


def test_a_silence_is_said_once_in_each_patience_and_ends_when_a_log_asks(
    silence: Silence, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for minutes in (9, 1, 1, 9):
        clock.now += minutes * 60
        silence.look()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "no log has asked for 10 minutes",
        "no log has asked for 20 minutes",
    ]
    silence.heard()
    clock.now += 599
    silence.look()
    assert len(caplog.records) == 2 and silence.minutes == 9


def test_only_a_log_of_its_own_ends_a_silence(
    silence: Silence, clock: Clock, log_key: SigningKey, honest: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    create_state(tmp_path / "state", COSIGNER.verifier.text)
    witness = Witness(COSIGNER, [log_key.verifier], WitnessState(tmp_path / "state"), lambda: 1_795_000_000, silence)
    clock.now += 300
    strangers = honest.request(0, 5).replace(b"vote.city.example", b"vote.else.example")
    for body in (b"nonsense", strangers):
        with pytest.raises(RefusedCheckpoint):
            witness.add_checkpoint(body)
        assert silence.minutes == 5
    witness.add_checkpoint(honest.request(0, 5))
    assert silence.minutes == 0
