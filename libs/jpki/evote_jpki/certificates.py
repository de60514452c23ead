"""The two certificates of a card: what is in them, and whether the configured authority vouches for them.

The profile is that of 公的個人認証サービス: the user-authentication certificate carries no name; the signature
certificate carries the four basic attributes (基本4情報) as otherNames under 1.2.392.200149.8.5.5. Validation follows
RFC 5280 for a chain of one: issuer, signature, validity, basic constraints, key usage, revocation list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .der import decode_string

_ATTRIBUTES = "1.2.392.200149.8.5.5"
NAME_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.1")
SEX_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.3")
BIRTH_DATE_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.4")
ADDRESS_OID = x509.ObjectIdentifier(f"{_ATTRIBUTES}.5")
_LARGEST_CERTIFICATE = 8192
_KEY_BITS = 2048


class CertificateRefused(Exception):
    """A certificate can't be relied upon; the subclass says why."""


class MalformedCertificate(CertificateRefused):
    """Not a certificate of this profile; the message says what is wrong."""


class UntrustedIssuer(CertificateRefused):
    """Not issued by a configured authority."""


class CertificateExpired(CertificateRefused):
    """Its validity has ended."""


class CertificateNotYetValid(CertificateRefused):
    """Its validity has not begun."""


class CertificateRevoked(CertificateRefused):
    """On the authority's revocation list."""


class WrongKeyUsage(CertificateRefused):
    """The key may not be used for this."""


class RevocationUnknown(CertificateRefused):
    """There is no current revocation list of the issuer: the check fails closed."""


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
    attributes: BasicAttributes | None
    """The signature certificate's; None in a user-authentication certificate."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the DER."""
        return hashlib.sha256(self.der).hexdigest()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise ``BadSignature`` unless the card's key signed ``message`` (RSA PKCS#1 v1.5, SHA-256; RFC 8017)."""
        try:
            _rsa_key(self.x509).verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise BadSignature from None


def parse_certificate(der: bytes) -> CardCertificate:
    """Read a card's certificate; ``MalformedCertificate`` when it isn't one of the profile."""
    if len(der) > _LARGEST_CERTIFICATE:
        raise MalformedCertificate(f"larger than {_LARGEST_CERTIFICATE} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        _rsa_key(certificate)
        attributes = _basic_attributes(certificate)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        del usage
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise MalformedCertificate(type(error).__name__) from None
    return CardCertificate(der, certificate, attributes)


class Authorities:
    """The certificate authorities whose cards are taken, with their revocation lists."""

    def __init__(
        self,
        certificates: Sequence[x509.Certificate],
        revocation_lists: Sequence[x509.CertificateRevocationList],
    ) -> None:
        """``ValueError`` when there is no authority, or a list isn't signed by one of them."""
        if not certificates:
            raise ValueError("at least one authority is needed")
        self._certificates = {certificate.subject: certificate for certificate in certificates}
        self._lists: dict[x509.Name, x509.CertificateRevocationList] = {}
        for revoked in revocation_lists:
            issuer = self._certificates.get(revoked.issuer)
            if issuer is None or not revoked.is_signature_valid(_rsa_key(issuer)):
                raise ValueError("a revocation list is not signed by a configured authority")
            self._lists[revoked.issuer] = revoked

    def validate(self, certificate: CardCertificate, now: datetime) -> None:
        """Raise the subclass of ``CertificateRefused`` that applies first, in the order below."""
        leaf = certificate.x509
        # 1. The issuer is configured, may issue, and did sign this certificate.
        issuer = self._certificates.get(leaf.issuer)
        if issuer is None or not _may_issue(issuer):
            raise UntrustedIssuer
        try:
            leaf.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise UntrustedIssuer from None
        # 2. Both are valid now.
        for item in (leaf, issuer):
            if now < item.not_valid_before_utc:
                raise CertificateNotYetValid
            if now > item.not_valid_after_utc:
                raise CertificateExpired
        # 3. The key may sign.
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.content_commitment):
            raise WrongKeyUsage
        # 4. A current list of the issuer doesn't name it.
        revoked = self._lists.get(leaf.issuer)
        if revoked is None or revoked.next_update_utc is None or now > revoked.next_update_utc:
            raise RevocationUnknown
        if revoked.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None:
            raise CertificateRevoked


def load_authorities(bundle_pem: bytes, revocation_lists_pem: bytes) -> Authorities:
    """Authorities of a PEM bundle and of the PEM revocation lists; ``ValueError`` for malformed ones."""
    marker = b"-----BEGIN X509 CRL-----"
    lists = [x509.load_pem_x509_crl(marker + block) for block in revocation_lists_pem.split(marker)[1:]]
    return Authorities(x509.load_pem_x509_certificates(bundle_pem), lists)


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and usage.key_cert_sign


def _rsa_key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _KEY_BITS:
        raise ValueError("not an RSA key of at least 2048 bits")
    return key


def _basic_attributes(certificate: x509.Certificate) -> BasicAttributes | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    found = {name.type_id: decode_string(name.value) for name in names.get_values_for_type(x509.OtherName)}
    wanted = (NAME_OID, ADDRESS_OID, BIRTH_DATE_OID, SEX_OID)
    if not any(oid in found for oid in wanted):
        return None
    if not all(oid in found for oid in wanted):
        raise ValueError("not all of the four basic attributes are there")
    return BasicAttributes(
        name=found[NAME_OID],
        address=found[ADDRESS_OID],
        birth_date=_iso_date(found[BIRTH_DATE_OID]),
        sex=found[SEX_OID],
    )


def _iso_date(text: str) -> str:
    """``YYYYMMDD``, which the profile may precede by the digit of an era."""
    digits = text[-8:]
    if len(text) not in (8, 9) or not text.isascii() or not text.isdigit():
        raise ValueError("not a birth date")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
