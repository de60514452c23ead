"""What a release of a credential needs: one challenge, two signatures of one card, and evidence of both."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import rfc8785
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

from .refusals import (
    ChallengeExpired,
    ChallengeReplayed,
    ChallengeSignatureWrong,
    StatementSignatureWrong,
    WrongElection,
)

CHALLENGE_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class Challenge:
    """A challenge as it was given out."""

    challenge_id: str
    election_uuid: str
    nonce: str
    expires_at: datetime
    used: bool = False


@dataclass(frozen=True)
class CardResponse:
    """What a card gave: two certificates in DER, and a signature by each key."""

    user_certificate: bytes = field(repr=False)
    challenge_signature: bytes = field(repr=False)
    signature_certificate: bytes = field(repr=False)
    statement_signature: bytes = field(repr=False)


@dataclass(frozen=True)
class AuthenticatedCard:
    """A card whose two keys signed: the owner's attributes, and its certificates.

    Whether the authority has revoked them is not known yet.
    """

    attributes: BasicAttributes = field(repr=False)
    user_fingerprint: str
    signature_fingerprint: str
    user_certificate: CardCertificate = field(repr=False)
    signature_certificate: CardCertificate = field(repr=False)


def release_texts(challenge: Challenge, election_name: str) -> ReleaseTexts:
    """What the card signs for a challenge; a name of several lines becomes one."""
    return ReleaseTexts(
        challenge.election_uuid, " ".join(election_name.split()), challenge.challenge_id, challenge.nonce
    )


def check_challenge(challenge: Challenge, election_uuid: str, now: datetime) -> None:
    """Raise ``WrongElection``, ``ChallengeReplayed`` or ``ChallengeExpired`` when it can't be used."""
    if challenge.election_uuid != election_uuid:
        raise WrongElection
    if challenge.used:
        raise ChallengeReplayed
    if now > challenge.expires_at:
        raise ChallengeExpired(challenge.expires_at)


def authenticate_card(
    response: CardResponse, texts: ReleaseTexts, authorities: Authorities, now: datetime
) -> AuthenticatedCard:
    """Check both certificates, all but their revocation, and both signatures.

    Raises a ``CertificateRefused`` for a certificate, ``ChallengeSignatureWrong`` or ``StatementSignatureWrong``. The
    user-authentication certificate carries no name: what ties the two together is that both keys signed texts with the
    same challenge's number, and afterwards the pairing that is kept for the voter.
    """
    user = _certificate(response.user_certificate, Purpose.USER_AUTHENTICATION, authorities, now)
    try:
        user.verify(response.challenge_signature, texts.challenge.encode())
    except BadSignature:
        raise ChallengeSignatureWrong from None
    signing = _certificate(response.signature_certificate, Purpose.DIGITAL_SIGNATURE, authorities, now)
    try:
        signing.verify(response.statement_signature, texts.statement.encode())
    except BadSignature:
        raise StatementSignatureWrong from None
    if signing.attributes is None:
        raise MalformedCertificate("a signature certificate without the basic attributes")
    return AuthenticatedCard(signing.attributes, user.fingerprint, signing.fingerprint, user, signing)


def evidence(
    response: CardResponse,
    texts: ReleaseTexts,
    *,
    voter_ref: str,
    credential: str,
    released_at: str,
) -> bytes:
    """What the auditor will see of a release, in canonical JSON (RFC 8785). To be sealed at once.

    ``credential`` is the public one: with it the auditor sees whether each credential that voted was released.
    """
    return rfc8785.dumps(
        {
            "election_uuid": texts.election_uuid,
            "voter_ref": voter_ref,
            "credential": credential,
            "released_at": released_at,
            "challenge": texts.challenge,
            "release_statement": texts.statement,
            "user_certificate": _base64(response.user_certificate),
            "challenge_signature": _base64(response.challenge_signature),
            "signature_certificate": _base64(response.signature_certificate),
            "statement_signature": _base64(response.statement_signature),
        }
    )


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


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
