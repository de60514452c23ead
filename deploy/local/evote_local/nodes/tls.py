"""An authority of one machine: certificates for its servers and clients, in files, good for this run only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from .ports import LOOPBACK

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class TlsIdentity:
    """A certificate and its key, as PEM files."""

    certificate_file: Path
    key_file: Path

    @property
    def joined_pem(self) -> str:
        """Key and certificate in one text, as Java takes them."""
        return self.key_file.read_text() + self.certificate_file.read_text()


class LocalAuthority:
    """Issues certificates for the loopback address; its key never leaves the process."""

    def __init__(self, directory: Path) -> None:
        """Certificates and keys go into ``directory``, readable by the owner alone."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("evote local authority")
        authority = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file = directory / "ca.pem"
        self.ca_file.write_bytes(authority.public_bytes(Encoding.PEM))

    def issue(self, common_name: str) -> TlsIdentity:
        """A certificate of this name for the loopback address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(LOOPBACK)), x509.DNSName("localhost")])
        certificate = (
            self._builder(_name(common_name), key.public_key())
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        identity = TlsIdentity(self._directory / f"{common_name}.crt", self._directory / f"{common_name}.key")
        identity.certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        identity.key_file.touch(mode=0o600)
        identity.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return identity

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 30 * _DAY)
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
