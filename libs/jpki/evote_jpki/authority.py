"""A stand-in for J-LIS: a test authority that issues, renews and revokes cards.

Unless it is told otherwise, every name that it gives an authority begins with ``TEST_MARK``, and auth refuses such
authorities in production.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from .authorities import TEST_MARK
from .certificates import (
    ADDRESS_OID,
    ADDRESS_SUBSTITUTES_OID,
    BIRTH_DATE_OID,
    NAME_OID,
    NAME_SUBSTITUTES_OID,
    SEX_OID,
    Purpose,
)
from .der import encode_utf8_string
from .emulator import EmulatedCard, KeySlot
from .files import DIGITAL_SIGNATURE, USER_AUTHENTICATION
from .responder import ResponderIdentity

USER_LIST, SIGNATURE_LIST = "user-authentication.crl", "digital-signature.crl"
OCSP_PATH = "ocsp"
"""Where the distribution points and the responder are, below the test authority's address."""
_ADDRESS = "http://test-authority.example"
_YEARS = timedelta(days=5 * 365)
_LIST_LIFETIME = timedelta(days=7)
_RESPONDER_LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class Person:
    """Whom a card is issued to: the four basic attributes. ``birth_date`` is ``YYYY-MM-DD``."""

    name: str
    address: str
    birth_date: str
    sex: str


@dataclass(frozen=True)
class CardKeys:
    """The two key pairs of a card.

    Real cards make their own. Making thousands of RSA keys takes minutes, so a simulation may give several cards the
    same pairs; certificates, serial numbers and names still differ.
    """

    user_authentication: rsa.RSAPrivateKey = field(repr=False)
    digital_signature: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True)
class _Issuer:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    list_name: str


def generate_card_keys() -> CardKeys:
    """Two new RSA-2048 pairs."""
    return CardKeys(_new_key(), _new_key())


class TestAuthority:
    """Two authorities, as JPKI has them: one for user authentication, one for digital signatures."""

    __test__ = False  # not a pytest class, in spite of its name

    def __init__(self, clock: Callable[[], datetime], random: Callable[[int], bytes], *, mark: str = TEST_MARK) -> None:
        """Make both authorities' keys.

        Args:
            mark: with what names begin. Another one is for a deployment that is set up as in production and taken away
                after the test: its auth takes the cards.
        """
        self._clock = clock
        self._random = random
        self._mark = mark
        self._user = self._make_issuer("Public Certificate for User Authentication CA", USER_LIST)
        self._signature = self._make_issuer("Public Certificate for Digital Signature CA", SIGNATURE_LIST)
        self._revoked: dict[x509.Name, dict[int, datetime]] = {}

    def ca_bundle_pem(self) -> bytes:
        """Both authorities' certificates."""
        return b"".join(issuer.certificate.public_bytes(Encoding.PEM) for issuer in (self._user, self._signature))

    def crl_pem(self, lifetime: timedelta = _LIST_LIFETIME) -> bytes:
        """Both authorities' current revocation lists, good for ``lifetime`` from now."""
        issuers = (self._user, self._signature)
        return b"".join(self._list(issuer, lifetime).public_bytes(Encoding.PEM) for issuer in issuers)

    def issue_card(
        self,
        person: Person,
        keys: CardKeys,
        *,
        pin: str,
        password: str,
        valid_from: datetime | None = None,
        lifetime: timedelta = _YEARS,
    ) -> EmulatedCard:
        """A card with both certificates, valid from ``valid_from`` (default: a minute ago) for ``lifetime``."""
        starts = valid_from or self._clock() - timedelta(minutes=1)
        user = self._issue(self._user, keys.user_authentication, None, starts, lifetime)
        signature = self._issue(self._signature, keys.digital_signature, person, starts, lifetime)
        return EmulatedCard(
            KeySlot(USER_AUTHENTICATION, _der(user), _der(self._user.certificate), keys.user_authentication, pin),
            KeySlot(
                DIGITAL_SIGNATURE, _der(signature), _der(self._signature.certificate), keys.digital_signature, password
            ),
        )

    def renew_card(self, old: EmulatedCard, person: Person, keys: CardKeys) -> EmulatedCard:
        """What a municipality does before a card's certificates end or when a name has changed.

        The card gets new keys and certificates and keeps its PIN and password; the old certificates are revoked.
        """
        for slot in old.slots:
            self.revoke(slot.certificate)
        user, signature = old.slots
        return self.issue_card(person, keys, pin=user.pin, password=signature.pin)

    def responders(self) -> tuple[ResponderIdentity, ResponderIdentity]:
        """New delegates of both authorities, with which an OCSP responder answers (RFC 6960, 4.2.2.2)."""
        return self._make_responder(self._user), self._make_responder(self._signature)

    def revoke(self, certificate_der: bytes) -> None:
        """Put a certificate on its issuer's next revocation list."""
        certificate = x509.load_der_x509_certificate(certificate_der)
        self._revoked.setdefault(certificate.issuer, {}).setdefault(certificate.serial_number, self._clock())

    def _issue(
        self, issuer: _Issuer, key: rsa.RSAPrivateKey, person: Person | None, starts: datetime, lifetime: timedelta
    ) -> x509.Certificate:
        # The real user-authentication certificate has a number for a subject, and so has the signature certificate.
        number = self._random(8).hex()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"), _common_name(number)]))
            .issuer_name(issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._random(8), "big") | 1)
            .not_valid_before(starts)
            .not_valid_after(starts + lifetime)
        )
        profile = _signature_profile(person) if person else _user_profile()
        issuance = [
            (_distribution_point(issuer.list_name), False),
            (_ocsp_access(), False),
            (_authority_key(issuer.key), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        ]
        for extension, critical in [*profile, *issuance]:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(issuer.key, hashes.SHA256())

    def _make_responder(self, issuer: _Issuer) -> ResponderIdentity:
        key, now = _new_key(), self._clock()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name("OCSP responder"))
            .issuer_name(issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._random(8), "big") | 1)
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + _RESPONDER_LIFETIME)
            .add_extension(_key_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
            .add_extension(x509.OCSPNoCheck(), critical=False)
            .add_extension(_authority_key(issuer.key), critical=False)
            .sign(issuer.key, hashes.SHA256())
        )
        return ResponderIdentity(issuer.certificate, certificate, key)

    def _make_issuer(self, name: str, list_name: str) -> _Issuer:
        key = _new_key()
        subject = self._name(name)
        now = self._clock()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._random(8), "big") | 1)
            .not_valid_before(now - timedelta(days=3650))
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(digital_signature=False, issuing=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return _Issuer(certificate, key, list_name)

    def _name(self, text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"), _common_name(f"{self._mark} {text}")])

    def _list(self, issuer: _Issuer, lifetime: timedelta = _LIST_LIFETIME) -> x509.CertificateRevocationList:
        now = self._clock()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(now - timedelta(minutes=1))
            .next_update(now + lifetime)
            .add_extension(_authority_key(issuer.key), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for serial, since in self._revoked.get(issuer.certificate.subject, {}).items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(issuer.key, hashes.SHA256())


def _user_profile() -> list[tuple[x509.ExtensionType, bool]]:
    return [
        (_key_usage(), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (_policy(Purpose.USER_AUTHENTICATION, 30), True),
    ]


def _signature_profile(person: Person) -> list[tuple[x509.ExtensionType, bool]]:
    # The order of a real card's certificate, as openssl prints it; the last two say where a character that the
    # cards can't hold was replaced (nowhere).
    texts = (
        (NAME_OID, person.name),
        (BIRTH_DATE_OID, _era(person.birth_date) + person.birth_date.replace("-", "")),
        (SEX_OID, person.sex),
        (ADDRESS_OID, person.address),
        (NAME_SUBSTITUTES_OID, "0" * 5),
        (ADDRESS_SUBSTITUTES_OID, "0" * 22),
    )
    names = [x509.OtherName(oid, encode_utf8_string(text)) for oid, text in texts]
    return [
        (_key_usage(content_commitment=True), True),
        (_policy(Purpose.DIGITAL_SIGNATURE, 20), True),
        (x509.SubjectAlternativeName(names), False),
    ]


def _distribution_point(list_name: str) -> x509.CRLDistributionPoints:
    address = x509.UniformResourceIdentifier(f"{_ADDRESS}/{list_name}")
    return x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)])


def _ocsp_access() -> x509.AuthorityInformationAccess:
    address = x509.UniformResourceIdentifier(f"{_ADDRESS}/{OCSP_PATH}")
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, address)])


def _authority_key(key: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _policy(purpose: Purpose, policy_class: int) -> x509.CertificatePolicies:
    identifier = x509.ObjectIdentifier(f"{purpose}.{policy_class}")
    return x509.CertificatePolicies([x509.PolicyInformation(identifier, None)])


def _era(birth_date: str) -> str:
    return str(1 + sum(birth_date >= first for first in ("1912-07-30", "1926-12-25", "1989-01-08", "2019-05-01")))


def _key_usage(
    *, digital_signature: bool = True, content_commitment: bool = False, issuing: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issuing,
        crl_sign=issuing,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(text: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.COMMON_NAME, text)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
