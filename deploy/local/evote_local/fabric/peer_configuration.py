"""core.yaml: what a peer is told, and what its command line is told about a peer."""

from __future__ import annotations

from pathlib import Path

from ..nodes.ports import LOOPBACK
from .configuration import Json


def peer_config(
    node: Path,
    data: Path,
    *,
    name: str,
    msp_id: str,
    port: int,
    chaincode_port: int,
    bootstrap_port: int,
    builder: Path,
) -> Json:
    """core.yaml of one peer.

    Args:
        node: cryptogen's folder of the peer.
        data: where the peer keeps its ledger.
        name: its name in its own logs.
        msp_id: its organisation.
        port: where clients, peers and the gateway's users connect.
        chaincode_port: where chaincode that isn't a service would connect; nobody does.
        bootstrap_port: a peer of the same organisation, to find the others.
        builder: the folder of the external builder for chaincode as a service.
    """
    address = f"{LOOPBACK}:{port}"
    return {
        "peer": {
            "id": name,
            "networkId": "local",
            "listenAddress": address,
            "chaincodeListenAddress": f"{LOOPBACK}:{chaincode_port}",
            "address": address,
            "gateway": {"enabled": True, "endorsementTimeout": "5s", "broadcastTimeout": "5s", "dialTimeout": "5s"},
            "gossip": _gossip(address, f"{LOOPBACK}:{bootstrap_port}"),
            "tls": _tls(node),
            "authentication": {"timewindow": "15m"},
            "fileSystemPath": str(data),
            "BCCSP": {"Default": "SW", "SW": {"Hash": "SHA2", "Security": 256}},
            "mspConfigPath": str(node / "msp"),
            "localMspId": msp_id,
            "localMspType": "bccsp",
            # An orderer that was down is asked again soon, as a test waits for it.
            "deliveryclient": {
                "reconnectTotalTimeThreshold": "3600s",
                "connTimeout": "3s",
                "reConnectBackoffThreshold": "1s",
                "minimalReconnectInterval": "100ms",
            },
            "client": {"connTimeout": "3s"},
            "handlers": {
                "authFilters": [{"name": "DefaultAuth"}, {"name": "ExpirationCheck"}, {"name": "TimeWindowCheck"}],
                "decorators": [{"name": "DefaultDecorator"}],
                "endorsers": {"escc": {"name": "DefaultEndorsement"}},
                "validators": {"vscc": {"name": "DefaultValidation"}},
            },
            "discovery": {"enabled": True, "authCacheEnabled": True, "authCacheMaxSize": 1000},
        },
        "vm": {"endpoint": ""},  # no Docker: chaincode is a service
        "chaincode": {
            "externalBuilders": [{"name": "service", "path": str(builder), "propagateEnvironment": []}],
            "installTimeout": "60s",
            "startuptimeout": "60s",
            "executetimeout": "5s",
            "mode": "net",
            "system": {"_lifecycle": "enable", "cscc": "enable", "lscc": "enable", "qscc": "enable"},
        },
        "ledger": {
            "state": {"stateDatabase": "goleveldb", "totalQueryLimit": 10000},
            "history": {"enableHistoryDatabase": False},
            "snapshots": {"rootDir": str(data / "snapshots")},
        },
        "operations": {"listenAddress": f"{LOOPBACK}:0", "tls": {"enabled": False}},
        "metrics": {"provider": "disabled"},
    }


def _gossip(address: str, bootstrap: str) -> Json:
    return {
        "bootstrap": bootstrap,
        "endpoint": address,
        "externalEndpoint": address,
        # Each peer fetches blocks from the orderer itself: a lost peer costs the others nothing.
        "useLeaderElection": False,
        "orgLeader": True,
        # Quicker than the defaults, so that a network is whole within seconds of its start.
        "aliveTimeInterval": "1s",
        "aliveExpirationTimeout": "5s",
        "reconnectInterval": "2s",
        "publishStateInfoInterval": "1s",
        "requestStateInfoInterval": "1s",
        "membershipTrackerInterval": "1s",
        "dialTimeout": "3s",
        "connTimeout": "2s",
        "state": {"enabled": False},
        # An organisation's approval of a chaincode travels to its other peers as private data.
        "pvtData": {
            "pullRetryThreshold": "5s",
            "pushAckTimeout": "3s",
            "btlPullMargin": 10,
            "reconcileBatchSize": 10,
            "reconcileSleepInterval": "5s",
            "reconciliationEnabled": True,
            "transientstoreMaxBlockRetention": 20000,
            "implicitCollectionDisseminationPolicy": {"requiredPeerCount": 0, "maxPeerCount": 1},
        },
    }


def _tls(node: Path) -> Json:
    tls = node / "tls"
    return {
        "enabled": True,
        "clientAuthRequired": False,
        "cert": {"file": str(tls / "server.crt")},
        "key": {"file": str(tls / "server.key")},
        "rootcert": {"file": str(tls / "ca.crt")},
    }
