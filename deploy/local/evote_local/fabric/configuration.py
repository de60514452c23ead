"""The settings of a small network: who there is, what an orderer and a peer are told. JSON, which is YAML too.

What the keys mean is in Fabric's documentation (orderer.yaml, core.yaml, configtx.yaml, crypto-config.yaml).
"""

from __future__ import annotations

import json
from pathlib import Path

from ..nodes.ports import LOOPBACK
from .keys import KeyFolder
from .organisations import CHAINCODE_HOST, ORDERER_DOMAIN, ORDERER_HOST, ORDERER_MSP_ID, ORGANISATIONS

Json = dict[str, object]


def write(path: Path, settings: Json) -> None:
    """Write settings as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1))


def crypto_config() -> Json:
    """For cryptogen: every host is also reached as the loopback address."""

    def hosts(names: list[str]) -> list[Json]:
        return [{"Hostname": name, "SANS": ["localhost", LOOPBACK]} for name in names]

    return {
        "OrdererOrgs": [
            {"Name": "Orderer", "Domain": ORDERER_DOMAIN, "EnableNodeOUs": True, "Specs": hosts([ORDERER_HOST])}
        ],
        "PeerOrgs": [
            {
                "Name": organisation.name,
                "Domain": organisation.domain,
                "EnableNodeOUs": True,
                "Specs": hosts([*organisation.hosts, CHAINCODE_HOST]),
                "Users": {"Count": 1},
            }
            for organisation in ORGANISATIONS
        ],
    }


def channel_config(
    keys: KeyFolder, orderer_port: int, first_peer_ports: dict[str, int], *, batch_timeout_ms: int, max_messages: int
) -> Json:
    """For configtxgen: the profile ``Anchors``.

    Args:
        keys: cryptogen's output.
        orderer_port: where the one orderer listens.
        first_peer_ports: by MSP id, the port of the peer that other organisations' peers find first.
        batch_timeout_ms: how long the orderer waits for more transactions before it cuts a block.
        max_messages: how many transactions fill a block.
    """
    certificate = str(keys.orderer / "tls" / "server.crt")
    orderers: Json = {
        "OrdererType": "etcdraft",
        "BatchTimeout": f"{batch_timeout_ms}ms",
        "BatchSize": {
            "MaxMessageCount": max_messages,
            "AbsoluteMaxBytes": "4 MB",
            "PreferredMaxBytes": "1 MB",
        },
        "EtcdRaft": {
            "Consenters": [
                {"Host": LOOPBACK, "Port": orderer_port, "ClientTLSCert": certificate, "ServerTLSCert": certificate}
            ],
            "Options": {
                "TickInterval": "100ms",
                "ElectionTick": 10,
                "HeartbeatTick": 1,
                "MaxInflightBlocks": 5,
                "SnapshotIntervalSize": "16 MB",
            },
        },
        "Organizations": [
            {
                "Name": "Orderer",
                "ID": ORDERER_MSP_ID,
                "MSPDir": str(keys.orderer_msp),
                "Policies": _organisation_policies(ORDERER_MSP_ID, readers=["member"], writers=["member"]),
                "OrdererEndpoints": [f"{LOOPBACK}:{orderer_port}"],
            }
        ],
        "Policies": {**_meta_policies(), "BlockValidation": {"Type": "ImplicitMeta", "Rule": "ANY Writers"}},
        "Capabilities": {"V2_0": True},
    }
    application: Json = {
        "Organizations": [
            {
                "Name": organisation.name,
                "ID": organisation.msp_id,
                "MSPDir": str(keys.organisation_msp(organisation)),
                "Policies": _organisation_policies(
                    organisation.msp_id, readers=["admin", "peer", "client"], writers=["admin", "client"]
                ),
                "AnchorPeers": [{"Host": LOOPBACK, "Port": first_peer_ports[organisation.msp_id]}],
            }
            for organisation in ORGANISATIONS
        ],
        "Policies": {
            **_meta_policies(),
            "LifecycleEndorsement": {"Type": "ImplicitMeta", "Rule": "MAJORITY Endorsement"},
            "Endorsement": {"Type": "ImplicitMeta", "Rule": "MAJORITY Endorsement"},
        },
        "Capabilities": {"V2_5": True},
    }
    profile: Json = {
        "Policies": _meta_policies(),
        "Capabilities": {"V3_0": True},
        "Orderer": orderers,
        "Application": application,
    }
    return {"Profiles": {"Anchors": profile}}


def orderer_config(node: Path, data: Path, *, port: int, admin_port: int) -> Json:
    """orderer.yaml. ``node`` is cryptogen's folder of the orderer."""
    return {
        "General": {
            "ListenAddress": LOOPBACK,
            "ListenPort": port,
            "TLS": {
                "Enabled": True,
                "PrivateKey": str(node / "tls" / "server.key"),
                "Certificate": str(node / "tls" / "server.crt"),
                "RootCAs": [str(node / "tls" / "ca.crt")],
                "ClientAuthRequired": False,
            },
            "Cluster": {
                "ClientCertificate": str(node / "tls" / "server.crt"),
                "ClientPrivateKey": str(node / "tls" / "server.key"),
                "SendBufferSize": 100,
            },
            "LocalMSPDir": str(node / "msp"),
            "LocalMSPID": ORDERER_MSP_ID,
            "BCCSP": {"Default": "SW", "SW": {"Hash": "SHA2", "Security": 256}},
            "Authentication": {"TimeWindow": "15m"},
        },
        "FileLedger": {"Location": str(data / "ledger")},
        "Consensus": {"WALDir": str(data / "wal"), "SnapDir": str(data / "snapshots")},
        "ChannelParticipation": {"Enabled": True, "MaxRequestBodySize": "1 MB"},
        "Admin": {"ListenAddress": f"{LOOPBACK}:{admin_port}", "TLS": {"Enabled": False}},
        "Operations": {"ListenAddress": f"{LOOPBACK}:0", "TLS": {"Enabled": False}},
        "Metrics": {"Provider": "disabled"},
    }


def _meta_policies() -> Json:
    return {
        "Readers": {"Type": "ImplicitMeta", "Rule": "ANY Readers"},
        "Writers": {"Type": "ImplicitMeta", "Rule": "ANY Writers"},
        "Admins": {"Type": "ImplicitMeta", "Rule": "MAJORITY Admins"},
    }


def _organisation_policies(msp_id: str, *, readers: list[str], writers: list[str]) -> Json:
    def any_of(roles: list[str]) -> Json:
        principals = ",".join(f"'{msp_id}.{role}'" for role in roles)
        return {"Type": "Signature", "Rule": f"OR({principals})"}

    return {
        "Readers": any_of(readers),
        "Writers": any_of(writers),
        "Admins": any_of(["admin"]),
        "Endorsement": any_of(["peer"]),
    }
