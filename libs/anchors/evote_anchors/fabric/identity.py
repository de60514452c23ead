"""Who signs: an X.509 certificate of an organisation, and its private key in a file or in a PKCS#11 token."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pkcs11
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from fabric_protos.msp import identities_pb2

from ..errors import ChainUnavailable
from . import low_s


class Signer(Protocol):
    """A P-256 private key that may be anywhere."""

    def sign(self, message: bytes) -> bytes:
        """ECDSA over the message's SHA-256, in DER, with low s.

        Raises:
            ChainUnavailable: the token doesn't answer.
        """


@dataclass(frozen=True)
class Identity:
    """A member of an organisation, able to sign. Prints without its key.

    Args:
        msp_id: the organisation's id on the channel.
        certificate: the member's own.
        signer: the certificate's private key.
    """

    msp_id: str
    certificate: x509.Certificate
    signer: Signer

    @property
    def creator(self) -> bytes:
        """The identity as messages carry it (``msp/identities.proto``, SerializedIdentity)."""
        pem = self.certificate.public_bytes(Encoding.PEM)
        encoded: bytes = identities_pb2.SerializedIdentity(mspid=self.msp_id, id_bytes=pem).SerializeToString()
        return encoded

    def sign(self, message: bytes) -> bytes:
        """Sign as this member."""
        return self.signer.sign(message)


class PemKey:
    """A private key in memory. Doesn't print."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def load(cls, path: Path) -> PemKey:
        """Read an unencrypted PEM file.

        Raises:
            OSError: it can't be read.
            ValueError: it holds no P-256 private key.
        """
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a P-256 private key")
        return cls(key)

    def sign(self, message: bytes) -> bytes:
        return low_s.from_der(self._key.sign(message, ec.ECDSA(hashes.SHA256())))


@dataclass(frozen=True)
class TokenSettings:
    """A key in a PKCS#11 token.

    Args:
        module: the vendor's PKCS#11 library.
        token_label: which token.
        key_label: which private key in it.
        pin_file: a file whose only line is the user PIN.
    """

    module: Path
    token_label: str
    key_label: str
    pin_file: Path


class TokenKey:
    """A private key that never leaves its token. Opened at the first signature, and again after a failure."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._session: pkcs11.Session | None = None
        self._key: pkcs11.PrivateKey | None = None

    def sign(self, message: bytes) -> bytes:
        digest = hashlib.sha256(message).digest()
        try:
            try:
                raw = self._open().sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
            except pkcs11.PKCS11Error:
                if self._key is None:  # not opened: a wrong PIN tried twice is locked out sooner
                    raise
                # A session ends when its token restarts, and when another one of this process logs out.
                self.close()
                raw = self._open().sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
        except (pkcs11.PKCS11Error, OSError) as error:
            self.close()
            reason = str(error) or type(error).__name__
            raise ChainUnavailable(f"token {self._settings.token_label!r} does not sign: {reason}") from error
        return low_s.from_raw(raw)

    def close(self) -> None:
        """Log out of the token; the next signature logs in again."""
        session, self._session, self._key = self._session, None, None
        if session is not None:
            with suppress(pkcs11.PKCS11Error):  # a session that is lost can't be closed
                session.close()

    def _open(self) -> pkcs11.PrivateKey:
        if self._key is None:
            settings = self._settings
            token = pkcs11.lib(str(settings.module)).get_token(token_label=settings.token_label)
            try:
                self._session = token.open(user_pin=settings.pin_file.read_text().strip())
            except pkcs11.exceptions.UserAlreadyLoggedIn:
                self._session = token.open()  # a token knows one login of a process, whichever session made it
            self._key = self._find(self._session)
        return self._key

    def _find(self, session: pkcs11.Session) -> pkcs11.PrivateKey:
        # To the end of the search: left open, it would fail when its session is gone.
        keys = list(
            session.get_objects(
                {
                    pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
                    pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
                    pkcs11.Attribute.LABEL: self._settings.key_label,
                }
            )
        )
        if len(keys) != 1:
            raise pkcs11.NoSuchKey(f"{len(keys)} private keys for ECDSA are called {self._settings.key_label!r}")
        return keys[0]


def verify_key_fits(certificate: x509.Certificate, signer: Signer) -> None:
    """See that a certificate belongs to a key, before a peer says so in other words.

    Raises:
        ValueError: another key's certificate, or none of P-256.
        ChainUnavailable: the token doesn't answer.
    """
    public_key = certificate.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise ValueError("the certificate's key is not of P-256")
    message = b"Does this key belong to this certificate?"
    try:
        public_key.verify(signer.sign(message), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise ValueError("the certificate belongs to another key") from error
