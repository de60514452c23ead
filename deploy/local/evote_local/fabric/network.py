"""One Raft orderer, two peers of the city and one of the audit office, a channel, and the anchor chaincode on it."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self

from ..nodes.ports import LOOPBACK, free_ports
from .administration import CHAINCODE, CHANNEL, Administration, PeerAddress
from .binaries import FabricBinaries, run
from .configuration import channel_config, crypto_config, orderer_config, write
from .keys import KeyFolder
from .node import FabricNode, Program
from .organisations import AUDIT, CITY, ORGANISATIONS, Organisation
from .package import ChaincodePackage, make_package
from .peer_configuration import peer_config

_QUIET = {"FABRIC_LOGGING_SPEC": "warning"}


class FabricPeer(FabricNode):
    """A peer, which is also a gateway for clients."""

    def __init__(self, organisation: Organisation, host: str, program: Program, *, port: int, log_path: Path) -> None:
        super().__init__(f"Fabric peer {host}.{organisation.domain}", program, port=port, log_path=log_path)
        self.organisation = organisation
        self.host = host


class FabricNetwork:
    """A network in one folder. ``with FabricNetwork(…) as network`` brings it up and takes it down."""

    def __init__(
        self, directory: Path, binaries: FabricBinaries, *, batch_timeout_ms: int = 200, max_messages: int = 10
    ) -> None:
        """``directory`` holds keys, data, settings and logs. A lone transaction waits for the batch timeout."""
        self.directory = directory
        self.keys = KeyFolder(directory / "crypto")
        self._binaries = binaries
        self._batch_timeout_ms = batch_timeout_ms
        self._max_messages = max_messages
        hosts = [(organisation, host) for organisation in ORGANISATIONS for host in organisation.hosts]
        ports = iter(free_ports(2 + len(ORGANISATIONS) + 2 * len(hosts)))
        self._admin_port = next(ports)
        self.orderer = self._make_orderer(next(ports))
        self._chaincode_ports = {organisation.msp_id: next(ports) for organisation in ORGANISATIONS}
        self.peers = [self._make_peer(organisation, host, next(ports)) for organisation, host in hosts]
        self._unused_ports = {peer.port: next(ports) for peer in self.peers}
        self.chaincodes: list[FabricNode] = []

    @property
    def city_peers(self) -> list[FabricPeer]:
        """The anchorer's own peers."""
        return self._peers_of(CITY)

    @property
    def audit_peer(self) -> FabricPeer:
        """The audit office's only peer."""
        return self._peers_of(AUDIT)[0]

    def start(self) -> None:
        """Make keys and channel when the folder is new, start everything, and see the chaincode committed."""
        is_new = not self.keys.path.exists()
        if is_new:
            self._make_keys_and_settings()
        self.orderer.start()
        for peer in self.peers:
            peer.start()
        packages = {organisation.msp_id: self._package(organisation) for organisation in ORGANISATIONS}
        if not self.chaincodes:
            self.chaincodes = [self._make_chaincode(each, packages[each.msp_id]) for each in ORGANISATIONS]
        for chaincode in self.chaincodes:
            chaincode.start()
        if is_new:
            self._agree(packages)

    def stop(self) -> None:
        """Stop everything; ``start`` brings it back with its data."""
        for node in self._nodes:
            node.stop()

    def kill(self) -> None:
        """``kill -9`` for every process."""
        for node in self._nodes:
            node.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def write_profile(self, path: Path, organisation: Organisation, peers: list[FabricPeer]) -> Path:
        """Write what :mod:`evote_anchors.fabric.profile` reads: a client of the organisation, and these peers."""
        certificate, key = self.keys.client(organisation)
        write(
            path,
            {
                "channel": CHANNEL,
                "chaincode": CHAINCODE,
                "peers": [
                    {
                        "address": f"{LOOPBACK}:{peer.port}",
                        "tls_ca_file": str(self.keys.tls_ca(peer.organisation)),
                    }
                    for peer in peers
                ],
                "anchorer": CITY.msp_id,
                "organisations": [
                    {"msp_id": each.msp_id, "ca_file": str(self.keys.ca(each))} for each in ORGANISATIONS
                ],
                "identity": {
                    "msp_id": organisation.msp_id,
                    "certificate_file": str(certificate),
                    "key_file": str(key),
                },
            },
        )
        return path

    @property
    def _nodes(self) -> list[FabricNode]:
        return [*self.chaincodes, *self.peers, self.orderer]

    def _peers_of(self, organisation: Organisation) -> list[FabricPeer]:
        return [peer for peer in self.peers if peer.organisation == organisation]

    def _make_orderer(self, port: int) -> FabricNode:
        environment = {"FABRIC_CFG_PATH": str(self.directory / "orderer"), **_QUIET}
        program = Program([str(self._binaries.orderer), "start"], environment)
        return FabricNode("Fabric orderer", program, port=port, log_path=self.directory / "logs" / "orderer.log")

    def _make_peer(self, organisation: Organisation, host: str, port: int) -> FabricPeer:
        settings = self.directory / f"{host}.{organisation.domain}"
        program = Program([str(self._binaries.peer), "node", "start"], {"FABRIC_CFG_PATH": str(settings), **_QUIET})
        log_path = self.directory / "logs" / f"{settings.name}.log"
        return FabricPeer(organisation, host, program, port=port, log_path=log_path)

    def _make_chaincode(self, organisation: Organisation, package: ChaincodePackage) -> FabricNode:
        tls = self.keys.chaincode_tls(organisation)
        port = self._chaincode_ports[organisation.msp_id]
        program = Program(
            [sys.executable, "-m", "evote_anchor_chaincode"],
            {
                "CHAINCODE_ID": package.package_id,
                "CHAINCODE_SERVER_ADDRESS": f"{LOOPBACK}:{port}",
                "ANCHORER_MSP_ID": CITY.msp_id,
                "CHAINCODE_TLS_CERT_FILE": str(tls / "server.crt"),
                "CHAINCODE_TLS_KEY_FILE": str(tls / "server.key"),
            },
        )
        log_path = self.directory / "logs" / f"chaincode.{organisation.domain}.log"
        return FabricNode(f"chaincode of {organisation.name}", program, port=port, log_path=log_path)

    def _package(self, organisation: Organisation) -> ChaincodePackage:
        address = f"{LOOPBACK}:{self._chaincode_ports[organisation.msp_id]}"
        return make_package(address, self.keys.tls_ca(organisation).read_text())

    def _make_keys_and_settings(self) -> None:
        hosts = self.directory / "crypto-config.yaml"
        write(hosts, crypto_config())
        run(self._binaries.cryptogen, "generate", f"--config={hosts}", f"--output={self.keys.path}")
        data = self.directory / "orderer" / "data"
        write(
            self.directory / "orderer" / "orderer.yaml",
            orderer_config(self.keys.orderer, data, port=self.orderer.port, admin_port=self._admin_port),
        )
        builder = self._copy_builder()
        for peer in self.peers:
            self._write_peer_settings(peer, builder)
        write(
            self.directory / "configtx.yaml",
            channel_config(
                self.keys,
                self.orderer.port,
                {each.msp_id: self._peers_of(each)[0].port for each in ORGANISATIONS},
                batch_timeout_ms=self._batch_timeout_ms,
                max_messages=self._max_messages,
            ),
        )

    def _write_peer_settings(self, peer: FabricPeer, builder: Path) -> None:
        folder = self._settings_of(peer)
        others = [other.port for other in self._peers_of(peer.organisation) if other is not peer]
        settings = peer_config(
            self.keys.host(peer.organisation, peer.host),
            folder / "data",
            name=folder.name,
            msp_id=peer.organisation.msp_id,
            port=peer.port,
            chaincode_port=self._unused_ports[peer.port],
            bootstrap_port=others[0] if others else peer.port,
            builder=builder,
        )
        write(folder / "core.yaml", settings)

    def _settings_of(self, peer: FabricPeer) -> Path:
        return self.directory / f"{peer.host}.{peer.organisation.domain}"

    def _copy_builder(self) -> Path:
        builder = self.directory / "builder"
        (builder / "bin").mkdir(parents=True)
        for name in ("detect", "build", "release"):
            script = builder / "bin" / name
            script.write_bytes(resources.files(__package__).joinpath("builder", name).read_bytes())
            script.chmod(0o755)
        return builder

    def _agree(self, packages: dict[str, ChaincodePackage]) -> None:
        admins = Administration(self.directory, self._binaries, self.keys, self.orderer.port, self._admin_port)
        admins.make_channel()
        addresses = [PeerAddress(peer.organisation, peer.port, self._settings_of(peer)) for peer in self.peers]
        for address in addresses:
            admins.join(address)
            admins.install(address, packages[address.organisation.msp_id])
        firsts = [next(each for each in addresses if each.organisation == owner) for owner in ORGANISATIONS]
        for first in firsts:
            admins.approve(first, packages[first.organisation.msp_id])
        admins.commit(firsts)
