"""What a chaincode process is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import SettingsInvalid


@dataclass(frozen=True)
class Tls:
    """The server's own certificate and key (PEM files), and the authority whose peers alone may connect, if any."""

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None


@dataclass(frozen=True)
class Settings:
    """A chaincode process.

    Args:
        chaincode_id: ``CHAINCODE_ID``: the package id that `peer lifecycle chaincode install` printed.
        address: ``CHAINCODE_SERVER_ADDRESS``: host and port to listen on; connection.json names the same.
        anchorer_msp_id: ``ANCHORER_MSP_ID``: the organisation whose anchors this process endorses.
        tls: ``CHAINCODE_TLS_CERT_FILE``, ``CHAINCODE_TLS_KEY_FILE`` and, for connection.json's
            ``client_auth_required``, ``CHAINCODE_TLS_CLIENT_CA_FILE``; None: connection.json has no ``tls_required``.
    """

    chaincode_id: str
    address: str
    anchorer_msp_id: str
    tls: Tls | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read them.

        Raises:
            SettingsInvalid: a variable is missing, or one of certificate and key came without the other.
        """
        return cls(
            _required(environment, "CHAINCODE_ID"),
            _required(environment, "CHAINCODE_SERVER_ADDRESS"),
            _required(environment, "ANCHORER_MSP_ID"),
            _tls(environment),
        )


def _tls(environment: Mapping[str, str]) -> Tls | None:
    names = ("CHAINCODE_TLS_CERT_FILE", "CHAINCODE_TLS_KEY_FILE", "CHAINCODE_TLS_CLIENT_CA_FILE")
    certificate, key, client_ca = (environment.get(name) for name in names)
    # Half a setting would start a server without TLS, or one that takes any client.
    if not certificate and not key and not client_ca:
        return None
    for name, value in zip(names[:2], (certificate, key), strict=True):
        if not value:
            raise SettingsInvalid(name, "is missing: TLS needs a certificate and its key")
    assert certificate and key  # noqa: S101 - the loop has seen to it
    return Tls(Path(certificate), Path(key), Path(client_ca) if client_ca else None)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsInvalid(name, "is missing: see README.md of evote-anchor-chaincode")
    return value
