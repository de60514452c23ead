"""Our questions, answered by a witness that we did not write: litewitness of filippo.io/torchwood, in Go."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from evote_ledger_anchor.store import StoredCheckpoint, checkpoint_note, range_hashes
from evote_ledger_anchor.witness_client import Outcome, WitnessClient, WitnessFailed, open_http
from evote_local.nodes.ports import LOOPBACK, free_port, is_listening
from evote_local.nodes.processes import ChildProcess
from evote_tlog.checkpoint import Checkpoint, SigningKey, parse_note
from evote_tlog.cosignature import CosignerKey
from evote_tlog.policy import PolicyWitness
from evote_tlog.proof import consistency_ranges

pytestmark = [pytest.mark.stack, pytest.mark.slow]

VERSION = "v0.9.0"
NAME = "litewitness.example"


@pytest.fixture(scope="module")
def litewitness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None or shutil.which("ssh-agent") is None:
        pytest.skip("Go or ssh-agent is not installed")
    folder = tmp_path_factory.mktemp("litewitness")
    environment = {**os.environ, "GOBIN": str(folder)}
    command = [go, "install", f"filippo.io/torchwood/cmd/litewitness@{VERSION}"]
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if built.returncode and "dial tcp" in built.stderr:
        pytest.skip("the Go module proxy is not reachable, and litewitness is not in Go's cache")
    assert built.returncode == 0, built.stderr
    return folder / "litewitness"


@pytest.fixture
def witness(litewitness: Path, tmp_path: Path, key: SigningKey) -> Iterator[PolicyWitness]:
    agent_socket, database, port = tmp_path / "agent", tmp_path / "db", free_port()
    private = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)], check=True)
    fingerprint = subprocess.run(["ssh-keygen", "-lf", str(private)], capture_output=True, text=True, check=True)
    agent = ChildProcess("ssh-agent", ["ssh-agent", "-D", "-a", str(agent_socket)], log_path=tmp_path / "agent.log")
    agent.wait_until(agent_socket.exists, timeout_s=50)
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent_socket)}
    subprocess.run(["ssh-add", "-q", str(private)], env=environment, check=True)
    command = [str(litewitness), "-name", NAME, "-db", str(database), "-ssh-agent", str(agent_socket)]
    command += ["-key", fingerprint.stdout.split()[1], "-listen", f"{LOOPBACK}:{port}"]
    process = ChildProcess("litewitness", command, log_path=tmp_path / "litewitness.log")
    try:
        process.wait_until(lambda: is_listening(port), timeout_s=50)
        with sqlite3.connect(database) as connection:  # what its witnessctl does
            empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
            connection.execute("INSERT INTO log VALUES (?, 0, ?)", (key.verifier.name, empty))
            connection.execute("INSERT INTO key VALUES (?, ?)", (key.verifier.name, key.verifier.text))
        public = load_ssh_public_key(private.with_suffix(".pub").read_bytes())
        assert isinstance(public, Ed25519PublicKey)
        yield PolicyWitness("foreign", CosignerKey(NAME, public), f"http://{LOOPBACK}:{port}")
    finally:
        process.stop()
        agent.stop()


async def test_a_witness_of_another_implementation_cosigns_our_log_and_only_one_history_of_it(
    log: Any, events: Any, witness: PolicyWitness, key: SigningKey
) -> None:
    async def prove(first: int, second: int) -> Sequence[bytes]:
        return await range_hashes(log.pool, consistency_ranges(first, second), second)

    async with open_http() as http:
        client = WitnessClient(witness, http)
        size = 0
        for growth in (1, 2, 300):
            await log.append([events.ballot(size + number) for number in range(growth)])
            size += growth
            note = await checkpoint_note(log.pool, size)
            assert note is not None
            signature = await client.cosign(StoredCheckpoint(size, note), prove)
            assert witness.key.verify(parse_note(note + signature.line)) > 0
        newcomer = WitnessClient(witness, http)  # learns from the witness where it is
        await newcomer.cosign(StoredCheckpoint(size, note), prove)
        fork = key.sign(Checkpoint(key.verifier.name, size, hashlib.sha256(b"fork").digest()))
        with pytest.raises(WitnessFailed) as failed:
            await newcomer.cosign(StoredCheckpoint(size, fork), prove)
        assert failed.value.outcome is Outcome.INCONSISTENT
