"""Where cryptogen puts keys and certificates."""

from __future__ import annotations

from pathlib import Path

from .organisations import CHAINCODE_HOST, ORDERER_DOMAIN, ORDERER_HOST, Organisation


class KeyFolder:
    """cryptogen's output."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def orderer(self) -> Path:
        """Keys of the one orderer: ``msp`` and ``tls``."""
        return self.path / "ordererOrganizations" / ORDERER_DOMAIN / "orderers" / f"{ORDERER_HOST}.{ORDERER_DOMAIN}"

    @property
    def orderer_msp(self) -> Path:
        """What the channel knows of the orderer's organisation."""
        return self.path / "ordererOrganizations" / ORDERER_DOMAIN / "msp"

    def organisation_msp(self, organisation: Organisation) -> Path:
        """What the channel knows of an organisation."""
        return self._of(organisation) / "msp"

    def host(self, organisation: Organisation, host: str) -> Path:
        """Keys of a peer: ``msp`` and ``tls``."""
        return self._of(organisation) / "peers" / f"{host}.{organisation.domain}"

    def chaincode_tls(self, organisation: Organisation) -> Path:
        """``server.crt`` and ``server.key`` for the organisation's chaincode process."""
        return self.host(organisation, CHAINCODE_HOST) / "tls"

    def admin_msp(self, organisation: Organisation) -> Path:
        """The keys of the organisation's admin, as the peer command line takes them."""
        return self._of(organisation) / "users" / f"Admin@{organisation.domain}" / "msp"

    def client(self, organisation: Organisation) -> tuple[Path, Path]:
        """Certificate and private key (PEM) of a client of the organisation."""
        msp = self._of(organisation) / "users" / f"User1@{organisation.domain}" / "msp"
        (certificate,) = (msp / "signcerts").iterdir()
        (key,) = (msp / "keystore").iterdir()
        return certificate, key

    def ca(self, organisation: Organisation) -> Path:
        """The certificate (PEM) of the authority of the organisation's members."""
        return self._of(organisation) / "ca" / f"ca.{organisation.domain}-cert.pem"

    def tls_ca(self, organisation: Organisation) -> Path:
        """The certificate (PEM) of the authority of the organisation's TLS servers."""
        return self._of(organisation) / "tlsca" / f"tlsca.{organisation.domain}-cert.pem"

    @property
    def orderer_tls_ca(self) -> Path:
        """The certificate (PEM) of the authority of the orderer's TLS server."""
        return self.path / "ordererOrganizations" / ORDERER_DOMAIN / "tlsca" / f"tlsca.{ORDERER_DOMAIN}-cert.pem"

    def _of(self, organisation: Organisation) -> Path:
        return self.path / "peerOrganizations" / organisation.domain
