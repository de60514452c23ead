"""The two certificates of a card: what is in them, and whether the configured authority vouches for them.

The profile is that of 公的個人認証サービス: the user-authentication certificate carries no name; the signature
certificate carries the four basic attributes (基本4情報) as otherNames under 1.2.392.200149.8.5.5. J-LIS's profile
specification itself was not at hand: identifiers and codes are those that several public programs read from real
cards. Validation follows RFC 5280 for a chain of one: issuer, signature, validity, policy, key usage, basic
constraints, revocation list.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

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
            _rsa_key(self.x509).verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise BadSignature from None


_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
)
"""What the parser raises for bytes that are no certificate of the profile."""


def parse_certificate(der: bytes) -> CardCertificate:
    """Read a card's certificate; ``MalformedCertificate`` when it isn't one of the profile."""
    if len(der) > _LARGEST_CERTIFICATE:
        raise MalformedCertificate(f"larger than {_LARGEST_CERTIFICATE} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        _read_all(certificate)
        purpose = _purpose(certificate)
        attributes = _basic_attributes(certificate) if purpose is Purpose.DIGITAL_SIGNATURE else None
        certificate.extensions.get_extension_for_class(x509.KeyUsage)
        _check_criticals(certificate)
        if not isinstance(certificate.signature_hash_algorithm, hashes.SHA256):
            raise ValueError("not signed with SHA-256")
    except _UNREADABLE as error:
        # The parser's message may repeat a value of the certificate: only its type goes on.
        raise MalformedCertificate(type(error).__name__) from None
    return CardCertificate(der, certificate, purpose, attributes)


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    list_ends: datetime | None
    """When the revocation list must be replaced; None without a list."""
    revoked: frozenset[int]


class Authorities:
    """The certificate authorities whose cards are taken, with their revocation lists.

    An authority renews its key under the same name, so a name may stand for several authorities here.
    """

    def __init__(
        self,
        certificates: Sequence[x509.Certificate],
        revocation_lists: Sequence[x509.CertificateRevocationList],
    ) -> None:
        """``ValueError`` when there is no authority, or a list isn't a complete one signed by one of them."""
        if not certificates:
            raise ValueError("at least one authority is needed")
        latest: dict[x509.Certificate, x509.CertificateRevocationList] = {}
        for revoked in revocation_lists:
            issuer = _signer(revoked, certificates)
            if issuer not in latest or latest[issuer].last_update_utc < revoked.last_update_utc:
                latest[issuer] = revoked
        self._by_name: dict[x509.Name, list[_Authority]] = {}
        for certificate in certificates:
            self._by_name.setdefault(certificate.subject, []).append(_authority(certificate, latest.get(certificate)))

    def lists_end(self) -> datetime | None:
        """When the first revocation list runs out, after which its authority's cards are refused; None without one."""
        ends = [authority.list_ends for named in self._by_name.values() for authority in named]
        return None if None in ends else min(end for end in ends if end is not None)

    def validate(self, certificate: CardCertificate, now: datetime) -> None:
        """Raise the subclass of ``CertificateRefused`` that applies first, in the order below."""
        authority = self._validate_path(certificate, now)
        # 4. A current list of the issuer doesn't name it. Without one nobody knows, so nobody is let in.
        if authority.list_ends is None or now > authority.list_ends:
            raise RevocationUnknown
        if certificate.x509.serial_number in authority.revoked:
            raise CertificateRevoked

    def validate_as_of(self, certificate: CardCertificate, then: datetime) -> None:
        """As :meth:`validate` for a moment in the past, whose revocation lists are gone: without revocation."""
        self._validate_path(certificate, then)

    def _validate_path(self, certificate: CardCertificate, now: datetime) -> _Authority:
        leaf = certificate.x509
        # 1. The issuer is configured, may issue, and did sign this certificate.
        authority = self._issuer_of(leaf)
        # 2. Both are valid now.
        for item in (leaf, authority.certificate):
            if now < item.not_valid_before_utc:
                raise CertificateNotYetValid
            if now > item.not_valid_after_utc:
                raise CertificateExpired
        # 3. The key is a person's, not an authority's, and may sign what this kind of certificate is for.
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        signs = (
            usage.content_commitment if certificate.purpose is Purpose.DIGITAL_SIGNATURE else usage.digital_signature
        )
        if not signs or usage.key_cert_sign or _is_authority(leaf):
            raise WrongKeyUsage
        return authority

    def _issuer_of(self, leaf: x509.Certificate) -> _Authority:
        for authority in self._by_name.get(leaf.issuer, []):
            try:
                leaf.verify_directly_issued_by(authority.certificate)
            except (ValueError, TypeError, InvalidSignature):
                continue
            if _may_issue(authority.certificate):
                return authority
        raise UntrustedIssuer


def load_authorities(bundle_pem: bytes, revocation_lists: bytes) -> Authorities:
    """Authorities of a PEM bundle and of revocation lists (any number in PEM, or one in DER).

    ``ValueError`` for malformed ones.
    """
    marker = b"-----BEGIN X509 CRL-----"
    if marker in revocation_lists:
        lists = [x509.load_pem_x509_crl(marker + block) for block in revocation_lists.split(marker)[1:]]
    else:
        lists = [x509.load_der_x509_crl(revocation_lists)]
    return Authorities(x509.load_pem_x509_certificates(bundle_pem), lists)


def _signer(revoked: x509.CertificateRevocationList, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    if any(extension.critical for extension in revoked.extensions):
        # A list of changes, or of some certificates only (RFC 5280, 5.2.4 and 5.2.5), would pass for a complete one.
        raise ValueError("only complete revocation lists can be relied upon")
    for certificate in certificates:
        if certificate.subject == revoked.issuer and revoked.is_signature_valid(_rsa_key(certificate)):
            return certificate
    raise ValueError("a revocation list is not signed by a configured authority")


def _authority(certificate: x509.Certificate, revoked: x509.CertificateRevocationList | None) -> _Authority:
    if revoked is None:
        return _Authority(certificate, None, frozenset())
    # Asking the list itself would walk through all of it for each voter.
    return _Authority(certificate, revoked.next_update_utc, frozenset(entry.serial_number for entry in revoked))


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return _is_authority(certificate) and usage.key_cert_sign


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _read_all(certificate: x509.Certificate) -> None:
    """The library parses a field when it is asked for: find what is malformed now, not in the middle of a check."""
    certificate.issuer, certificate.subject  # noqa: B018
    certificate.not_valid_before_utc, certificate.not_valid_after_utc  # noqa: B018
    _rsa_key(certificate)


def _rsa_key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or not _KEY_BITS <= key.key_size <= _LARGEST_KEY_BITS:
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
    known = (x509.KeyUsage, x509.BasicConstraints, x509.CertificatePolicies, x509.SubjectAlternativeName)
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
