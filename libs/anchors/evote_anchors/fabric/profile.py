"""The connection profile: one JSON file that says how to reach a channel, and as whom."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from .errors import ProfileInvalid
from .identity import Identity, PemKey, Signer, TokenKey, TokenSettings, verify_key_fits

_PEER: Final = frozenset({"address", "tls_ca_file", "tls_server_name"})
_ORGANISATION: Final = frozenset({"msp_id", "ca_file"})
_IDENTITY: Final = frozenset({"msp_id", "certificate_file", "key_file", "token"})


@dataclass(frozen=True)
class PeerEndpoint:
    """A peer that serves the Gateway.

    Args:
        address: ``host:port``.
        tls_ca: the authorities (PEM) that its TLS certificate may come from.
        tls_server_name: the name in that certificate, when it is not the address's host.
    """

    address: str
    tls_ca: bytes
    tls_server_name: str | None


@dataclass(frozen=True)
class Organisation:
    """An organisation that must have endorsed every anchor.

    Args:
        msp_id: its id on the channel.
        authorities: the certificates that issue its members' certificates.
    """

    msp_id: str
    authorities: tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class Profile:
    """A channel as one client uses it.

    Args:
        channel: its name.
        chaincode: the anchor contract's name on the channel.
        peers: gateways, the preferred first.
        organisations: whose endorsements every anchor must carry; the anchorer's is among them.
        anchorer: the MSP id of the one organisation that anchors.
        identity: who asks; any member of the channel may read.
    """

    channel: str
    chaincode: str
    peers: tuple[PeerEndpoint, ...]
    organisations: tuple[Organisation, ...]
    anchorer: str
    identity: Identity


def load_profile(path: Path) -> Profile:
    """Read a profile and the files that it names; their paths are relative to the profile's folder.

    Raises:
        ProfileInvalid: with the field and what is wrong with it.
        ChainUnavailable: the identity's token doesn't answer.
    """
    top = _top(path)
    organisations = tuple(_organisation(each) for each in top.parts("organisations", _ORGANISATION))
    anchorer = top.text("anchorer")
    if anchorer not in {organisation.msp_id for organisation in organisations}:
        raise ProfileInvalid(path, "anchorer", f"{anchorer} is none of the organisations")
    return Profile(
        channel=top.text("channel"),
        chaincode=top.text("chaincode"),
        peers=tuple(_peer(each) for each in top.parts("peers", _PEER)),
        organisations=organisations,
        anchorer=anchorer,
        identity=_identity(top.part("identity", _IDENTITY)),
    )


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Every certificate that a profile names: who asks, who issues the members', who issues the peers' TLS.

    Raises ``ProfileInvalid``. No key is read, and no token asked.
    """
    top = _top(path)
    return (
        *top.part("identity", _IDENTITY).certificates("certificate_file"),
        *(one for each in top.parts("organisations", _ORGANISATION) for one in each.certificates("ca_file")),
        *(one for each in top.parts("peers", _PEER) for one in each.certificates("tls_ca_file")),
    )


def _top(path: Path) -> _Part:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ProfileInvalid(path, "the file", str(error)) from error
    return _Part(path, "", document, {"channel", "chaincode", "peers", "organisations", "anchorer", "identity"})


class _Part:
    """An object in the JSON of the profile, which knows where it stands in it."""

    def __init__(self, path: Path, place: str, value: object, fields: Iterable[str]) -> None:
        self._path = path
        self._place = place
        if not isinstance(value, dict):
            raise ProfileInvalid(path, place or "the file", "must be an object")
        self._value: dict[str, object] = value
        for unknown in value.keys() - set(fields):
            raise self.invalid(unknown, "is not a field of a profile")

    def __contains__(self, field: str) -> bool:
        return field in self._value

    def invalid(self, field: str, reason: str) -> ProfileInvalid:
        return ProfileInvalid(self._path, f"{self._place}.{field}" if self._place else field, reason)

    def text(self, field: str) -> str:
        value = self._get(field)
        if not isinstance(value, str) or not value:
            raise self.invalid(field, "must be text")
        return value

    def part(self, field: str, fields: Iterable[str]) -> _Part:
        return self._part_at(field, self._get(field), fields)

    def parts(self, field: str, fields: Iterable[str]) -> list[_Part]:
        values = self._get(field)
        if not isinstance(values, list) or not values:
            raise self.invalid(field, "must be a list of at least one object")
        return [self._part_at(f"{field}[{index}]", value, fields) for index, value in enumerate(values)]

    def file(self, field: str) -> Path:
        return self._path.parent / self.text(field)

    def content(self, field: str) -> bytes:
        try:
            return self.file(field).read_bytes()
        except OSError as error:
            raise self.invalid(field, str(error)) from error

    def certificates(self, field: str) -> tuple[x509.Certificate, ...]:
        try:
            return tuple(x509.load_pem_x509_certificates(self.content(field)))
        except ValueError as error:
            raise self.invalid(field, f"{self.file(field)} holds no certificates in PEM: {error}") from error

    def _get(self, field: str) -> object:
        if field not in self._value:
            raise self.invalid(field, "is missing")
        return self._value[field]

    def _part_at(self, field: str, value: object, fields: Iterable[str]) -> _Part:
        return _Part(self._path, f"{self._place}.{field}" if self._place else field, value, fields)


def _peer(peer: _Part) -> PeerEndpoint:
    server_name = peer.text("tls_server_name") if "tls_server_name" in peer else None
    return PeerEndpoint(peer.text("address"), peer.content("tls_ca_file"), server_name)


def _organisation(organisation: _Part) -> Organisation:
    return Organisation(organisation.text("msp_id"), organisation.certificates("ca_file"))


def _identity(identity: _Part) -> Identity:
    certificate = identity.certificates("certificate_file")[0]
    signer, field = _signer(identity)
    try:
        verify_key_fits(certificate, signer)
    except ValueError as error:
        raise identity.invalid(field, str(error)) from error
    return Identity(identity.text("msp_id"), certificate, signer)


def _signer(identity: _Part) -> tuple[Signer, str]:
    if "token" in identity and "key_file" in identity:
        raise identity.invalid("token", "a key is in a file or in a token, not in both")
    if "token" in identity:
        token = identity.part("token", {"module", "token_label", "key_label", "pin_file"})
        settings = TokenSettings(
            token.file("module"), token.text("token_label"), token.text("key_label"), token.file("pin_file")
        )
        return TokenKey(settings), "token"
    try:
        return PemKey.load(identity.file("key_file")), "key_file"
    except (OSError, ValueError, TypeError) as error:  # TypeError: the key is encrypted
        raise identity.invalid("key_file", str(error)) from error
