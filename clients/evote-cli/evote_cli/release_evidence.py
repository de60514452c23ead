"""The evidence of one release: opened with the auditor's key, and checked by itself. No network here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
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
from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

from .device_evidence import check_device
from .errors import ReleasesUnreadable
from .face_evidence import FaceContent, FaceEvidence, check_face
from .faults import EvidencePart, Fault, Faulty


@dataclass(frozen=True)
class LoggedRelease:
    """A CredentialReleased event, and the evidence that auth holds for it."""

    where: str
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


class CardPair(EvidencePart):
    """The fingerprints of a card's two certificates."""

    user: str
    signature: str


class CardChange(EvidencePart):
    """A card that took another's place; before is None for a lost one that was never used."""

    before: CardPair | None = None
    after: CardPair


class Match(EvidencePart):
    """How auth found the person on the roll, by its own account."""

    likeness: Literal["exact", "folded", "officer"]
    case: str | None = None


class CardContent(EvidencePart):
    """Opened evidence of a release by card.

    What evidence of before ``match`` and ``card_changes`` lacks has a default.
    """

    method: Literal["card"] = "card"
    election_uuid: str
    voter_ref: str
    credential: str
    released_at: str
    challenge: str
    release_statement: str
    user_certificate: str
    challenge_signature: str
    signature_certificate: str
    statement_signature: str
    device_request: str | None = None
    match: Match = Match(likeness="exact")
    card_changes: Annotated[tuple[CardChange, ...], Field(strict=False)] = ()


@dataclass(frozen=True)
class CardEvidence:
    """Evidence that holds: a person, by a card, signed for a credential."""

    credential: str
    voter_ref: str
    device_key: str
    """Of the device that the credential was sealed to."""
    person: BasicAttributes = field(repr=False)
    card: CardPair
    match: Match
    card_changes: tuple[CardChange, ...]


def _method_of(content: object) -> str:
    # Evidence of before there was another way in doesn't tell its method.
    return str(content.get("method", "card")) if isinstance(content, dict) else ""


_CONTENT: TypeAdapter[CardContent | FaceContent] = TypeAdapter(
    Annotated[Annotated[CardContent, Tag("card")] | Annotated[FaceContent, Tag("face")], Discriminator(_method_of)]
)


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


@dataclass(frozen=True)
class Trusted:
    """Whose signatures the auditor relies upon."""

    authorities: Authorities
    """Those whose cards were taken; their revocation lists play no part here."""
    biometric: Ed25519PublicKey | None
    """The key of verdicts; None where no release by face was offered."""


def open_evidence(
    release: LoggedRelease, election_uuid: str, key: PrivateKey, trusted: Trusted
) -> CardEvidence | FaceEvidence:
    """Open the evidence of a release and check what it says of itself.

    Steps: it is the evidence that the event names, opens with the auditor's key, and holds as evidence of its method:
    see :func:`check_card` and :func:`evote_cli.face_evidence.check_face`.

    Raises:
        Faulty: the first step that fails.
    """
    if release.sealed is None:
        raise Faulty(Fault.NO_EVIDENCE)
    if sha256(release.sealed).hexdigest() != release.evidence_sha256:
        raise Faulty(Fault.NOT_THE_LOGGED_EVIDENCE)
    try:
        content = _CONTENT.validate_python(json.loads(SealedBox(key).decrypt(release.sealed)))
    except CryptoError:
        raise Faulty(Fault.SEALED_TO_ANOTHER) from None
    except (ValueError, ValidationError):
        raise Faulty(Fault.EVIDENCE_MALFORMED) from None
    if isinstance(content, FaceContent):
        return check_face(content, election_uuid, trusted.biometric)
    return check_card(content, election_uuid, trusted.authorities)


def check_card(content: CardContent, election_uuid: str, authorities: Authorities) -> CardEvidence:
    """Check what card evidence says of itself.

    Steps: it is of this election, its certificates were valid at the time of the release, both keys of the card signed,
    and the device whose key the card signed asked for the release with these signatures.

    Raises:
        Faulty: the first step that fails.
    """
    try:
        released_at = datetime.fromisoformat(content.released_at)
        texts = [content.challenge, content.release_statement]
        signed = parse_release_texts(*texts)
        certificates = [
            parse_certificate(_decode(der)) for der in (content.user_certificate, content.signature_certificate)
        ]
        signatures = [_decode(signature) for signature in (content.challenge_signature, content.statement_signature)]
    except CertificateRefused:
        raise Faulty(Fault.CERTIFICATE_REFUSED) from None
    except (ValueError, MalformedText):
        raise Faulty(Fault.EVIDENCE_MALFORMED) from None
    if {content.election_uuid, signed.election_uuid} != {election_uuid}:
        raise Faulty(Fault.OTHER_ELECTION)
    _check_certificates(certificates, released_at, authorities)
    try:
        for certificate, signature, text in zip(certificates, signatures, texts, strict=True):
            certificate.verify(signature, text.encode())
    except BadSignature:
        raise Faulty(Fault.SIGNATURE_WRONG) from None
    proof = {
        "user_certificate": content.user_certificate,
        "challenge_signature": content.challenge_signature,
        "signature_certificate": content.signature_certificate,
        "statement_signature": content.statement_signature,
    }
    check_device(content.device_request, election_uuid, signed.challenge_id, signed.device_key, proof)
    person = certificates[1].attributes
    assert person is not None  # noqa: S101 - _check_certificates: a signature certificate has them
    card = CardPair(user=certificates[0].fingerprint, signature=certificates[1].fingerprint)
    return CardEvidence(
        content.credential, content.voter_ref, signed.device_key, person, card, content.match, content.card_changes
    )


def _check_certificates(certificates: list[CardCertificate], then: datetime, authorities: Authorities) -> None:
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
