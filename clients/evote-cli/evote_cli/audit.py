"""What the auditor of record checks: that each credential that voted was released to a person who signed for it.

auth derives the private credentials, so it could vote itself. What it can't do is sign as a person: every release
has to leave the signature of a card, sealed to the auditor, under a hash in the event log (design: release evidence).
No network here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from evote_belenios.archive import ArchiveReader, CastBallot, Setup
from evote_belenios.ballots import parse_ballot
from evote_belenios.election import Election, parse_election
from evote_belenios.verify import verify_archive
from evote_jpki.authorities import Authorities
from evote_jpki.certificates import (
    BadSignature,
    BasicAttributes,
    CardCertificate,
    CertificateRefused,
    Purpose,
    parse_certificate,
)
from evote_jpki.release_texts import MalformedText, parse_release_texts
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from .errors import ArchiveRejected, ReleasesUnreadable


class Fault(StrEnum):
    """What can be wrong with a release or with a credential that voted."""

    NO_EVIDENCE = "証拠のない資格情報の交付"
    NOT_THE_LOGGED_EVIDENCE = "証拠が記録されたハッシュと一致しない"
    EVIDENCE_TWICE = "同じ証拠が二つの交付に使われている"
    SEALED_TO_ANOTHER = "監査人の鍵で開けない証拠"
    EVIDENCE_MALFORMED = "証拠の形式が正しくない"
    OTHER_ELECTION = "別の選挙の証拠"
    CERTIFICATE_REFUSED = "証明書が有効でない"
    SIGNATURE_WRONG = "署名が正しくない"
    TWO_PERSONS = "一つの資格情報が二人に交付されている"
    TWO_CREDENTIALS = "一人に二つの資格情報が交付されている"
    VOTED_UNRELEASED = "交付の証拠がない資格情報で投票されている"


@dataclass(frozen=True)
class Finding:
    """One fault, and where: a release's position in the log, or a public credential."""

    fault: Fault
    where: str

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.where}"


@dataclass(frozen=True)
class AuditReport:
    """How many there were, and what is wrong."""

    releases: int
    evidenced: int
    """Public credentials with at least one valid, evidenced release."""
    voted: int
    """Public credentials that signed a ballot of the archive."""
    findings: list[Finding]


@dataclass(frozen=True)
class LoggedRelease:
    """A CredentialReleased event, and the evidence that auth holds for it."""

    where: str
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


@dataclass(frozen=True)
class _Evidence:
    credential: str
    person: BasicAttributes = field(repr=False)


class _Faulty(Exception):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def read_releases(path: Path) -> Iterator[LoggedRelease]:
    """Read what ``fetch`` saved.

    Raises:
        ReleasesUnreadable: it isn't such a file, or the download stopped before its end.
    """
    count, complete = 0, False
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if complete:
                    raise ReleasesUnreadable(path, "終わりの行の後に続きがあります")
                if "releases" in entry:
                    complete = entry["releases"] == count
                    continue
                count += 1
                sealed = entry["sealed"]
                yield LoggedRelease(
                    f"{entry['partition']}:{entry['offset']}",
                    entry["evidence_sha256"],
                    None if sealed is None else base64.b64decode(sealed, validate=True),
                )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleasesUnreadable(path, type(error).__name__) from error
    if not complete:
        raise ReleasesUnreadable(path, "途中で切れています。もう一度取得してください")


def credentials_that_voted(
    archive: Path, *, processes: int, progress: Callable[[int, int], None]
) -> tuple[Election, set[str]]:
    """Verify the archive and return its election and every public credential that signed a ballot.

    Raises:
        ArchiveRejected: it doesn't verify, so that nothing in it can be relied upon.
    """
    report = verify_archive(archive, processes=processes, progress=progress)
    if report.failures:
        raise ArchiveRejected([str(failure) for failure in report.failures])
    election: Election | None = None
    voted = set()
    with ArchiveReader(archive) as events:
        for event in events:
            if isinstance(event.content, Setup):
                election = parse_election(event.content.election)
            elif isinstance(event.content, CastBallot) and election is not None:
                voted.add(parse_ballot(election, event.content.text).credential)
    if election is None:
        raise ArchiveRejected(["選挙の設定がありません"])
    return election, voted


def audit_releases(
    election_uuid: str,
    voted: set[str],
    releases: Iterable[LoggedRelease],
    key: PrivateKey,
    authorities: Authorities,
) -> AuditReport:
    """Reconcile the credentials that voted with the evidenced releases.

    Args:
        voted: see :func:`credentials_that_voted`.
        key: the auditor's, to which evidence is sealed.
        authorities: those whose cards were taken; their revocation lists play no part here.
    """
    findings, seen, count = [], set(), 0
    person_of: dict[str, BasicAttributes] = {}
    credential_of: dict[BasicAttributes, str] = {}
    for release in releases:
        count += 1
        try:
            if release.evidence_sha256 in seen:
                raise _Faulty(Fault.EVIDENCE_TWICE)
            seen.add(release.evidence_sha256)
            evidence = _open(release, election_uuid, key, authorities)
            if person_of.setdefault(evidence.credential, evidence.person) != evidence.person:
                raise _Faulty(Fault.TWO_PERSONS)
            if credential_of.setdefault(evidence.person, evidence.credential) != evidence.credential:
                raise _Faulty(Fault.TWO_CREDENTIALS)
        except _Faulty as faulty:
            findings.append(Finding(faulty.fault, release.where))
    findings += [Finding(Fault.VOTED_UNRELEASED, credential) for credential in sorted(voted - person_of.keys())]
    return AuditReport(count, len(person_of), len(voted), findings)


def _open(release: LoggedRelease, election_uuid: str, key: PrivateKey, authorities: Authorities) -> _Evidence:
    if release.sealed is None:
        raise _Faulty(Fault.NO_EVIDENCE)
    if sha256(release.sealed).hexdigest() != release.evidence_sha256:
        raise _Faulty(Fault.NOT_THE_LOGGED_EVIDENCE)
    try:
        content = json.loads(SealedBox(key).decrypt(release.sealed))
        released_at = datetime.fromisoformat(content["released_at"])
        texts = [content["challenge"], content["release_statement"]]
        signed = parse_release_texts(*texts)
        certificates = [_certificate(content[name]) for name in ("user_certificate", "signature_certificate")]
        signatures = [_decode(content[name]) for name in ("challenge_signature", "statement_signature")]
        credential, uuid = str(content["credential"]), content["election_uuid"]
    except CryptoError:
        raise _Faulty(Fault.SEALED_TO_ANOTHER) from None
    except CertificateRefused:
        raise _Faulty(Fault.CERTIFICATE_REFUSED) from None
    except (ValueError, KeyError, TypeError, MalformedText):
        raise _Faulty(Fault.EVIDENCE_MALFORMED) from None
    if {uuid, signed.election_uuid} != {election_uuid}:
        raise _Faulty(Fault.OTHER_ELECTION)
    _check_card(certificates, released_at, authorities)
    try:
        for certificate, signature, text in zip(certificates, signatures, texts, strict=True):
            certificate.verify(signature, text.encode())
    except BadSignature:
        raise _Faulty(Fault.SIGNATURE_WRONG) from None
    person = certificates[1].attributes
    assert person is not None  # noqa: S101 - _check_card: a signature certificate has them
    return _Evidence(credential, person)


def _check_card(certificates: list[CardCertificate], then: datetime, authorities: Authorities) -> None:
    expected = [Purpose.USER_AUTHENTICATION, Purpose.DIGITAL_SIGNATURE]
    try:
        if [certificate.purpose for certificate in certificates] != expected:
            raise CertificateRefused
        for certificate in certificates:
            authorities.validate_path(certificate, then)
    except (CertificateRefused, TypeError):  # TypeError: a time without a zone
        raise _Faulty(Fault.CERTIFICATE_REFUSED) from None


def _certificate(text: Any) -> CardCertificate:
    return parse_certificate(_decode(text))


def _decode(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)
