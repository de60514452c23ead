"""Who built an image, of what: a signature that other programs read, and that holds for that image alone."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from evote_biometric.engine.weights import WEIGHTS
from evote_images.oci import Start, pack_folders, write_image
from evote_images.parts import PARTS, ROOT
from evote_images.provenance import (
    NotProven,
    PrivateKey,
    UnusableKey,
    changed,
    digest_of,
    read_key,
    signed,
    statement_of,
    verify,
)

KEYS: dict[str, PrivateKey] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "p256": ec.generate_private_key(ec.SECP256R1()),
}
DIGEST = "sha256:" + "ab" * 32
COSIGN = ROOT / ".tools/cosign"


ROOT_OF_DEBIAN = ROOT / "uv.lock"
"""Some file: what the statement has of a root is its digest."""


def pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest, tmp_path: Path) -> PrivateKey:
    (tmp_path / "key.pem").write_bytes(pem(KEYS[request.param]))
    return read_key(tmp_path / "key.pem")


def test_what_was_signed_names_image_commit_and_lock_files_and_no_time(key: PrivateKey) -> None:
    statement = verify(
        signed(statement_of(PARTS["tools"], DIGEST, "r.example/evote", ROOT_OF_DEBIAN), key), key.public_key(), DIGEST
    )
    assert statement == statement_of(PARTS["tools"], DIGEST, "r.example/evote", ROOT_OF_DEBIAN)
    assert statement["subject"] == [{"name": "r.example/evote/tools", "digest": {"sha256": "ab" * 32}}]
    commit, *locks = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert len(commit["digest"]["gitCommit"]) == 40
    assert {lock["uri"] for lock in locks} >= {"file:uv.lock", "file:web/package-lock.json"}
    own = {lock["uri"]: lock["digest"]["sha256"] for lock in locks}
    assert own["urn:tsukuba-evote:root:mmdebstrap"] == hashlib.sha256(ROOT_OF_DEBIAN.read_bytes()).hexdigest()


def test_the_models_of_faces_are_what_the_image_is_made_of() -> None:
    weights = {weight.name: weight.sha256 for weight in WEIGHTS}
    for name, expected in {"biometric": weights, "auth": {}}.items():
        statement = statement_of(PARTS[name], DIGEST, "r", ROOT_OF_DEBIAN)
        made_of = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        prefix = "file:weights/"
        assert expected == {
            one["uri"].removeprefix(prefix): one["digest"]["sha256"] for one in made_of if one["uri"].startswith(prefix)
        }


@pytest.mark.parametrize(
    "name, in_no_commit",
    [
        ("services/ballot/evote_ballot/main.py", True),
        ("services/ballot/evote_ballot/new.py", True),
        ("web/board/new.ts", True),
        ("services/ballot/evote_ballot/load-out/ignored.py", True),
        ("services/ballot/evote_ballot/__pycache__/main.cpython-311.pyc", False),
        ("web/node_modules/x/index.js", False),
        ("load-out/figures.json", False),
    ],
)
def test_a_file_that_no_commit_has_is_told_where_an_image_would_hold_it(
    name: str, in_no_commit: bool, tmp_path: Path
) -> None:
    committed = tmp_path / "services/ballot/evote_ballot/main.py"
    committed.parent.mkdir(parents=True)
    committed.write_text("1")
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text() + "node_modules/\n")
    git = ("git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@x.example")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "x")):
        subprocess.run([*git, *words], check=True)
    assert not changed(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("2")
    assert changed(tmp_path) is in_no_commit


def test_openssl_verifies_the_same_signature(key: PrivateKey, tmp_path: Path) -> None:
    """A program that we did not write, over DSSE's encoding made by hand."""
    envelope = json.loads(signed(statement_of(PARTS["auth"], DIGEST, "r", ROOT_OF_DEBIAN), key))["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = "application/vnd.in-toto+json"
    (tmp_path / "message").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload)
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    digest = [] if isinstance(key, ed25519.Ed25519PrivateKey) else ["-digest", "sha256"]
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", *digest]
    command += ["-in", "message", "-sigfile", "signature"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _other_image(envelope: dict[str, Any]) -> None:
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["subject"][0]["digest"]["sha256"] = "cd" * 32
    envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()


def _other_kind(envelope: dict[str, Any]) -> None:
    envelope["payloadType"] = "application/json"


def _nobody(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = []


def cosign(folder: Path, key: PrivateKey, bundle: str, digest: str) -> subprocess.CompletedProcess[str]:
    """By cosign, which gets no answer from anybody."""
    (folder / "builder.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (folder / "provenance.json").write_text(bundle)
    command = [str(COSIGN), "verify-blob-attestation", "--bundle", "provenance.json", "--key", "builder.pem"]
    command += ["--type", "slsaprovenance1", "--insecure-ignore-tlog"]
    command += ["--digest", digest.removeprefix("sha256:"), "--digestAlg", "sha256"]
    nobody = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=nobody, capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.skipif(not COSIGN.exists(), reason="make cosign builds cosign")
def test_cosign_verifies_what_was_signed_and_neither_another_key_nor_image_nor_text(
    key: PrivateKey, tmp_path: Path
) -> None:
    bundle = signed(statement_of(PARTS["auth"], DIGEST, "r", ROOT_OF_DEBIAN), key)
    assert "Verified OK" in cosign(tmp_path, key, bundle, DIGEST).stderr
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert cosign(tmp_path, stranger, bundle, DIGEST).returncode == 1
    assert cosign(tmp_path, key, bundle, "sha256:" + "cd" * 32).returncode == 1
    for change in (_other_image, _other_kind, _nobody):
        changed = json.loads(bundle)
        change(changed["dsseEnvelope"])
        assert cosign(tmp_path, key, json.dumps(changed), "sha256:" + "cd" * 32).returncode == 1
        assert cosign(tmp_path, key, json.dumps(changed), DIGEST).returncode == 1


@pytest.mark.parametrize("change", [_other_image, _other_kind, _nobody])
def test_a_changed_envelope_proves_nothing(key: PrivateKey, change: Any) -> None:
    bundle = json.loads(signed(statement_of(PARTS["auth"], DIGEST, "r", ROOT_OF_DEBIAN), key))
    change(bundle["dsseEnvelope"])
    with pytest.raises(NotProven, match="did not sign"):
        verify(json.dumps(bundle), key.public_key(), "sha256:" + "cd" * 32)


def test_neither_another_key_nor_another_image_is_taken() -> None:
    mine, other = KEYS["ed25519"], ed25519.Ed25519PrivateKey.generate()
    envelope = signed(statement_of(PARTS["auth"], DIGEST, "r", ROOT_OF_DEBIAN), mine)
    with pytest.raises(NotProven, match="did not sign"):
        verify(envelope, other.public_key(), DIGEST)
    with pytest.raises(NotProven, match="another image"):
        verify(envelope, mine.public_key(), "sha256:" + "cd" * 32)
    with pytest.raises(NotProven, match="no bundle with a DSSE envelope"):
        verify("{}", mine.public_key(), DIGEST)


def test_a_key_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    place = tmp_path / "key.pem"
    place.write_bytes(pem(ec.generate_private_key(ec.SECP384R1())))
    with pytest.raises(UnusableKey, match=r"key\.pem: the key has to be Ed25519, or of the curve P-256"):
        read_key(place)
    with pytest.raises(UnusableKey, match="holds no private key"):
        read_key(tmp_path / "missing.pem")


def test_an_operator_checks_an_archive_with_one_command(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/run").write_text("x")
    layer = pack_folders({"app": tmp_path / "app"}, tmp_path / "layer")
    image = tmp_path / "auth.tar"
    digest = write_image(image, "r/auth:1", (layer,), Start(["/app/run"]), {})
    assert digest_of(image) == digest
    key = KEYS["ed25519"]
    (tmp_path / "auth.provenance.json").write_text(
        signed(statement_of(PARTS["auth"], digest, "r", ROOT_OF_DEBIAN), key)
    )
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "builder.pem").write_bytes(public)
    command = [sys.executable, "-m", "evote_images.provenance", "builder.pem", "auth.provenance.json", "auth.tar"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert digest in done.stdout and "built of" in done.stdout
    image.write_bytes(b"")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "evote_images.provenance:" in done.stderr
