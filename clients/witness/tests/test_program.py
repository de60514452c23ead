"""The program itself, over HTTP: many requests at once, kill -9, and strangers."""

from __future__ import annotations

import concurrent.futures
import hashlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_local.nodes.ports import LOOPBACK
from evote_local.nodes.processes import ProcessFailed
from evote_local.stack.witnesses import LocalWitness
from evote_tlog.checkpoint import Checkpoint, SigningKey, parse_checkpoint, parse_note
from evote_tlog.cosignature import CosignerKey
from evote_tlog.policy import parse_policy
from evote_tlog.witness import MAX_REQUEST_BYTES, AddCheckpoint, format_add_checkpoint
from evote_witness import main
from evote_witness.state import Fork, create_state


@pytest.fixture
def witness(tmp_path: Path, log_key: SigningKey) -> Iterator[LocalWitness]:
    running = LocalWitness("witness", tmp_path, log_key.verifier)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def http(witness: LocalWitness) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=witness.url, timeout=30) as client:
        yield client


def ask(http: httpx.Client, body: bytes) -> httpx.Response:
    return http.post("/add-checkpoint", content=body)


def known_size(http: httpx.Client, honest: Any) -> int:
    """As the specification has it: an old size of zero is answered with the size that is known."""
    answer = ask(http, honest.request(0, 1))
    return 1 if answer.status_code == 200 else int(answer.text)


def test_a_checkpoint_comes_back_cosigned(http: httpx.Client, witness: LocalWitness, honest: Any) -> None:
    for first, second in ((0, 5), (5, 5), (5, 300)):
        answer = ask(http, honest.request(first, second))
        assert answer.status_code == 200
        assert witness.key.verify(parse_note(honest.note(second) + answer.text)) > 1_700_000_000
    shown = http.get(f"/{hashlib.sha256(b'vote.city.example/log').hexdigest()}/checkpoint")
    assert shown.text == honest.note(300) + answer.text


def test_each_refusal_has_the_status_of_the_specification(
    http: httpx.Client, honest: Any, forked: Any, log_key: SigningKey
) -> None:
    assert ask(http, honest.request(0, 20)).status_code == 200
    stranger = SigningKey(log_key.verifier.name, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    elsewhere = SigningKey("elsewhere.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    note = Checkpoint(log_key.verifier.name, 21, honest.root(21))
    refused = {
        "not a request": (b"old 20", 400),
        "old larger than new": (honest.request(21, 20), 400),
        "another key": (format_add_checkpoint(AddCheckpoint(20, (), stranger.sign(note))), 403),
        "another log": (
            format_add_checkpoint(AddCheckpoint(20, (), elsewhere.sign(Checkpoint("x", 1, b"1" * 32)))),
            404,
        ),
        "a fork of the same size": (forked.request(20, 20), 422),
        "a fork that grew": (forked.request(20, 21), 422),
        "no proof": (format_add_checkpoint(AddCheckpoint(20, (), honest.note(21))), 422),
        "endless": (b"x" * (MAX_REQUEST_BYTES + 1), 413),
    }
    assert {name: ask(http, body).status_code for name, (body, _) in refused.items()} == {
        name: status for name, (_, status) in refused.items()
    }
    conflict = ask(http, honest.request(19, 21))
    assert (conflict.status_code, conflict.text) == (409, "20\n")
    assert conflict.headers["content-type"] == "text/x.tlog.size"
    assert http.get(f"/{'0' * 64}/checkpoint").status_code == 404
    assert http.get("/add-checkpoint").status_code == 405
    assert http.get("/healthz").text.startswith("ok\nno log has asked for ")
    assert known_size(http, honest) == 20


def test_of_many_requests_at_once_one_history_is_cosigned(
    http: httpx.Client, witness: LocalWitness, honest: Any, forked: Any
) -> None:
    assert ask(http, honest.request(0, 1)).status_code == 200
    cosigned: list[Checkpoint] = []

    def race(number: int) -> None:
        history = forked if number % 3 == 0 else honest
        size = known_size(http, honest)
        body = history.request(size, min(size + number % 5, 511))
        if ask(http, body).status_code == 200:
            cosigned.append(parse_checkpoint(parse_note(body.decode().partition("\n\n")[2])))

    with concurrent.futures.ThreadPoolExecutor(12) as requests:
        list(requests.map(race, range(200)))
    assert len(cosigned) > 10
    assert all(checkpoint.root == honest.root(checkpoint.size) for checkpoint in cosigned)
    assert known_size(http, honest) == max(checkpoint.size for checkpoint in cosigned)


def test_of_two_checkpoints_from_one_size_only_one_can_win(http: httpx.Client, honest: Any) -> None:
    for size in range(0, 100, 10):
        ready = threading.Barrier(4)

        def race(larger: int, ready: threading.Barrier = ready, size: int = size) -> int:
            ready.wait()
            return ask(http, honest.request(size, larger)).status_code

        with concurrent.futures.ThreadPoolExecutor(4) as requests:
            statuses = list(requests.map(race, [size + 10, size + 9, size + 8, size + 7]))
        assert sorted(statuses) == [200, 409, 409, 409]
        while (known := known_size(http, honest)) < size + 10:
            assert ask(http, honest.request(known, size + 10)).status_code == 200


@pytest.mark.slow
def test_after_kill_9_nothing_that_was_cosigned_is_forgotten(
    http: httpx.Client, witness: LocalWitness, honest: Any, forked: Any
) -> None:
    largest = 0
    for round_ in range(6):
        stopped = threading.Event()

        def kill(stopped: threading.Event = stopped, after: float = 0.02 * round_) -> None:
            stopped.wait(after)
            witness.kill()

        killer = threading.Thread(target=kill)
        size = known_size(http, honest)
        killer.start()
        try:
            while size < 511:
                if ask(http, honest.request(size, size + 1)).status_code == 200:
                    size += 1
                    largest = size
        except httpx.TransportError:
            pass
        killer.join()
        witness.start()
        # The last request may have been stored without its answer arriving: never the other way round.
        assert known_size(http, honest) in (largest, size, size + 1)
        assert known_size(http, honest) >= largest
        if largest:
            known = known_size(http, honest)
            assert ask(http, forked.request(known, known)).status_code == 422
            assert ask(http, honest.request(known - 1, known - 1)).status_code == 409
            assert known_size(http, honest) == known
    assert largest > 0


def test_a_second_process_over_one_state_refuses_to_start(witness: LocalWitness, log_key: SigningKey) -> None:
    second = LocalWitness("second", witness.directory, log_key.verifier)
    with pytest.raises(ProcessFailed, match="another evote-witness serves with it: stop that one first"):
        second.start()


def test_the_line_for_the_citys_policy_is_one_that_a_policy_takes(
    tmp_path: Path, log_key: SigningKey, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--key", str(tmp_path / "key"), "--state", str(tmp_path / "state")]
    monkeypatch.setattr(sys, "argv", ["evote-witness", "keygen", "--name", "witness.example", *files])
    assert main.main() == 0
    printed = capsys.readouterr()
    (line,) = (line for line in printed.err.splitlines() if line.startswith("witness "))
    policy = parse_policy(f"log {log_key.verifier.text}\n{line}\nquorum witness.example\n")
    (witness,) = policy.witnesses
    assert (witness.key.text, witness.url) == (printed.out.strip(), "https://witness.example")


def test_a_stranger_who_sends_nothing_does_not_hold_up_the_log(
    http: httpx.Client, witness: LocalWitness, honest: Any
) -> None:
    silent = [socket.create_connection((LOOPBACK, witness.port)) for _ in range(20)]
    for connection in silent:
        connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1000\r\n\r\nold 0\n")
    assert ask(http, honest.request(0, 5)).status_code == 200
    for connection in silent:
        connection.close()


def test_nothing_about_who_asks_is_written_down(http: httpx.Client, witness: LocalWitness, honest: Any) -> None:
    assert ask(http, honest.request(0, 5)).status_code == 200
    assert ask(http, b"nonsense").status_code == 400
    assert LOOPBACK not in witness.log_path.read_text()
    assert LOOPBACK.encode() not in witness.state_file.read_bytes()


def test_the_evidence_of_a_fork_can_be_printed(
    http: httpx.Client, witness: LocalWitness, honest: Any, forked: Any
) -> None:
    ask(http, honest.request(0, 5))
    assert ask(http, forked.request(5, 5)).status_code == 422
    assert "FORK" in witness.log_path.read_text()
    command = [sys.executable, "-m", "evote_witness.main", "evidence", "--state", str(witness.state_file)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert honest.note(5) in printed
    assert forked.note(5) in printed


def test_a_witness_without_its_state_does_not_start(witness: LocalWitness, log_key: SigningKey) -> None:
    witness.stop()
    witness.state_file.unlink()
    command = [sys.executable, "-m", "evote_witness.main", "serve", "--log", log_key.verifier.text]
    command += ["--key", str(witness.directory / "witness.pem"), "--state", str(witness.state_file)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "make a new key" in refused.stderr


def test_what_a_log_signed_can_not_write_on_the_witness_keepers_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fork = Fork(
        "log.example\n5\nroot\n\u202eno fork\n\n— log.example sig\n", "log.example\n5\n\x9b2J\n\n— log.example sig\n"
    )
    monkeypatch.setattr(main.WitnessState, "forks", lambda self: [fork])
    create_state(tmp_path / "state", CosignerKey("w.example", Ed25519PrivateKey.generate().public_key()).text)
    monkeypatch.setattr(sys, "argv", ["evote-witness", "evidence", "--state", str(tmp_path / "state")])
    assert main.main() == 0
    said = capsys.readouterr().out
    assert "\\u{202e}no fork" in said and "\\u{9b}2J" in said and "— log.example sig" in said
    assert all(character.isprintable() or character == "\n" for character in said)


def test_a_files_name_can_not_write_on_the_witness_keepers_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evote-witness", "evidence", "--state", str(tmp_path / "a\x1b[2J\nb")])
    assert main.main() == 1
    said = capsys.readouterr().err
    assert "\\u{1b}[2J\\u{a}b" in said and "\x1b" not in said and said.count("\n") == 1
