"""Asking an authority whether it has revoked a certificate: OCSP (RFC 6960, shaped by RFC 5019). No network here."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from .authorities import CLOCK_TOLERANCE, SIGNATURE_ALGORITHMS, Authority, RevocationStatus
from .certificates import UNREADABLE, CardCertificate, rsa_key

REQUEST_TYPE, RESPONSE_TYPE = "application/ocsp-request", "application/ocsp-response"
LARGEST_RESPONSE = 16 * 1024
"""Bytes; an answer with a delegate's certificate has about 2,000."""
NONCE_BYTES = 32
"""RFC 9654, 2.1."""
_WITHOUT_END = timedelta(minutes=5)
"""How old an answer may be that doesn't say until when it holds: newer information is available at all times."""
_STATUS = {
    ocsp.OCSPCertStatus.GOOD: RevocationStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED: RevocationStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: RevocationStatus.UNKNOWN,
}


class OcspAnswerInvalid(Exception):
    """An answer says nothing about the certificate; the message says what is wrong with it."""


@dataclass(frozen=True)
class OcspQuestion:
    """A request about one certificate, and what an answer to it must fit."""

    der: bytes = field(repr=False)
    """To be sent with the type ``REQUEST_TYPE``."""
    nonce: bytes = field(repr=False)
    authority: Authority


def ask(certificate: CardCertificate, authority: Authority, nonce: bytes) -> OcspQuestion:
    """Make a request about a certificate of ``authority``; ``nonce`` is ``NONCE_BYTES`` random bytes."""
    # SHA-1 is what every responder knows a certificate by (RFC 5019, 2.1.1); nothing rests on its strength.
    request = (
        ocsp.OCSPRequestBuilder()
        .add_certificate(certificate.x509, authority.certificate, hashes.SHA1())  # noqa: S303
        .add_extension(x509.OCSPNonce(nonce), critical=False)
        .build()
    )
    return OcspQuestion(request.public_bytes(Encoding.DER), nonce, authority)


def read_answer(question: OcspQuestion, der: bytes, now: datetime) -> RevocationStatus:
    """What an answer says about the certificate that was asked for (RFC 6960, 3.2).

    Raises:
        OcspAnswerInvalid: it isn't a valid answer to this question, or comes too late or too early.
    """
    if len(der) > LARGEST_RESPONSE:
        raise OcspAnswerInvalid("too large")
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise OcspAnswerInvalid(f"the responder says {response.response_status.name}")
        _check_extensions(response, question)
        # 1. It is about the certificate that was asked for, and no other.
        _check_certificate_id(response, question)
        # 2 to 4. Its signature is that of the authority, or of somebody whom the authority lets answer.
        _check_signature(response, question.authority, now)
        # 5 and 6. It is neither old nor from the future.
        _check_time(response, now)
        return _STATUS[response.certificate_status]
    except UNREADABLE as error:
        raise OcspAnswerInvalid(type(error).__name__) from None


def _check_extensions(response: ocsp.OCSPResponse, question: OcspQuestion) -> None:
    for extension in [*response.extensions, *response.single_extensions]:
        if isinstance(extension.value, x509.OCSPNonce):
            if extension.value.nonce != question.nonce:
                raise OcspAnswerInvalid("the answer to another request")
        elif extension.critical:
            raise OcspAnswerInvalid("a critical extension that is not processed here")
    # No nonce is no fault: answers may be prepared (RFC 5019, 4), and their times bound how long one can be replayed.


def _check_certificate_id(response: ocsp.OCSPResponse, question: OcspQuestion) -> None:
    asked = ocsp.load_der_ocsp_request(question.der)
    if not isinstance(response.hash_algorithm, hashes.SHA1):
        raise OcspAnswerInvalid("a certificate identifier of another kind")
    if (response.issuer_name_hash, response.issuer_key_hash, response.serial_number) != (
        asked.issuer_name_hash,
        asked.issuer_key_hash,
        asked.serial_number,
    ):
        raise OcspAnswerInvalid("about another certificate")


def _check_signature(response: ocsp.OCSPResponse, authority: Authority, now: datetime) -> None:
    if response.signature_algorithm_oid not in SIGNATURE_ALGORITHMS or response.signature_hash_algorithm is None:
        raise OcspAnswerInvalid("signed by an algorithm that is not taken")
    revoked = authority.revocation_list.serials if authority.revocation_list else frozenset()
    delegates = [each for each in response.certificates if _may_answer(each, authority.certificate, revoked, now)]
    for signer in (authority.certificate, *delegates):
        if not _is_responder(response, signer):
            continue
        try:
            rsa_key(signer).verify(
                response.signature, response.tbs_response_bytes, padding.PKCS1v15(), response.signature_hash_algorithm
            )
        except InvalidSignature:
            continue
        return
    raise OcspAnswerInvalid("not signed by the authority or its delegate")


def _is_responder(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    identifier = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())  # SHA-1 of the key, as 4.2.1 has it
    return response.responder_key_hash == identifier.digest


def _may_answer(delegate: x509.Certificate, issuer: x509.Certificate, revoked: Set[int], now: datetime) -> bool:
    """Whether the authority itself issued this certificate for answering (4.2.2.2), and it is valid.

    A delegate on the authority's list is refused even when the list is old: only the list knows, since asking the
    delegate about itself would prove nothing.
    """
    try:
        delegate.verify_directly_issued_by(issuer)
        extended = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = delegate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (*UNREADABLE, InvalidSignature):
        return False
    known = (x509.KeyUsage, x509.ExtendedKeyUsage, x509.BasicConstraints)
    return (
        ExtendedKeyUsageOID.OCSP_SIGNING in extended
        and usage.digital_signature
        and delegate.signature_algorithm_oid in SIGNATURE_ALGORITHMS
        and delegate.not_valid_before_utc <= now <= delegate.not_valid_after_utc
        and delegate.serial_number not in revoked
        and not any(each.critical and not isinstance(each.value, known) for each in delegate.extensions)
    )


def _check_time(response: ocsp.OCSPResponse, now: datetime) -> None:
    if response.this_update_utc > now + CLOCK_TOLERANCE:
        raise OcspAnswerInvalid("from the future")
    ends = response.next_update_utc or response.this_update_utc + _WITHOUT_END
    if ends < now - CLOCK_TOLERANCE:
        raise OcspAnswerInvalid("out of date")
