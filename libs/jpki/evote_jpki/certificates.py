"""The two certificates of a card: what is in them. Whether an authority vouches for them is ``authorities``' affair.

The profile is that of 公的個人認証サービス: the user-authentication certificate carries no name; the signature
certificate carries the four basic attributes (基本4情報) as otherNames under 1.2.392.200149.8.5.5. J-LIS's profile
specification itself was not at hand: identifiers and codes are those that several public programs read from real
cards.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import PublicKeyAlgorithmOID, SignatureAlgorithmOID

from .der import decode_string

_ATTRIBUTES = "1.2.392.200149.8.5.5"
NAME_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.1")
SEX_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.3")
BIRTH_DATE_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.4")
ADDRESS_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.5")
NAME_SUBSTITUTES_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.2")
ADDRESS_SUBSTITUTES_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.6")
_POLICIES = "1.2.392.200149.8.5.1"
_LARGEST_CERTIFICATE = 8192
_KEY_BITS, _LARGEST_KEY_BITS = 2048, 4096


class Purpose(StrEnum):
    """Which of a card's two certificates it is; the value is the arc of its certificate policies."""

    DIGITAL_SIGNATURE = f"{_POLICIES}.1"
    USER_AUTHENTICATION = f"{_POLICIES}.3"


class CertificateRefused(Exception):
    """A certificate can't be relied upon; the subclass says why."""

    purpose: Purpose | None = None
    """Which of the card's two certificates it was, set by who knows."""


class MalformedCertificate(CertificateRefused):
    """Not a certificate of this profile; the message says what is wrong."""


class UntrustedIssuer(CertificateRefused):
    """Not issued by a configured authority."""


class CertificateExpired(CertificateRefused):
    """Its validity has ended."""


class CertificateNotYetValid(CertificateRefused):
    """Its validity has not begun."""


class CertificateRevoked(CertificateRefused):
    """The authority has revoked or suspended it."""


class WrongKeyUsage(CertificateRefused):
    """The key may not be used for this."""


class RevocationUnknown(CertificateRefused):
    """No source can tell now whether it is revoked: the check fails closed."""


class BadSignature(Exception):
    """The signature is not the certificate's key's over this message."""


@dataclass(frozen=True)
class BasicAttributes:
    """The four basic attributes, as they stand in the certificate; they never print."""

    name: str = field(repr=False)
    address: str = field(repr=False)
    birth_date: str = field(repr=False)
    """``YYYY-MM-DD``."""
    sex: str = field(repr=False)


@dataclass(frozen=True)
class CardCertificate:
    """A certificate that has been parsed, not yet validated."""

    der: bytes = field(repr=False)
    x509: x509.Certificate = field(repr=False)
    purpose: Purpose
    attributes: BasicAttributes | None
    """The signature certificate's; None for a user-authentication certificate."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the DER."""
        return hashlib.sha256(self.der).hexdigest()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise ``BadSignature`` unless the card's key signed ``message`` (RSA PKCS#1 v1.5, SHA-256; RFC 8017)."""
        try:
            rsa_key(self.x509).verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise BadSignature from None


UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the parser raises for bytes that are no certificate, list or answer, or one that it can't read."""


def parse_certificate(der: bytes) -> CardCertificate:
    """Read a card's certificate; ``MalformedCertificate`` when it isn't one of the profile."""
    if len(der) > _LARGEST_CERTIFICATE:
        raise MalformedCertificate(f"larger than {_LARGEST_CERTIFICATE} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        if not der.endswith(b"\0" + certificate.signature):
            # A signature with unused bits would hold too: the same certificate under another fingerprint.
            raise ValueError("a signature with unused bits")
        _read_all(certificate)
        purpose = _purpose(certificate)
        attributes = _basic_attributes(certificate) if purpose is Purpose.DIGITAL_SIGNATURE else None
        certificate.extensions.get_extension_for_class(x509.KeyUsage)
        _check_criticals(certificate)
    except UNREADABLE as error:
        # The parser's message may repeat a value of the certificate: only its type goes on.
        raise MalformedCertificate(type(error).__name__) from None
    return CardCertificate(der, certificate, purpose, attributes)


def _read_all(certificate: x509.Certificate) -> None:
    """The library parses a field when it is asked for: find what is malformed now, not in the middle of a check."""
    certificate.issuer, certificate.subject  # noqa: B018
    certificate.not_valid_before_utc, certificate.not_valid_after_utc  # noqa: B018
    rsa_key(certificate)
    if certificate.serial_number <= 0:
        raise ValueError("a serial number that isn't positive")  # RFC 5280, 4.1.2.2
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.RSA_WITH_SHA256:
        raise ValueError("not signed by RSA PKCS#1 v1.5 with SHA-256")


def rsa_key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    """The certificate's key; ``ValueError`` unless it is one for any RSA scheme, of 2048 to 4096 bits."""
    key = certificate.public_key()
    if (
        certificate.public_key_algorithm_oid != PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5
        or not isinstance(key, rsa.RSAPublicKey)
        or not _KEY_BITS <= key.key_size <= _LARGEST_KEY_BITS
    ):
        raise ValueError("not an RSA key of 2048 to 4096 bits")
    return key


def _purpose(certificate: x509.Certificate) -> Purpose:
    policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    names = [policy.policy_identifier.dotted_string for policy in policies]
    found = {purpose for purpose in Purpose for name in names if name.startswith(f"{purpose}.")}
    if len(found) != 1:
        raise ValueError("not a policy of the profile")
    return found.pop()


def _check_criticals(certificate: x509.Certificate) -> None:
    """RFC 5280, 4.2: a critical extension that we don't process refuses the certificate."""
    known = (
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.BasicConstraints,
        x509.CertificatePolicies,
        x509.SubjectAlternativeName,
    )
    if any(extension.critical and not isinstance(extension.value, known) for extension in certificate.extensions):
        raise ValueError("a critical extension outside the profile")


def _basic_attributes(certificate: x509.Certificate) -> BasicAttributes:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found: dict[x509.ObjectIdentifier, str] = {}
    for name in names.get_values_for_type(x509.OtherName):
        if name.type_id in (NAME_OID, ADDRESS_OID, BIRTH_DATE_OID, SEX_OID):
            if name.type_id in found:
                raise ValueError("a basic attribute is there twice")
            found[name.type_id] = decode_string(name.value)
    try:
        return BasicAttributes(
            name=found[NAME_OID],
            address=found[ADDRESS_OID],
            birth_date=_iso_date(found[BIRTH_DATE_OID]),
            sex=found[SEX_OID],
        )
    except KeyError:
        raise ValueError("not all of the four basic attributes are there") from None


def _iso_date(text: str) -> str:
    """``EYYYYMMDD``: the era's digit (1 明治 … 5 令和, 0 unknown), then the Gregorian date."""
    if not re.fullmatch(r"[1-5][0-9]{8}", text):
        raise ValueError("not a birth date")
    return date(int(text[1:5]), int(text[5:7]), int(text[7:])).isoformat()
