"""``python -m evote_chart.public_keys --origin ORIGIN --receipt PEM --log PEM …`` prints the values' ``publicKeys``.

It reads public halves alone (``openssl pkey -pubout``): values are in the release's history.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from evote_tlog.checkpoint import VerifierKey
from evote_tlog.errors import MalformedNote


class NotThatKey(Exception):
    """A file holds no public key of the kind that is asked for. Fields: ``file``, ``kind``."""

    def __init__(self, file: Path, kind: str) -> None:
        super().__init__(f"{file}: no public key of {kind} in PEM")
        self.file = file
        self.kind = kind


def main() -> int:
    """Read each key, and print the values."""
    arguments = argparse.ArgumentParser(prog="evote_chart.public_keys", description="Public keys, as values have them.")
    arguments.add_argument("--origin", required=True, help="the log's, as in ledgerAnchor.logOrigin")
    arguments.add_argument("--receipt", required=True, type=Path)
    arguments.add_argument("--log", required=True, type=Path)
    arguments.add_argument("--voting-code", type=Path)
    asked = arguments.parse_args()
    try:
        keys = {"receipt": _base64(_ed25519(asked.receipt)), "log": VerifierKey(asked.origin, _ed25519(asked.log)).text}
        if asked.voting_code is not None:
            keys["votingCode"] = _base64(_x25519(asked.voting_code))
    except (OSError, NotThatKey, MalformedNote) as error:
        print(f"evote_chart.public_keys: {error}", file=sys.stderr)
        return 1
    print(yaml.safe_dump({"publicKeys": keys}, sort_keys=False), end="")
    return 0


def _ed25519(file: Path) -> Ed25519PublicKey:
    key = _loaded(file, "Ed25519")
    if not isinstance(key, Ed25519PublicKey):
        raise NotThatKey(file, "Ed25519")
    return key


def _x25519(file: Path) -> X25519PublicKey:
    key = _loaded(file, "X25519")
    if not isinstance(key, X25519PublicKey):
        raise NotThatKey(file, "X25519")
    return key


def _loaded(file: Path, kind: str) -> object:
    try:
        return load_pem_public_key(file.read_bytes())
    except ValueError:
        raise NotThatKey(file, kind) from None


def _base64(key: Ed25519PublicKey | X25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes_raw()).decode()


if __name__ == "__main__":
    sys.exit(main())
