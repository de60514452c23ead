"""Every environment variable of the service."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.releases import OLDEST_RELEASE, EventsRelease
from evote_jpki.certificates import Purpose
from evote_phone.id_token import Algorithm
from evote_platform.certificates import NamedCertificates, in_file
from evote_platform.settings import Environment, ServiceSettings
from joserfc.jwk import ECKey, RSAKey
from nacl.public import PublicKey
from pydantic import Field, HttpUrl, model_validator

from .domain.faces import FaceKeys
from .keys.store import FileKeys, KeyStore
from .keys.token import TokenKeys, TokenSettings
from .phone.provider import PhoneSettings
from .revocation.trust import CardFiles


class AuthSettings(ServiceSettings):
    """Settings of auth; each is read from ``EVOTE_`` and its name in capitals."""

    credential_token_module: Path | None = None
    """The PKCS #11 library of the token that holds the elections' credential keys."""
    credential_token_label: str | None = None
    """Which token."""
    credential_token_pin_file: Path | None = None
    """A file whose only line is the token's user PIN."""
    master_key_file: Path | None = None
    """Instead of a token, for development: base64 of at least 32 secret bytes. Production refuses it."""
    ca_bundle_file: Path | None = None
    """PEM certificates of the authorities whose cards are taken; without it no release by card is offered."""
    crl_file: Path | None = None
    """Revocation lists of the same authorities, in PEM (or one in DER); read again whenever the file changes.

    Set both or none.

    A list past its next update tells nothing, and neither does a missing one: where no responder can tell either, every
    card of its authority is refused.
    """
    ocsp_user_authentication_url: HttpUrl | None = None
    """The OCSP responder for user-authentication certificates; without it their list alone is used."""
    ocsp_digital_signature_url: HttpUrl | None = None
    """The OCSP responder for signature certificates; without it their list alone is used."""
    auditor_public_key: str
    """Base64 of the auditor's X25519 public key, to which release evidence is sealed."""
    face_order_key_file: Path | None = None
    """Ed25519 private key (PEM, PKCS #8) that signs orders to biometric; without it no release by face is offered."""
    biometric_public_key_file: Path | None = None
    """Ed25519 public key (PEM) of biometric's verdicts."""
    voting_code_key_file: Path | None = None
    """X25519 private key (PEM, PKCS #8) that typed voting codes are sealed to; set all three or none."""
    phone_base_url: HttpUrl | None = None
    """The provider of マイナアプリ (``https://auth-and-sign.go.jp/api``); without it no release by phone is offered."""
    phone_issuer: str | None = None
    """Its issuer, exactly as it stands in ID tokens."""
    phone_client_id: str | None = None
    """Who auth is there."""
    phone_algorithm: Algorithm | None = None
    """``RS256`` or ``ES256``: with which the provider signs ID tokens and auth its assertions."""
    phone_client_key_file: Path | None = None
    """Private key (PEM, PKCS #8) of auth's assertions, RSA or P-256 as the algorithm wants it."""
    phone_decryption_key_file: Path | None = None
    """RSA private key (PEM, PKCS #8) to which the provider encrypts signatures and certificates."""
    phone_redirect_uri: HttpUrl | None = None
    """The front's page that the app comes back to, as it is registered there; set all seven or none."""
    address_requests_per_minute: Annotated[int, Field(ge=1)] = 60
    """How many challenges, releases and face orders one address may ask for, on average and at once, at a replica."""

    events_release: EventsRelease = OLDEST_RELEASE
    """The release of the events that every reader of the deployment reads: nothing newer is written."""

    def kafka(self) -> KafkaSettings:
        """Where the event log is."""
        return KafkaSettings.of(self)

    def certificates(self) -> NamedCertificates:
        """Those of every service, and the cards' authorities, which are read again when their file changes."""
        common = super().certificates()
        authorities = {} if self.ca_bundle_file is None else {"card-authorities": in_file(self.ca_bundle_file)}
        return NamedCertificates(common.read_once, {**common.read_again, **authorities})

    @model_validator(mode="after")
    def _keys_in_a_token_or_a_file(self) -> Self:
        named = [self.credential_token_module, self.credential_token_label, self.credential_token_pin_file]
        if any(named) != all(named) or any(named) == (self.master_key_file is not None):
            raise ValueError("set all three credential_token settings, or master_key_file alone, for development")
        if self.master_key_file is not None and self.environment is Environment.PRODUCTION:
            # One file would make every credential of every election, and whoever copies it leaves no trace.
            raise ValueError("production keeps credential keys in a PKCS #11 token, not in master_key_file")
        return self

    @model_validator(mode="after")
    def _cards_or_another_way(self) -> Self:
        if (self.ca_bundle_file is None) != (self.crl_file is None):
            raise ValueError("set both ca_bundle_file and crl_file, or none")
        if self.ca_bundle_file is not None:
            return self
        if self.phone_base_url is not None or self.ocsp_urls():
            raise ValueError("set ca_bundle_file and crl_file: the phone's app and the responders tell of cards")
        if self.face_order_key_file is None:
            raise ValueError(
                "nobody could come in: set ca_bundle_file and crl_file for cards, or the keys of the face way"
            )
        return self

    def card_files(self) -> CardFiles | None:
        """Where the cards' authorities are; None where no card is taken."""
        bundle, lists = self.ca_bundle_file, self.crl_file
        return None if bundle is None or lists is None else CardFiles(bundle, lists)

    def credential_token(self) -> TokenSettings | None:
        """Where the keys' token is; None with a file."""
        module, label, pin_file = (
            self.credential_token_module,
            self.credential_token_label,
            self.credential_token_pin_file,
        )
        return None if module is None or label is None or pin_file is None else TokenSettings(module, label, pin_file)

    def key_store(self) -> KeyStore:
        """Where the keys are; reads the file, and of the token nothing yet."""
        if (token := self.credential_token()) is not None:
            return TokenKeys(token)
        assert self.master_key_file is not None  # noqa: S101 - or there is a token
        return FileKeys(base64.b64decode(self.master_key_file.read_bytes().strip(), validate=True))

    @model_validator(mode="after")
    def _all_face_keys_or_none(self) -> Self:
        files = (self.face_order_key_file, self.biometric_public_key_file, self.voting_code_key_file)
        if any(files) and not all(files):
            raise ValueError(
                "set all of face_order_key_file, biometric_public_key_file and voting_code_key_file, or none"
            )
        return self

    def face_keys(self) -> FaceKeys | None:
        """Read the keys of the face way; None where it isn't offered. ``ValueError`` for a key of another kind."""
        if (
            self.face_order_key_file is None
            or self.biometric_public_key_file is None
            or self.voting_code_key_file is None
        ):
            return None
        order_key = load_pem_private_key(self.face_order_key_file.read_bytes(), password=None)
        verdict_key = load_pem_public_key(self.biometric_public_key_file.read_bytes())
        code_key = load_pem_private_key(self.voting_code_key_file.read_bytes(), password=None)
        if not isinstance(order_key, Ed25519PrivateKey) or not isinstance(verdict_key, Ed25519PublicKey):
            raise ValueError("the keys of orders and verdicts must be Ed25519 keys")
        if not isinstance(code_key, X25519PrivateKey):
            raise ValueError("the key of voting codes must be an X25519 key")
        if order_key.public_key() == verdict_key:
            # One key for both would let either service sign for the other.
            raise ValueError("auth and biometric must have keys of their own")
        return FaceKeys(order_key, verdict_key, code_key)

    @model_validator(mode="after")
    def _all_of_the_phone_or_nothing(self) -> Self:
        named = [getattr(self, name) for name in type(self).model_fields if name.startswith("phone_")]
        if any(named) and not all(named):
            raise ValueError("set all seven phone settings, or none")
        urls = [str(url) for url in (self.phone_base_url, self.phone_redirect_uri) if url is not None]
        if self.environment is Environment.PRODUCTION and not all(url.startswith("https://") for url in urls):
            # Codes and tokens pass there.
            raise ValueError("production speaks TLS to the provider of the phone's app, and comes back over TLS")
        return self

    def phone(self) -> PhoneSettings | None:
        """The account at the provider of マイナアプリ; None where there is none.

        ``ValueError`` or ``JoseError`` for a key of another kind.
        """
        if (
            self.phone_base_url is None
            or self.phone_issuer is None
            or self.phone_client_id is None
            or self.phone_algorithm is None
            or self.phone_client_key_file is None
            or self.phone_decryption_key_file is None
            or self.phone_redirect_uri is None
        ):
            return None
        kind = RSAKey if self.phone_algorithm == "RS256" else ECKey
        return PhoneSettings(
            base_url=str(self.phone_base_url).rstrip("/"),
            issuer=self.phone_issuer,
            client_id=self.phone_client_id,
            algorithm=self.phone_algorithm,
            redirect_uri=str(self.phone_redirect_uri),
            client_key=kind.import_key(self.phone_client_key_file.read_bytes()),
            decryption_key=RSAKey.import_key(self.phone_decryption_key_file.read_bytes()),
        )

    def ocsp_urls(self) -> dict[Purpose, str]:
        """The configured responders."""
        urls = {
            Purpose.USER_AUTHENTICATION: self.ocsp_user_authentication_url,
            Purpose.DIGITAL_SIGNATURE: self.ocsp_digital_signature_url,
        }
        return {purpose: str(url) for purpose, url in urls.items() if url is not None}

    def auditor_key(self) -> PublicKey:
        """The auditor's key."""
        return PublicKey(base64.b64decode(self.auditor_public_key, validate=True))
