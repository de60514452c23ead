"""Whether a certificate may be relied upon now: its authority, kept as fresh as the files, and its revocation.

The policy (docs/adr/0009-revocation-policy.md): who is called revoked by any source is refused, whom no source calls
good is refused until one does, and everybody else is valid.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from evote_jpki.authorities import Authorities, Authority, RevocationStatus, load_authorities
from evote_jpki.certificates import (
    CardCertificate,
    CertificateRefused,
    CertificateRevoked,
    Purpose,
    RevocationUnknown,
)
from evote_jpki.ocsp import OcspAnswerInvalid
from evote_platform.clock import Clock
from evote_platform.health import NotReady
from evote_platform.settings import Environment

from ..metrics import NoStatus, RevocationMetrics, Source
from .ocsp import OcspClient, OcspUnreachable

_LOOK_EVERY_S = 10.0

_log = structlog.get_logger(__name__)


class ForTestsOnly(ValueError):
    """A test authority is configured in production. Field: ``subjects`` (RFC 4514)."""

    def __init__(self, subjects: list[str]) -> None:
        super().__init__(
            f"the CA bundle holds a test authority ({'; '.join(subjects)}), whose cards anyone can make:"
            " take it out, or set EVOTE_ENVIRONMENT=test where nobody votes"
        )
        self.subjects = subjects


@dataclass(frozen=True)
class CardFiles:
    """Where the authorities of the cards are that are taken, and their revocation lists."""

    ca_bundle: Path
    lists: Path


def read_authorities(files: CardFiles, environment: Environment) -> Authorities:
    """The authorities of two files.

    Raises:
        ForTestsOnly: one of them is for tests, and this is production.
        OSError, ValueError: a file can't be read, or holds something else.
    """
    authorities = load_authorities(files.ca_bundle.read_bytes(), files.lists.read_bytes())
    subjects = authorities.test_authorities()
    if subjects and environment is Environment.PRODUCTION:
        raise ForTestsOnly(subjects)
    return authorities


@dataclass
class Trust:
    """Authorities and revocation lists, read again when a file changes; a list lives for days, a replica for months."""

    files: CardFiles
    environment: Environment
    ocsp: OcspClient
    metrics: RevocationMetrics
    clock: Clock
    authorities: Authorities = field(init=False)

    def __post_init__(self) -> None:
        """Raises as :func:`read_authorities` does: a replica doesn't start without."""
        self._seen = self._versions()
        self._load()

    async def require_valid(self, certificate: CardCertificate, now: datetime) -> None:
        """Return when the certificate is valid and not revoked; may ask a responder, so check signatures before.

        Raises:
            CertificateRefused: the subclass says why; ``RevocationUnknown`` when no source can tell now.
        """
        try:
            authority = self.authorities.validate_path(certificate, now)
            await self._require_unrevoked(certificate, authority, now)
        except CertificateRefused as refused:
            refused.purpose = certificate.purpose
            raise

    async def follow(self) -> None:
        """Read changed files until cancelled. A file that can't be read leaves the lists as they are: they run out."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Read the files again if one has changed."""
        try:
            versions = self._versions()
            if versions == self._seen:
                return
            self._load()
            self._seen = versions
        except (OSError, ValueError) as error:
            _log.error("authorities-not-read", error=type(error).__name__)
        else:
            _log.info("authorities-read")

    async def check(self) -> None:
        """For ``/statusz``: raises ``NotReady`` when every card of an authority would be refused, whatever happens."""
        if all(purpose in self.ocsp.urls for purpose in Purpose):
            return
        ends = self.authorities.lists_end()
        if ends is None or ends < self.clock():
            raise NotReady("a revocation list is missing or out of date")

    async def _require_unrevoked(self, certificate: CardCertificate, authority: Authority, now: datetime) -> None:
        listed = authority.listed(certificate, now)
        self.metrics.checked(Source.CRL, listed)
        if listed is RevocationStatus.REVOKED:
            raise CertificateRevoked
        answered = await self._ask(certificate, authority, now)
        if answered is RevocationStatus.REVOKED:
            raise CertificateRevoked
        if RevocationStatus.GOOD not in (listed, answered):
            raise RevocationUnknown

    async def _ask(self, certificate: CardCertificate, authority: Authority, now: datetime) -> RevocationStatus:
        if certificate.purpose not in self.ocsp.urls:
            return RevocationStatus.UNKNOWN
        outcome: RevocationStatus | NoStatus
        try:
            outcome = status = await self.ocsp.status(certificate, authority, now)
        except (OcspUnreachable, OcspAnswerInvalid) as error:
            status = RevocationStatus.UNKNOWN
            outcome = NoStatus.UNREACHABLE if isinstance(error, OcspUnreachable) else NoStatus.INVALID
            _log.warning("ocsp-failed", outcome=outcome.value, reason=str(error), purpose=certificate.purpose.name)
        self.metrics.checked(Source.OCSP, outcome)
        return status

    def _load(self) -> None:
        self.authorities = read_authorities(self.files, self.environment)
        self.metrics.lists_end(self.authorities.lists_end())

    def _versions(self) -> list[tuple[int, int]]:
        return [(file.stat().st_mtime_ns, file.stat().st_ino) for file in (self.files.ca_bundle, self.files.lists)]
