"""Every environment variable of the service."""

from __future__ import annotations

import base64
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from evote_jpki.certificates import Purpose
from evote_platform.settings import ServiceSettings
from nacl.public import PublicKey
from pydantic import Field, HttpUrl

from .domain.credentials import MasterKey


class Environment(StrEnum):
    """What this deployment is for."""

    PRODUCTION = "production"
    TEST = "test"


class AuthSettings(ServiceSettings):
    """Settings of auth; each is read from ``EVOTE_`` and its name in capitals."""

    environment: Environment = Environment.PRODUCTION
    """``production`` refuses to start with a test authority; ``test`` is for places where nobody votes."""
    officer_token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 (hex) of the bearer token of the election officers."""
    master_key_file: Path
    """Base64 of at least 32 secret bytes, from which all private credentials are derived."""
    ca_bundle_file: Path
    """PEM certificates of the authorities whose cards are taken."""
    crl_file: Path
    """Revocation lists of the same authorities, in PEM (or one in DER); read again whenever the file changes.

    A list past its next update tells nothing, and neither does a missing one: where no responder can tell either, every
    card of its authority is refused.
    """
    ocsp_user_authentication_url: HttpUrl | None = None
    """The OCSP responder for user-authentication certificates; without it their list alone is used."""
    ocsp_digital_signature_url: HttpUrl | None = None
    """The OCSP responder for signature certificates; without it their list alone is used."""
    auditor_public_key: str
    """Base64 of the auditor's X25519 public key, to which release evidence is sealed."""
    address_requests_per_minute: Annotated[int, Field(ge=1)] = 60
    """How many challenges and releases one address may ask for, on average and at once, at this replica."""

    def master_key(self) -> MasterKey:
        """Read the master key."""
        return MasterKey(base64.b64decode(self.master_key_file.read_bytes().strip(), validate=True))

    def ocsp_urls(self) -> dict[Purpose, str]:
        """The configured responders."""
        urls = {
            Purpose.USER_AUTHENTICATION: self.ocsp_user_authentication_url,
            Purpose.DIGITAL_SIGNATURE: self.ocsp_digital_signature_url,
        }
        return {purpose: str(url) for purpose, url in urls.items() if url is not None}

    def auditor_key(self) -> PublicKey:
        """The auditor's key."""
        return PublicKey(base64.b64decode(self.auditor_public_key, validate=True))
