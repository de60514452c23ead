"""The simulated trustees, with what the log shows as a stand-in: it comes a moment behind what tally has."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_cli.message import Message
from evote_local.people import trustees
from evote_local.people.trustees import LocalTrustee
from evote_officers.signing import Officer


def test_who_comes_before_the_log_has_their_last_step_waits_for_it_and_does_not_do_that_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown, sent = iter(["polynomial", "polynomial", "voutput"]), list[str]()

    def signed(*_: object) -> Message:
        return Message("AnElection1234", 1, next(shown), "text", "statement")

    monkeypatch.setattr(trustees, "sign_step", signed)
    monkeypatch.setattr(trustees, "_POLL_S", 0.0)
    monkeypatch.setattr(LocalTrustee, "_log", lambda _: None)
    monkeypatch.setattr(LocalTrustee, "_submit", lambda _, message: sent.append(message.step))
    LocalTrustee(
        1,
        tally_url="",
        log_url="",
        policy_file=tmp_path / "policy",
        auditor=Officer("test", "nobody", Ed25519PrivateKey.generate()),
        auditor_key=(tmp_path / "key", ""),
        directory=tmp_path / "own",
    ).do_step("AnElection1234", "voutput", None)
    assert sent == ["voutput"]
