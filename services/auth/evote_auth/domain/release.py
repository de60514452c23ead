"""What a release of a credential needs: one challenge, and two signatures of one card."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from evote_device.keys import DeviceKey
from evote_device.requests import DeviceRequest, Occasion, verify_request
from evote_jpki.authorities import Authorities
from evote_jpki.certificates import (
    BadSignature,
    BasicAttributes,
    CardCertificate,
    CertificateRefused,
    MalformedCertificate,
    Purpose,
    parse_certificate,
)
from evote_jpki.release_texts import ReleaseTexts

from .cards import CardPair
from .refusals import (
    ChallengeExpired,
    ChallengeReplayed,
    ChallengeSignatureWrong,
    StatementSignatureWrong,
    WrongElection,
)
from .substitutes import with_substitutes_marked

CHALLENGE_LIFETIME = timedelta(minutes=5)
_CHALLENGE_BYTES = 32


@dataclass(frozen=True)
class Challenge:
    """A challenge as it was given out."""

    challenge_id: str
    election_uuid: str
    nonce: str
    expires_at: datetime
    device_key: DeviceKey
    used: bool = False
    released_to: str | None = None
    """The request that it led to a release for, see :func:`request_sha256`; None when it led to none."""

    @property
    def occasion(self) -> Occasion:
        """What the device's keys were made for."""
        return Occasion(self.election_uuid, self.challenge_id, self.device_key)


@dataclass(frozen=True)
class CardResponse:
    """What a card gave: two certificates in DER, and a signature by each key."""

    user_certificate: bytes = field(repr=False)
    challenge_signature: bytes = field(repr=False)
    signature_certificate: bytes = field(repr=False)
    statement_signature: bytes = field(repr=False)

    @property
    def members(self) -> dict[str, str]:
        """As they are sent and stand in evidence, in base64: what the device's request covers."""
        parts = {
            "user_certificate": self.user_certificate,
            "challenge_signature": self.challenge_signature,
            "signature_certificate": self.signature_certificate,
            "statement_signature": self.statement_signature,
        }
        return {name: base64.b64encode(part).decode() for name, part in parts.items()}


@dataclass(frozen=True)
class AskedByCard:
    """What a device sends for a card that answered a challenge."""

    kind: type[DeviceRequest]
    """What is asked for, by the door that it came to."""
    challenge_id: str
    card: CardResponse
    device_request: str
    """Signed with the device's key."""

    @property
    def proof(self) -> dict[str, str]:
        """What the device's request covers."""
        return self.card.members


class Asked(Protocol):
    """What a device sends for a challenge, whichever way its voter came."""

    @property
    def kind(self) -> type[DeviceRequest]:
        """What is asked for."""

    @property
    def challenge_id(self) -> str:
        """The challenge that is answered."""

    @property
    def device_request(self) -> str:
        """Signed with the device's key."""

    @property
    def proof(self) -> dict[str, str]:
        """What the device's request covers."""


@dataclass(frozen=True)
class AuthenticatedCard:
    """A card that signed: the owner's attributes, and its certificates.

    Whether the authority has revoked them is not known yet.
    """

    attributes: BasicAttributes = field(repr=False)
    """As they stand in the certificate, with ``SUBSTITUTED`` in place of characters that the card can't hold."""
    user: CardCertificate | None
    """None where the card came by phone."""
    signature: CardCertificate

    @property
    def pair(self) -> CardPair:
        """The certificates' fingerprints."""
        return CardPair(None if self.user is None else self.user.fingerprint, self.signature.fingerprint)

    @property
    def certificates(self) -> tuple[CardCertificate, ...]:
        """Those that were shown."""
        return (self.signature,) if self.user is None else (self.user, self.signature)


def new_challenge(
    random: Callable[[int], bytes], election_uuid: str, device_key: DeviceKey, expires_at: datetime
) -> Challenge:
    """A challenge for a device; ``random`` gives that many unguessable bytes."""
    return Challenge(
        challenge_id=random(16).hex(),
        election_uuid=election_uuid,
        nonce=random(_CHALLENGE_BYTES).hex(),
        expires_at=expires_at,
        device_key=device_key,
    )


def release_texts(challenge: Challenge, election_name: str) -> ReleaseTexts:
    """What the card signs for a challenge; a name of several lines becomes one."""
    return ReleaseTexts(
        challenge.election_uuid,
        " ".join(election_name.split()),
        challenge.challenge_id,
        challenge.nonce,
        challenge.device_key.text,
    )


def request_sha256(device_request: str) -> str:
    """Tells one request of a device from another; hexadecimal. The request covers what is sent beside it."""
    return hashlib.sha256(device_request.encode()).hexdigest()


def check_challenge(challenge: Challenge, asked: Asked, election_uuid: str, now: datetime) -> None:
    """Hold what is asked against the challenge that it answers.

    Raises ``WrongElection``, ``ChallengeReplayed``, ``ChallengeExpired`` or a ``DeviceRequestRefused``.
    """
    if challenge.election_uuid != election_uuid:
        raise WrongElection
    if challenge.used and challenge.released_to != request_sha256(asked.device_request):
        # The same request again, after its answer was lost, is no second attempt: its answer can be opened by the same
        # device alone. A request that led to nothing stays spent.
        raise ChallengeReplayed
    if now > challenge.expires_at:
        raise ChallengeExpired(challenge.expires_at)
    # Without it, whoever saw the card's signatures on their way could send them from a device of their own.
    verify_request(asked.kind, asked.device_request, challenge.occasion, asked.proof)


def authenticate_user(
    response: CardResponse, texts: ReleaseTexts, authorities: Authorities, now: datetime
) -> CardCertificate:
    """Check the user-authentication certificate, all but its revocation, and its key's signature over the challenge.

    Raises a ``CertificateRefused`` or ``ChallengeSignatureWrong``. From here on it is certain who is asking: the
    holder of this card and its PIN.
    """
    user = _certificate(response.user_certificate, Purpose.USER_AUTHENTICATION, authorities, now)
    try:
        user.verify(response.challenge_signature, texts.challenge.encode())
    except BadSignature:
        raise ChallengeSignatureWrong from None
    return user


def authenticate_card(
    response: CardResponse, user: CardCertificate, texts: ReleaseTexts, authorities: Authorities, now: datetime
) -> AuthenticatedCard:
    """Check the signature certificate, all but its revocation, and its key's signature, for an authenticated user.

    Raises a ``CertificateRefused`` or ``StatementSignatureWrong``. The user-authentication certificate carries no name:
    what ties the two together is that both keys signed texts with the same challenge's number, and afterwards the
    pairing that is kept for the voter.
    """
    return authenticate_signature(
        response.signature_certificate, response.statement_signature, user, texts, authorities, now
    )


def authenticate_signature(
    certificate: bytes,
    signature: bytes,
    user: CardCertificate | None,
    texts: ReleaseTexts,
    authorities: Authorities,
    now: datetime,
) -> AuthenticatedCard:
    """Check a signature certificate, all but its revocation, and its key's signature under the release statement.

    Args:
        certificate: in DER.
        user: the card's other certificate, where it was shown.

    Raises a ``CertificateRefused`` or ``StatementSignatureWrong``.
    """
    signing = _certificate(certificate, Purpose.DIGITAL_SIGNATURE, authorities, now)
    try:
        signing.verify(signature, texts.statement.encode())
    except BadSignature:
        raise StatementSignatureWrong from None
    try:
        attributes = with_substitutes_marked(signing)
    except ValueError:
        raise MalformedCertificate("a signature certificate whose basic attributes can't be read") from None
    return AuthenticatedCard(attributes, user, signing)


def _certificate(der: bytes, purpose: Purpose, authorities: Authorities, now: datetime) -> CardCertificate:
    try:
        certificate = parse_certificate(der)
        if certificate.purpose is not purpose:
            raise MalformedCertificate("the card's other certificate")
        authorities.validate_path(certificate, now)
    except CertificateRefused as refused:
        refused.purpose = purpose
        raise
    return certificate
