"""Our files, read by an implementation that we did not write: filippo.io/torchwood, in Go."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, SigningKey, parse_note
from evote_tlog.cosignature import Cosigner
from evote_tlog.merkle import Frontier, leaf_hash, node_hash
from evote_tlog.offline import OfflineProof, format_proof
from evote_tlog.policy import Group, Policy, PolicyLog, PolicyWitness, format_policy

pytestmark = pytest.mark.slow

LOG = SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESSES = [Cosigner(f"w{at}.example", Ed25519PrivateKey.from_private_bytes(bytes([at]) * 32)) for at in range(3)]
POLICY = Policy(
    (PolicyLog(LOG.verifier, "https://vote.city.example/log"),),
    tuple(PolicyWitness(f"w{at}", witness.verifier) for at, witness in enumerate(WITNESSES)),
    (Group("two", 2, ("w0", "w1", "w2")),),
    "two",
)
LEAVES = [leaf_hash(b"ballot"), leaf_hash(b"another")]


@pytest.fixture(scope="module")
def torchwood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    program = tmp_path_factory.mktemp("torchwood") / "torchwood"
    source = Path(__file__).parent / "torchwood"
    built = subprocess.run([go, "build", "-o", program, "."], cwd=source, capture_output=True, text=True, check=False)
    if built.returncode and "dial tcp" in built.stderr:
        pytest.skip("the Go module proxy is not reachable, and filippo.io/torchwood is not in Go's cache")
    assert built.returncode == 0, built.stderr
    return program


def judged(program: Path, folder: Path, cosigning: list[Cosigner], leaf: bytes) -> bool:
    frontier = Frontier(0, [])
    for given in LEAVES:
        frontier.append(given)
    assert frontier.root() == node_hash(*LEAVES)
    note = LOG.sign(Checkpoint(LOG.verifier.name, frontier.size, frontier.root()))
    note += "".join(witness.cosign(parse_note(note), 1_795_000_000).line for witness in cosigning)
    (folder / "policy").write_text(format_policy(POLICY))
    (folder / "proof").write_text(format_proof(OfflineProof(0, (LEAVES[1],), note, b"context")))
    command = [str(program), "verify", str(folder / "policy"), str(folder / "proof"), leaf.hex()]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_torchwood_takes_our_proof_under_our_policy(torchwood: Path, tmp_path: Path) -> None:
    assert judged(torchwood, tmp_path, WITNESSES[1:], LEAVES[0])
    assert judged(torchwood, tmp_path, WITNESSES, LEAVES[0])


def test_torchwood_refuses_what_we_refuse(torchwood: Path, tmp_path: Path) -> None:
    stranger = Cosigner("w2.example", Ed25519PrivateKey.generate())
    assert not judged(torchwood, tmp_path, WITNESSES[:1], LEAVES[0])
    assert not judged(torchwood, tmp_path, [WITNESSES[0], stranger], LEAVES[0])
    assert not judged(torchwood, tmp_path, WITNESSES, LEAVES[1])
