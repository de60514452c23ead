"""What the organisations' admins do once: make the channel, join it, and agree on the chaincode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..nodes.ports import LOOPBACK
from .binaries import FabricBinaries, run
from .keys import KeyFolder
from .organisations import AUDIT, CITY, Organisation
from .package import ChaincodePackage

CHANNEL = "anchors"
CHAINCODE = "anchor"
_POLICY = f"AND('{CITY.msp_id}.peer','{AUDIT.msp_id}.peer')"
_DEFINITION = ("--channelID", CHANNEL, "--name", CHAINCODE, "--version", "1", "--sequence", "1")


@dataclass(frozen=True)
class PeerAddress:
    """A peer that an admin talks to; ``settings`` is the folder of a core.yaml."""

    organisation: Organisation
    port: int
    settings: Path

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"


class Administration:
    """Runs Fabric's command line as the admins of the organisations."""

    def __init__(
        self, directory: Path, binaries: FabricBinaries, keys: KeyFolder, orderer_port: int, admin_port: int
    ) -> None:
        """``directory`` holds configtx.yaml, and takes the channel's first block and the packages."""
        self._directory = directory
        self._binaries = binaries
        self._keys = keys
        self._orderer = f"{LOOPBACK}:{orderer_port}"
        self._orderer_admin = f"{LOOPBACK}:{admin_port}"

    def make_channel(self) -> None:
        """Make the channel's first block and give it to the orderer."""
        run(
            self._binaries.configtxgen,
            *("-profile", "Anchors", "-channelID", CHANNEL),
            *("-outputBlock", str(self._genesis), "-configPath", str(self._directory)),
        )
        run(
            self._binaries.osnadmin,
            *("channel", "join", f"--channelID={CHANNEL}", f"--config-block={self._genesis}"),
            f"--orderer-address={self._orderer_admin}",
        )

    def join(self, peer: PeerAddress) -> None:
        """Let a peer join the channel."""
        self._run(peer, "channel", "join", "-b", str(self._genesis))

    def install(self, peer: PeerAddress, package: ChaincodePackage) -> None:
        """Give a peer the package of its organisation."""
        path = self._directory / f"{peer.organisation.name}.tar.gz"
        path.write_bytes(package.content)
        self._run(peer, "lifecycle", "chaincode", "install", str(path))

    def approve(self, peer: PeerAddress, package: ChaincodePackage) -> None:
        """Approve the chaincode's definition for the organisation of ``peer``."""
        package_id = ("--package-id", package.package_id)
        self._run(peer, "lifecycle", "chaincode", "approveformyorg", *self._definition, *package_id)

    def commit(self, peers: list[PeerAddress]) -> None:
        """Commit the definition, endorsed by one peer of each organisation."""
        endorsers = [
            part
            for peer in peers
            for part in (
                *("--peerAddresses", peer.address),
                *("--tlsRootCertFiles", str(self._keys.tls_ca(peer.organisation))),
            )
        ]
        self._run(peers[0], "lifecycle", "chaincode", "commit", *self._definition, *endorsers)

    @property
    def _genesis(self) -> Path:
        return self._directory / "genesis.block"

    @property
    def _definition(self) -> tuple[str, ...]:
        orderer = ("-o", self._orderer, "--tls", "--cafile", str(self._keys.orderer_tls_ca))
        return (*_DEFINITION, "--signature-policy", _POLICY, *orderer)

    def _run(self, peer: PeerAddress, *arguments: str) -> None:
        run(
            self._binaries.peer,
            *arguments,
            environment={
                "FABRIC_CFG_PATH": str(peer.settings),
                "FABRIC_LOGGING_SPEC": "warning",
                "CORE_PEER_LOCALMSPID": peer.organisation.msp_id,
                "CORE_PEER_MSPCONFIGPATH": str(self._keys.admin_msp(peer.organisation)),
                "CORE_PEER_ADDRESS": peer.address,
                "CORE_PEER_TLS_ENABLED": "true",
                "CORE_PEER_TLS_ROOTCERT_FILE": str(self._keys.tls_ca(peer.organisation)),
            },
        )
