"""Every environment variable of the service."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

from evote_platform.settings import ServiceSettings
from nacl.public import PublicKey
from pydantic import Field

from .domain.credentials import MasterKey


class AuthSettings(ServiceSettings):
    """Settings of auth; each is read from ``EVOTE_`` and its name in capitals."""

    officer_token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 (hex) of the bearer token of the election officers."""
    master_key_file: Path
    """Base64 of at least 32 secret bytes, from which all private credentials are derived."""
    ca_bundle_file: Path
    """PEM certificates of the authorities whose cards are taken."""
    crl_file: Path
    """Revocation lists of the same authorities, in PEM (or one in DER); read again whenever the file changes.

    A list past its next update refuses every card of its authority, and so does a missing one: fail closed.
    """
    auditor_public_key: str
    """Base64 of the auditor's X25519 public key, to which release evidence is sealed."""
    address_requests_per_minute: Annotated[int, Field(ge=1)] = 60
    """How many challenges and releases one address may ask for, on average and at once, at this replica."""

    def master_key(self) -> MasterKey:
        """Read the master key."""
        return MasterKey(base64.b64decode(self.master_key_file.read_bytes().strip(), validate=True))

    def auditor_key(self) -> PublicKey:
        """The auditor's key."""
        return PublicKey(base64.b64decode(self.auditor_public_key, validate=True))
