"""What a credential authority signs of its list since Belenios 3.0: that the list is the one it made.

Source: Belenios 3.3, ``credentials_certificate`` (its specification doesn't describe it). The authority's keys stand in
the certificate itself: who compares them with what the authority published knows that the list is the authority's.
"""

from __future__ import annotations

import hashlib

from .channel import parse_signed, signature_holds
from .election import Election
from .errors import CredentialError
from .jsontext import Fields, dump, load

_SECTION = "Credentials"


def check_credentials_certificate(election: Election, text: str, credentials_text: str, credentials: int) -> None:
    """The certificate is for this list of ``credentials`` entries in this election, and signed by its own key.

    Raises ``EncodingError``, and ``CredentialError`` (``credentials-certificate``).
    """
    group = election.group
    value = load(text)
    fields = Fields(value, "credentials_certificate")
    uuid, length, digest = fields.text("uuid"), fields.integer("voter_list_length"), fields.text("public_creds_hash")
    verification, encryption = fields.text("verification_key"), fields.text("encryption_key")
    signed = parse_signed(fields.value("signature"), group, "credentials_certificate.signature")
    fields.end()
    key = group.decode(verification)
    group.decode(encryption)
    unsigned = dump(
        {
            "uuid": uuid,
            "voter_list_length": length,
            "public_creds_hash": digest,
            "verification_key": verification,
            "encryption_key": encryption,
        }
    )
    if uuid != election.uuid:
        raise _refusal("it is for another election")
    if length != credentials or digest != _sha256(credentials_text):
        raise _refusal("it is for another list of credentials")
    if signed.message != _sha256(unsigned) or not signature_holds(group, key, signed):
        raise _refusal("its signature does not hold")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refusal(detail: str) -> CredentialError:
    return CredentialError("credentials-certificate", _SECTION, detail)
