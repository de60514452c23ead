"""Test authorities: an organisation's certificates, as cryptogen would make them, for the stand-in's network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from evote_anchors.fabric.identity import Identity, PemKey
from evote_local.nodes.ports import LOOPBACK

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Member:
    """A certificate and its key."""

    msp_id: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def identity(self) -> Identity:
        return Identity(self.msp_id, self.certificate, PemKey(self.key))

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class TestOrganisation:
    """Issues certificates in the name of one MSP id."""

    __test__ = False

    def __init__(self, msp_id: str, now: datetime) -> None:
        self.msp_id = msp_id
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ca.{msp_id}")])
        self.authority = (
            self._builder(name, name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def authority_pem(self) -> bytes:
        return self.authority.public_bytes(Encoding.PEM)

    @cached_property
    def client(self) -> Member:
        return self.member("client")

    @cached_property
    def peer(self) -> Member:
        return self.member("peer")

    def member(self, role: str, *, lasts: timedelta = _DAY) -> Member:
        """A member in the given role; also good as a TLS server on the loopback address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{role}.{self.msp_id}"),
            ]
        )
        certificate = (
            self._builder(subject, self.authority.subject, key, lasts=lasts)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(LOOPBACK))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Member(self.msp_id, certificate, key)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, lasts: timedelta = _DAY
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _DAY)
            .not_valid_after(self._now + lasts)
        )
