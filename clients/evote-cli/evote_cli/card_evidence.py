"""The evidence of a release by card, already opened, checked by itself. No network here."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
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
from pydantic import Field

from .device_evidence import check_device
from .faults import EvidencePart, Fault, Faulty


class CardPair(EvidencePart):
    """The fingerprints of a card's two certificates; by phone the signature certificate's alone is known."""

    user: str | None = None
    signature: str

    @property
    def fingerprints(self) -> frozenset[str]:
        """Those that are known."""
        return frozenset(print for print in (self.user, self.signature) if print is not None)

    def may_be(self, other: CardPair) -> bool:
        """Whether both can be one card, as far as they are known."""
        return self.signature == other.signature and (None in (self.user, other.user) or self.user == other.user)


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

    by: Literal["card", "phone"]
    credential: str
    voter_ref: str
    device_key: str
    """Of the device that the credential was sealed to."""
    person: BasicAttributes = field(repr=False)
    card: CardPair
    match: Match
    card_changes: tuple[CardChange, ...]


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
            parse_certificate(decoded(der)) for der in (content.user_certificate, content.signature_certificate)
        ]
        signatures = [decoded(signature) for signature in (content.challenge_signature, content.statement_signature)]
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
        "card",
        content.credential,
        content.voter_ref,
        signed.device_key,
        person,
        card,
        content.match,
        content.card_changes,
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


def decoded(text: str) -> bytes:
    """The bytes of base64; ``ValueError`` for another text."""
    return base64.b64decode(text, validate=True)
