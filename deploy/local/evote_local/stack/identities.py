"""The keys of a local stack and its staff, made fresh for each run and kept in its temporary directory."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from evote_cli.officer_key import write_officer_key
from evote_tlog.checkpoint import VerifierKey

from ..people.staff import DEPLOYMENT, Staff

OFFICER_PASSWORD = "local-stack"  # noqa: S105
"""Of all key files of the staff: nobody keeps them."""
LOG_ORIGIN = "local.tsukuba-evote.example/log"


@dataclass(frozen=True)
class Identities:
    """Files that services read, and the persons who command and read them."""

    staff: Staff = field(repr=False)
    roster_file: Path
    officer_key_files: dict[str, Path]
    """By the person's identifier, for the officers' program; each opens with ``OFFICER_PASSWORD``."""
    receipt_key_file: Path
    receipt_key: Ed25519PublicKey
    """With which anybody verifies ballot's receipts."""
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


def create_identities(directory: Path, random: Callable[[int], bytes] = secrets.token_bytes) -> Identities:
    """Write new keys into ``directory`` (mode 0700, files 0600) and return where they are."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    staff = Staff()
    auditor, code_key, log_key = X25519PrivateKey.generate(), X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    receipt_key = Ed25519PrivateKey.generate()
    auditor_public = auditor.public_key().public_bytes_raw()
    identities = Identities(
        staff=staff,
        roster_file=staff.write_roster(directory / "roster.json"),
        officer_key_files={member.identifier: directory / f"{member.identifier}.key" for member in staff.members},
        receipt_key_file=directory / "receipt-key.pem",
        receipt_key=receipt_key.public_key(),
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
    for member in staff.members:
        path = identities.officer_key_files[member.identifier]
        write_officer_key(path, DEPLOYMENT, member.identifier, member.key, OFFICER_PASSWORD)
    _write_private(identities.receipt_key_file, _pkcs8(receipt_key))
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
