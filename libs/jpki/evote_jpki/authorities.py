"""The authorities whose cards are taken: path validation (RFC 5280, section 6) and revocation lists.

JPKI's authorities are self-signed and issue cards directly, so a path is one certificate long and every configured
authority is a trust anchor. Bridge authorities and intermediate ones are out of scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

from .certificates import (
    UNREADABLE,
    CardCertificate,
    CertificateExpired,
    CertificateNotYetValid,
    Purpose,
    UntrustedIssuer,
    WrongKeyUsage,
    rsa_key,
)

TEST_MARK = "TEST ONLY"
"""What a name in the subject of every authority that must never be trusted in production begins with."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far the clock of whoever signs lists and answers may be ahead of ours, or behind it."""
SIGNATURE_ALGORITHMS = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
    }
)
"""What revocation lists and OCSP answers may be signed with."""
_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_EXTENDED_USAGES = {
    Purpose.USER_AUTHENTICATION: {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE},
    Purpose.DIGITAL_SIGNATURE: {_DOCUMENT_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE},
}


class RevocationStatus(StrEnum):
    """What one source says about a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RevocationList:
    """An authority's complete list (RFC 5280, 5)."""

    begins: datetime
    ends: datetime | None
    serials: frozenset[int] = field(repr=False)

    def is_current(self, now: datetime) -> bool:
        """Whether it may be relied upon at ``now``. One that doesn't say when it ends never may."""
        return self.ends is not None and self.begins - CLOCK_TOLERANCE <= now <= self.ends


@dataclass(frozen=True)
class Authority:
    """A trust anchor, with its revocation list if there is one."""

    certificate: x509.Certificate = field(repr=False)
    revocation_list: RevocationList | None

    def listed(self, certificate: CardCertificate, now: datetime) -> RevocationStatus:
        """What the list says of a certificate of this authority; UNKNOWN without a current list."""
        if self.revocation_list is None or not self.revocation_list.is_current(now):
            return RevocationStatus.UNKNOWN
        revoked = certificate.x509.serial_number in self.revocation_list.serials
        return RevocationStatus.REVOKED if revoked else RevocationStatus.GOOD


class Authorities:
    """The certificate authorities whose cards are taken, with their revocation lists.

    An authority renews its key under the same name, so a name may stand for several authorities here.
    """

    def __init__(
        self,
        certificates: Sequence[x509.Certificate],
        revocation_lists: Sequence[x509.CertificateRevocationList],
    ) -> None:
        """``ValueError`` when one of the certificates is not an authority's (6.1.4 k, n, o), there is none, or a list
        isn't a complete one signed by one of them.
        """
        if not certificates:
            raise ValueError("at least one authority is needed")
        for certificate in certificates:
            _check_authority(certificate)
        latest: dict[x509.Certificate, x509.CertificateRevocationList] = {}
        for revoked in revocation_lists:
            issuer = _signer(revoked, certificates)
            if issuer not in latest or latest[issuer].last_update_utc < revoked.last_update_utc:
                latest[issuer] = revoked
        self._by_name: dict[x509.Name, list[Authority]] = {}
        for certificate in certificates:
            authority = Authority(certificate, _revocation_list(latest.get(certificate)))
            self._by_name.setdefault(certificate.subject, []).append(authority)

    def lists_end(self) -> datetime | None:
        """When the first revocation list runs out; None when an authority has none that ends."""
        lists = [authority.revocation_list for authority in self._all()]
        ends = [None if each is None else each.ends for each in lists]
        return None if None in ends else min(end for end in ends if end is not None)

    def test_authorities(self) -> list[str]:
        """The subjects (RFC 4514) of those that must never be trusted in production."""
        subjects = [authority.certificate.subject for authority in self._all()]
        return [
            subject.rfc4514_string()
            for subject in subjects
            if any(str(attribute.value).startswith(TEST_MARK) for attribute in subject)
        ]

    def validate_path(self, certificate: CardCertificate, moment: datetime) -> Authority:
        """The authority that vouches for a certificate at ``moment``, now or in the past; revocation is not looked at.

        Raises:
            CertificateRefused: the subclass that applies first, in the order below.
        """
        leaf = certificate.x509
        # 1. The issuer is configured and did sign this certificate (6.1.3 a 1 and a 4).
        authority = self._issuer_of(leaf)
        # 2. Both are valid at that moment, to the second (6.1.3 a 2).
        for item in (leaf, authority.certificate):
            if moment < item.not_valid_before_utc:
                raise CertificateNotYetValid
            if moment > item.not_valid_after_utc:
                raise CertificateExpired
        # 3. The key is a person's, not an authority's, and may sign what this kind of certificate is for.
        _check_usage(certificate)
        return authority

    def _issuer_of(self, leaf: x509.Certificate) -> Authority:
        for authority in self._by_name.get(leaf.issuer, []):
            try:
                leaf.verify_directly_issued_by(authority.certificate)
            except (ValueError, TypeError, InvalidSignature):
                continue
            if _names_key_of(leaf, authority.certificate):
                return authority
        raise UntrustedIssuer

    def _all(self) -> list[Authority]:
        return [authority for named in self._by_name.values() for authority in named]


def load_authorities(bundle_pem: bytes, revocation_lists: bytes) -> Authorities:
    """Authorities of a PEM bundle and of revocation lists (any number in PEM, or one in DER).

    ``ValueError`` for malformed ones.
    """
    marker = b"-----BEGIN X509 CRL-----"
    try:
        if marker in revocation_lists:
            lists = [x509.load_pem_x509_crl(marker + block) for block in revocation_lists.split(marker)[1:]]
        else:
            lists = [x509.load_der_x509_crl(revocation_lists)]
        return Authorities(x509.load_pem_x509_certificates(bundle_pem), lists)
    except ValueError:
        raise
    except UNREADABLE as error:
        raise ValueError(f"a file that can't be read: {type(error).__name__}") from None


def _check_authority(certificate: x509.Certificate) -> None:
    rsa_key(certificate)
    if not _may_issue(certificate):
        raise ValueError("a certificate of the bundle is not an authority's")
    known = (x509.KeyUsage, x509.BasicConstraints, x509.CertificatePolicies)
    if any(extension.critical and not isinstance(extension.value, known) for extension in certificate.extensions):
        # Name constraints, for example: what we don't process we can't obey.
        raise ValueError("an authority has a critical extension that is not processed here")


def _check_usage(certificate: CardCertificate) -> None:
    usage = _key_usage(certificate.x509)
    signs = usage.content_commitment if certificate.purpose is Purpose.DIGITAL_SIGNATURE else usage.digital_signature
    if not signs or usage.key_cert_sign or _is_authority(certificate.x509):
        raise WrongKeyUsage
    try:
        extended = certificate.x509.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if _EXTENDED_USAGES[certificate.purpose].isdisjoint(extended):
        raise WrongKeyUsage


def _signer(revoked: x509.CertificateRevocationList, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    if any(extension.critical for extension in revoked.extensions):
        # A list of changes, or of some certificates only (RFC 5280, 5.2.4 and 5.2.5), would pass for a complete one.
        raise ValueError("only complete revocation lists can be relied upon")
    if revoked.signature_algorithm_oid not in SIGNATURE_ALGORITHMS:
        raise ValueError("a revocation list is signed by an algorithm that is not taken")
    for certificate in certificates:
        if certificate.subject == revoked.issuer and revoked.is_signature_valid(rsa_key(certificate)):
            if not _key_usage(certificate).crl_sign:
                raise ValueError("a revocation list is signed by a key that may not sign lists")
            return certificate
    raise ValueError("a revocation list is not signed by a configured authority")


def _revocation_list(revoked: x509.CertificateRevocationList | None) -> RevocationList | None:
    if revoked is None:
        return None
    # Asking the list itself would walk through all of it for each voter.
    serials = frozenset(entry.serial_number for entry in revoked)
    return RevocationList(revoked.last_update_utc, revoked.next_update_utc, serials)


def _names_key_of(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the authority key identifier, where both have one, is the issuer's (RFC 5280, 4.2.1.1)."""
    try:
        named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return True
    return named is None or named == own


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return _is_authority(certificate) and _key_usage(certificate).key_cert_sign
    except x509.ExtensionNotFound:
        return False


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage:
    return certificate.extensions.get_extension_for_class(x509.KeyUsage).value


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
