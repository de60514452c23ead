"""The test authority's OCSP responder (RFC 6960): answers from revocation lists, signs as the authority's delegate.

No network here, and nothing for production: the real responder is the real authority's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import ocsp

from .certificates import UNREADABLE

ANSWER_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True)
class ResponderIdentity:
    """An authority and the delegate that answers for it."""

    issuer: x509.Certificate
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)

    def pem(self) -> bytes:
        """The key and both certificates, for :func:`load_identity`. Secret."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM) + self.issuer.public_bytes(Encoding.PEM)


def load_identity(pem: bytes) -> ResponderIdentity:
    """Read what :meth:`ResponderIdentity.pem` wrote; ``ValueError`` for anything else."""
    key = load_pem_private_key(pem, None)
    certificate, issuer = x509.load_pem_x509_certificates(pem)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("a responder has an RSA key")
    return ResponderIdentity(issuer, certificate, key)


def answer(
    identities: Sequence[ResponderIdentity],
    lists: Sequence[x509.CertificateRevocationList],
    request_der: bytes,
    now: datetime,
) -> bytes:
    """The answer to a request, in DER; ``lists`` holds the current one of each authority.

    As responders that live on lists do, it calls good whatever is not listed. Of another authority's certificate, or
    without that authority's list, it says that it isn't authorised to tell.
    """
    try:
        request = ocsp.load_der_ocsp_request(request_der)
        found = [identity for identity in identities if _asks_about(request, identity.issuer)]
        nonce = [extension for extension in request.extensions if isinstance(extension.value, x509.OCSPNonce)]
    except (*UNREADABLE, NotImplementedError):
        return _refusal(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    for identity in found:
        for revoked in lists:
            if revoked.issuer == identity.issuer.subject:
                return _signed(identity, revoked, request, nonce, now)
    return _refusal(ocsp.OCSPResponseStatus.UNAUTHORIZED)


def _asks_about(request: ocsp.OCSPRequest, issuer: x509.Certificate) -> bool:
    own = ocsp.OCSPRequestBuilder().add_certificate(issuer, issuer, request.hash_algorithm).build()
    return (own.issuer_name_hash, own.issuer_key_hash) == (request.issuer_name_hash, request.issuer_key_hash)


def _signed(
    identity: ResponderIdentity,
    revoked: x509.CertificateRevocationList,
    request: ocsp.OCSPRequest,
    nonce: Sequence[x509.Extension[x509.ExtensionType]],
    now: datetime,
) -> bytes:
    entry = revoked.get_revoked_certificate_by_serial_number(request.serial_number)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            request.issuer_name_hash,
            request.issuer_key_hash,
            request.serial_number,
            request.hash_algorithm,
            ocsp.OCSPCertStatus.GOOD if entry is None else ocsp.OCSPCertStatus.REVOKED,
            now,
            now + ANSWER_LIFETIME,
            None if entry is None else entry.revocation_date_utc,
            None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, identity.certificate)
        .certificates([identity.certificate])
    )
    for extension in nonce:
        builder = builder.add_extension(extension.value, critical=False)
    return builder.sign(identity.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _refusal(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
