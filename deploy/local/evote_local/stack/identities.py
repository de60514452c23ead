"""The keys and tokens of a local stack, made fresh for each run and kept in its temporary directory."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from evote_tlog.checkpoint import VerifierKey

LOG_ORIGIN = "local.tsukuba-evote.example/log"


@dataclass(frozen=True)
class Identities:
    """Files that services read, and the tokens that the driver presents as an officer and as an auditor of record."""

    officer_token: str = field(repr=False)
    auditor_token: str = field(repr=False)
    receipt_key_file: Path
    log_key_file: Path
    log_key: VerifierKey
    """With which anybody verifies the log's checkpoints."""
    master_key_file: Path
    auditor_key_file: Path
    face_order_key_file: Path
    face_order_public_key_file: Path
    face_verdict_key_file: Path
    face_verdict_public_key_file: Path
    voting_code_key_file: Path
    voting_code_key: X25519PublicKey
    """auth's, to which devices seal typed voting codes."""
    template_master_key_file: Path
    auditor_public_key: str
    """Base64 of the auditor's X25519 public key, to which auth seals release evidence."""

    @property
    def officer_token_sha256(self) -> str:
        return hashlib.sha256(self.officer_token.encode()).hexdigest()

    @property
    def auditor_token_sha256(self) -> str:
        return hashlib.sha256(self.auditor_token.encode()).hexdigest()


def create_identities(directory: Path, random: Callable[[int], bytes] = secrets.token_bytes) -> Identities:
    """Write new keys into ``directory`` (mode 0700, files 0600) and return where they are."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    auditor, code_key, log_key = X25519PrivateKey.generate(), X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    auditor_public = auditor.public_key().public_bytes_raw()
    identities = Identities(
        officer_token=base64.urlsafe_b64encode(random(32)).decode().rstrip("="),
        auditor_token=base64.urlsafe_b64encode(random(32)).decode().rstrip("="),
        receipt_key_file=directory / "receipt-key.pem",
        log_key_file=directory / "log-key.pem",
        log_key=VerifierKey(LOG_ORIGIN, log_key.public_key()),
        master_key_file=directory / "credential-master-key",
        auditor_key_file=directory / "auditor-key",
        face_order_key_file=directory / "face-order-key.pem",
        face_order_public_key_file=directory / "face-order-key.pub.pem",
        face_verdict_key_file=directory / "face-verdict-key.pem",
        face_verdict_public_key_file=directory / "face-verdict-key.pub.pem",
        voting_code_key_file=directory / "voting-code-key.pem",
        voting_code_key=code_key.public_key(),
        template_master_key_file=directory / "template-master-key",
        auditor_public_key=base64.b64encode(auditor_public).decode(),
    )
    _write_private(identities.receipt_key_file, _pkcs8(Ed25519PrivateKey.generate()))
    _write_private(identities.log_key_file, _pkcs8(log_key))
    _write_private(identities.voting_code_key_file, _pkcs8(code_key))
    for path, public in (
        (identities.face_order_key_file, identities.face_order_public_key_file),
        (identities.face_verdict_key_file, identities.face_verdict_public_key_file),
    ):
        key = Ed25519PrivateKey.generate()
        _write_private(path, _pkcs8(key))
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    for path in (identities.master_key_file, identities.template_master_key_file):
        _write_private(path, base64.b64encode(random(32)))
    _write_private(identities.auditor_key_file, base64.b64encode(auditor.private_bytes_raw()))
    return identities


def _pkcs8(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)
