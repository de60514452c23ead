"""Keys are made as the runbook says, and are what the services and the values take."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from evote_chart.settings import CHART
from evote_tlog.checkpoint import VerifierKey

RUNBOOK = CHART.parents[2] / "docs/runbooks/kubernetes.md"


def _private(file: Path) -> Ed25519PrivateKey | X25519PrivateKey:
    key = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey | X25519PrivateKey)
    return key


def test_the_runbooks_lines_make_the_keys_and_print_their_public_halves_as_values_have_them(tmp_path: Path) -> None:
    (lines,) = re.findall(r"^### Keys$.*?^```sh$(.*?)^```$", RUNBOOK.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = ["bash", "-e", "-c", lines]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    public = yaml.safe_load(done.stdout)["publicKeys"]
    raw = {name: _private(tmp_path / f"{name}-key.pem").public_key() for name in ("receipt", "voting-code", "log")}
    assert base64.b64decode(public["receipt"]) == raw["receipt"].public_bytes_raw()
    assert base64.b64decode(public["votingCode"]) == raw["voting-code"].public_bytes_raw()
    log = VerifierKey.parse(public["log"])
    assert (log.name, log.public_bytes) == ("log.city.example/log", raw["log"].public_bytes_raw())
    for mine, others in (("face-order-key", "auth-public-key"), ("verdict-key", "biometric-public-key")):
        assert (
            load_pem_public_key((tmp_path / f"{others}.pem").read_bytes())
            == _private(tmp_path / f"{mine}.pem").public_key()
        )
    assert len(base64.b64decode((tmp_path / "master-key").read_bytes())) == 32


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--origin", "log.example/log", "--receipt", "private.pem", "--log", "public.pem"),
            "private.pem: no public key",
        ),
        (("--origin", "log.example/log", "--receipt", "public.pem", "--log", "other.pem"), "other.pem: no public key"),
        (("--origin", "a b", "--receipt", "public.pem", "--log", "public.pem"), "no white space"),
        (("--origin", "log.example/log", "--receipt", "none.pem", "--log", "public.pem"), "none.pem"),
    ],
)
def test_what_is_no_public_key_of_its_kind_is_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    for line in (
        "openssl genpkey -algorithm ED25519 -out private.pem",
        "openssl pkey -in private.pem -pubout -out public.pem",
        "openssl genpkey -algorithm X25519 -out x.pem",
        "openssl pkey -in x.pem -pubout -out other.pem",
    ):
        subprocess.run(line.split(), cwd=tmp_path, check=True, capture_output=True)
    command = [sys.executable, "-m", "evote_chart.public_keys", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
