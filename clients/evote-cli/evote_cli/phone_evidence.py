"""The evidence of a release by マイナアプリ, already opened, checked by itself. No network here."""

from __future__ import annotations

from typing import Annotated, Literal

from evote_jpki.authorities import Authorities
from evote_jpki.certificates import BadSignature, CertificateRefused, Purpose, parse_certificate
from evote_jpki.release_texts import MalformedText, parse_release_texts
from evote_phone.id_token import IdTokenRefused, Provider, verify_id_token
from pydantic import AwareDatetime, Field

from .card_evidence import CardChange, CardEvidence, CardPair, Match, decoded
from .device_evidence import check_device
from .faults import EvidencePart, Fault, Faulty


class PhoneContent(EvidencePart):
    """Opened evidence of a release by phone."""

    method: Literal["phone"]
    election_uuid: str
    voter_ref: str
    credential: str
    released_at: Annotated[AwareDatetime, Field(strict=False)]
    challenge: str
    release_statement: str
    id_token: str
    signature_certificate: str
    statement_signature: str
    code: str
    device_request: str | None = None
    match: Match
    card_changes: Annotated[tuple[CardChange, ...], Field(strict=False)] = ()


def check_phone(
    content: PhoneContent, election_uuid: str, authorities: Authorities, provider: Provider | None
) -> CardEvidence:
    """Check what phone evidence says of itself.

    Steps: it is of this election, its certificate was valid at the time of the release, the card's signature key signed
    the statement, the provider said of this challenge that a card was shown, and the device whose key the card signed
    asked for the release. That the card shown is the card that signed is not in it: the provider tells no certificate.

    Args:
        provider: as the auditor knows it; None when the auditor gave none.

    Raises:
        Faulty: the first step that fails.
    """
    try:
        signed = parse_release_texts(content.challenge, content.release_statement)
        certificate = parse_certificate(decoded(content.signature_certificate))
        signature = decoded(content.statement_signature)
    except CertificateRefused:
        raise Faulty(Fault.CERTIFICATE_REFUSED) from None
    except (ValueError, MalformedText):
        raise Faulty(Fault.EVIDENCE_MALFORMED) from None
    if {content.election_uuid, signed.election_uuid} != {election_uuid}:
        raise Faulty(Fault.OTHER_ELECTION)
    try:
        if certificate.purpose is not Purpose.DIGITAL_SIGNATURE:
            raise CertificateRefused
        authorities.validate_path(certificate, content.released_at)
        certificate.verify(signature, content.release_statement.encode())
    except CertificateRefused:
        raise Faulty(Fault.CERTIFICATE_REFUSED) from None
    except BadSignature:
        raise Faulty(Fault.SIGNATURE_WRONG) from None
    if provider is None:
        raise Faulty(Fault.NO_PHONE_PROVIDER)
    try:
        verify_id_token(content.id_token, provider, content.challenge, content.released_at)
    except IdTokenRefused:
        raise Faulty(Fault.IDENTITY_REFUSED) from None
    proof = {"code": content.code}
    check_device(content.device_request, election_uuid, signed.challenge_id, signed.device_key, proof)
    person = certificate.attributes
    assert person is not None  # noqa: S101 - a signature certificate has them
    card = CardPair(signature=certificate.fingerprint)
    return CardEvidence(
        "phone",
        content.credential,
        content.voter_ref,
        signed.device_key,
        person,
        card,
        content.match,
        content.card_changes,
    )
