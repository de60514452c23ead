"""The evidence of one release: opened with the auditor's key, and checked by itself. No network here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

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
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import ReleasesUnreadable


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
    CARD_UNRECORDED = "記録のないカードで受け取られている"
    TWO_CREDENTIALS = "一人に二つの資格情報が交付されている"
    VOTED_UNRELEASED = "交付の証拠がない資格情報で投票されている"


class Faulty(Exception):
    """A release whose evidence doesn't hold."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class LoggedRelease:
    """A CredentialReleased event, and the evidence that auth holds for it."""

    where: str
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


class _Part(BaseModel):
    # Later versions may say more: what is checked here stays the same.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class CardPair(_Part):
    """The fingerprints of a card's two certificates."""

    user: str
    signature: str


class CardChange(_Part):
    """A card that took another's place; before is None for a lost one that was never used."""

    before: CardPair | None = None
    after: CardPair


class Match(_Part):
    """How auth found the person on the roll, by its own account."""

    likeness: Literal["exact", "folded", "officer"]
    case: str | None = None


class _Content(_Part):
    """Opened evidence; what evidence of before ``match`` and ``card_changes`` lacks has a default."""

    election_uuid: str
    credential: str
    released_at: str
    challenge: str
    release_statement: str
    user_certificate: str
    challenge_signature: str
    signature_certificate: str
    statement_signature: str
    match: Match = Match(likeness="exact")
    card_changes: Annotated[tuple[CardChange, ...], Field(strict=False)] = ()


@dataclass(frozen=True)
class Evidence:
    """Evidence that holds: a person, by a card, signed for a credential."""

    credential: str
    person: BasicAttributes = field(repr=False)
    card: CardPair
    match: Match
    card_changes: tuple[CardChange, ...]


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


def open_evidence(release: LoggedRelease, election_uuid: str, key: PrivateKey, authorities: Authorities) -> Evidence:
    """Open the evidence of a release and check what it says of itself.

    Steps: it is the evidence that the event names, opens with the auditor's key, is of this election, its certificates
    were valid at the time of the release, and both keys of the card signed.

    Raises:
        Faulty: the first step that fails.
    """
    if release.sealed is None:
        raise Faulty(Fault.NO_EVIDENCE)
    if sha256(release.sealed).hexdigest() != release.evidence_sha256:
        raise Faulty(Fault.NOT_THE_LOGGED_EVIDENCE)
    try:
        content = _Content.model_validate(json.loads(SealedBox(key).decrypt(release.sealed)))
        released_at = datetime.fromisoformat(content.released_at)
        texts = [content.challenge, content.release_statement]
        signed = parse_release_texts(*texts)
        certificates = [
            parse_certificate(_decode(der)) for der in (content.user_certificate, content.signature_certificate)
        ]
        signatures = [_decode(signature) for signature in (content.challenge_signature, content.statement_signature)]
    except CryptoError:
        raise Faulty(Fault.SEALED_TO_ANOTHER) from None
    except CertificateRefused:
        raise Faulty(Fault.CERTIFICATE_REFUSED) from None
    except (ValueError, ValidationError, MalformedText):
        raise Faulty(Fault.EVIDENCE_MALFORMED) from None
    if {content.election_uuid, signed.election_uuid} != {election_uuid}:
        raise Faulty(Fault.OTHER_ELECTION)
    _check_card(certificates, released_at, authorities)
    try:
        for certificate, signature, text in zip(certificates, signatures, texts, strict=True):
            certificate.verify(signature, text.encode())
    except BadSignature:
        raise Faulty(Fault.SIGNATURE_WRONG) from None
    person = certificates[1].attributes
    assert person is not None  # noqa: S101 - _check_card: a signature certificate has them
    card = CardPair(user=certificates[0].fingerprint, signature=certificates[1].fingerprint)
    return Evidence(content.credential, person, card, content.match, content.card_changes)


def _check_card(certificates: list[CardCertificate], then: datetime, authorities: Authorities) -> None:
    expected = [Purpose.USER_AUTHENTICATION, Purpose.DIGITAL_SIGNATURE]
    try:
        if [certificate.purpose for certificate in certificates] != expected:
            raise CertificateRefused
        for certificate in certificates:
            authorities.validate_path(certificate, then)
    except (CertificateRefused, TypeError):  # TypeError: a time without a zone
        raise Faulty(Fault.CERTIFICATE_REFUSED) from None


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
