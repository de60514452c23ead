"""The chart's release on the test cluster: its Secrets, its values, and Helm."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evote_chart.settings import CHART
from evote_jpki.authority import TestAuthority
from evote_local.nodes.kafka import KAFKA_VERSION
from evote_local.stack.chains import EthereumDevelopmentChain
from evote_local.stack.identities import LOG_ORIGIN, Identities
from evote_local.stack.vouching import Vouching

from . import edge, hsm, nodes, servers
from .backups import SECRET, Store
from .basics import named
from .bundles import POSTGRESQL_MAJOR, Bundle
from .certificates import Authority
from .programs import Missing, folder
from .servers import Servers

NAMESPACE: Final = "evote"
RELEASE: Final = "evote"
PROFILE: Final = CHART / "values-referendum-10k.yaml"
HOSTS: Final = {
    key: f"{name}.evote-cluster.test"
    for key, name in {
        **{"vote": "vote", "board": "board", "auth": "auth", "biometric": "face"},
        **{"ballot": "ballot", "log": "log", "tally": "tally", "wall": "wall"},
    }.items()
}
SCHEMAS: Final = {
    **{"auth": "auth", "biometric": "biometric", "ballot": "ballot"},
    **{"ledger-anchor": "ledger", "tally": "tally"},
}
# The crowd comes from one address.
_PER_ADDRESS: Final = 1_000_000
WITHIN: Final = "20m"
"""Of Helm, as the runbook says it: its own five minutes pass on a busy machine."""
_FACES: Final = {"cpu": "100m", "memory": "1536Mi", "memoryLimit": "3Gi"}
_SMALL: Final = {"cpu": "50m", "memory": "192Mi", "memoryLimit": "1Gi"}


@dataclass(frozen=True)
class Operated:
    """PostgreSQL by its operator."""

    image: Bundle
    store: Store
    """Of its backups."""


@dataclass(frozen=True)
class People:
    """Who commands the platform, who issues cards, and who vouches for the log: all outside of the cluster."""

    identities: Identities
    authority: TestAuthority
    token: hsm.SharedToken
    vouching: Vouching
    chain: EthereumDevelopmentChain


def values(images: Mapping[str, Bundle], people: People, *, cloudnativepg: Operated | None = None) -> dict[str, Any]:
    """What a city writes over a profile: two replicas of all that may be several, a test authority's TLS everywhere."""
    keys = {"credentialTokenModule": hsm.MODULE, "credentialTokenLabel": people.token.label}
    own_settings: dict[str, Any] = {
        "auth": {"addressRequestsPerMinute": _PER_ADDRESS, **keys},
        "ballot": {"addressRequestsPerMinute": _PER_ADDRESS, "workers": 1},
        # As a city has it: of what a trustee sends there is little.
        "tally": {},
        "ledgerAnchor": _chain_settings(people.chain),
    }
    found: dict[str, Any] = {
        "environment": "production",
        "drainDelayS": 3,
        "trustedProxies": "10.244.0.0/16",
        "hosts": {
            key: {"name": name, "tlsSecret": f"{key}-tls"}
            for key, name in HOSTS.items()
            if key != "biometric" or "biometric" in images
        },
        "edge": {"kind": "gateway", "className": edge.CLASS},
        "network": {
            "edge": [{"namespaceLabels": {"kubernetes.io/metadata.name": edge.NAMESPACE}}],
            "apiServer": [{"cidr": f"{nodes.API}/32", "ports": [nodes.API_PORT]}],
        },
        "city": {"authority": "模擬市選挙管理委員会", "helpdesk": "模擬市選挙管理委員会\n電話 000-000-0000"},
        "publicKeys": {
            "receipt": base64.b64encode(people.identities.receipt_key.public_bytes_raw()).decode(),
            "log": people.identities.log_key.text,
            "votingCode": base64.b64encode(people.identities.voting_code_key.public_bytes_raw()).decode(),
        },
        "witnessPolicy": people.vouching.policy_file.read_text(),
        "biometric": _biometric(images.get("biometric")),
        "kafka": {
            "version": KAFKA_VERSION,
            "mode": "external",
            "brokers": len(servers.BROKERS),
            "external": {
                "bootstrap": servers.BOOTSTRAP,
                "authentication": "mtls",
                "peers": [servers.peer("kafka")],
                "ports": [servers.KAFKA_PORT],
            },
        },
        "postgresql": _postgresql(cloudnativepg),
    }
    for name, settings in own_settings.items():
        found[name] = {"replicas": 2, "image": image_of(images[name]), "resources": _SMALL, "settings": settings}
    for name in ("resident", "board"):
        found[name] = {"replicas": 1, "image": image_of(images[name])}
    found["auth"]["auditorPublicKey"] = people.identities.auditor_public_key
    found["auth"]["authoritiesVolume"] = {"configMap": {"name": "authorities"}}
    found["auth"]["tokenVolume"] = {"persistentVolumeClaim": {"claimName": hsm.CLAIM, "readOnly": True}}
    found["auth"]["tokenClient"] = hsm.CLIENT
    found["ballot"] |= {"resources": {**_SMALL, "cpu": "250m"}, "autoscaling": {"max": 3, "cpuPercent": 95}}
    found["ledgerAnchor"] |= {"logOrigin": LOG_ORIGIN, "egress": [_outside(people)]}
    return found


def _biometric(image: Bundle | None) -> dict[str, Any]:
    if image is None:
        return {"enabled": False}
    # One: what it computes two processors are busy with.
    return {"enabled": True, "replicas": 1, "image": image_of(image), "resources": _FACES}


def _chain_settings(chain: EthereumDevelopmentChain) -> dict[str, Any]:
    """Of the chain, as ``deploy-contract`` printed it."""
    told = chain.settings
    return {
        "witnessIntervalS": 0.1,
        "ethereumChainId": int(told["EVOTE_ETHEREUM_CHAIN_ID"]),
        "ethereumContract": told["EVOTE_ETHEREUM_CONTRACT"],
        "ethereumFirstBlock": int(told["EVOTE_ETHEREUM_FIRST_BLOCK"]),
        "ethereumFinalityDepth": 0,
        "ethereumIntervalS": 0.25,
        "ethereumPollS": 0.2,
    }


def prepare(own: Servers, people: People, names: Authority, *, cloudnativepg: Operated | None = None) -> None:
    """The namespace, in which only what is restricted runs, and what the chart expects in it.

    Args:
        names: who certifies the city's names.
    """
    space = named("Namespace", NAMESPACE, None)
    space["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
    nodes.apply(space)
    authorities = {
        "ca-bundle.pem": people.authority.ca_bundle_pem().decode(),
        "crl.pem": people.authority.crl_pem().decode(),
    }
    keys = people.identities
    ledger = {
        "log-key.pem": keys.log_key_file.read_text(),
        "ethereum-rpc-urls": people.chain.settings["EVOTE_ETHEREUM_RPC_URLS"],
        "ethereum-key": Path(people.chain.settings["EVOTE_ETHEREUM_KEY_FILE"]).read_text(),
    }
    authority = {"ca.crt": own.authority.certificate.read_text()}
    secrets: dict[str, dict[str, str]] = {
        "auth-keys": {
            "token-pin": people.token.pin,
            "face-order-key.pem": keys.face_order_key_file.read_text(),
            "biometric-public-key.pem": keys.face_verdict_public_key_file.read_text(),
            "voting-code-key.pem": keys.voting_code_key_file.read_text(),
        },
        "biometric-keys": {
            "master-key": keys.template_master_key_file.read_text(),
            "auth-public-key.pem": keys.face_order_public_key_file.read_text(),
            "verdict-key.pem": keys.face_verdict_key_file.read_text(),
        },
        "ballot-keys": {"receipt-key.pem": keys.receipt_key_file.read_text()},
        "ledger-anchor-keys": ledger,
        "metrics-token": {"token": keys.staff.scraper_token},
        "kafka-ca": authority,
        **({} if cloudnativepg else {"database-ca": authority}),
        **{f"{service}-kafka": own.identity(service) for service in SCHEMAS},
    }
    resources = [named("Secret", f"{RELEASE}-{name}", NAMESPACE, stringData=data) for name, data in secrets.items()]
    if cloudnativepg:
        resources.append(named("Secret", SECRET, NAMESPACE, stringData=cloudnativepg.store.secret))
    for key, name in HOSTS.items():
        certificate, private = names.issue(key, name, ends=[name])
        data = {"tls.crt": certificate.read_text(), "tls.key": private.read_text()}
        resources.append(named("Secret", f"{key}-tls", NAMESPACE, type="kubernetes.io/tls", stringData=data))
    for service, schema in SCHEMAS.items():
        for suffix, role in (("", f"evote_{schema}"), ("-owner", f"evote_{schema}_owner")):
            data = {"username": role, "password": own.passwords[role]}
            name = f"{RELEASE}-{service}-database{suffix}"
            resources.append(named("Secret", name, NAMESPACE, type="kubernetes.io/basic-auth", stringData=data))
    roster = {"roster.json": keys.roster_file.read_text()}
    nodes.apply(
        *resources,
        *people.token.resources(NAMESPACE),
        named("ConfigMap", f"{RELEASE}-roster", NAMESPACE, data=roster),
        named("ConfigMap", "authorities", NAMESPACE, data=authorities),
    )


def helm(*words: str, timeout_s: float = 1500) -> str:
    """What Helm prints; raises :class:`Missing` with what it said."""
    home = nodes.run_folder() / "helm"
    done = subprocess.run(  # noqa: S603 - our own program
        [str(folder() / "helm"), *words],
        env={
            **os.environ,
            "KUBECONFIG": str(nodes.kubeconfig()),
            **dict.fromkeys(("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"), str(home)),
        },
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise Missing(f"helm {words[0]} failed:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


def install(chosen: Mapping[str, Any], *, upgrade: bool = False) -> None:
    """Install the chart, or upgrade it, with these values over a profile's; return when every pod is ready."""
    helm("upgrade" if upgrade else "install", *_chart(chosen), "--wait", "--timeout", WITHIN)
    wait_ready()


def put_in_place(chosen: Mapping[str, Any]) -> None:
    """Make what the release has and the cluster lacks, before any migration runs; wait for nothing."""
    helm("upgrade", *_chart(chosen), "--no-hooks")


def _chart(chosen: Mapping[str, Any]) -> Sequence[str]:
    file = nodes.run_folder() / "values.json"
    file.write_text(json.dumps(chosen, indent=1, ensure_ascii=False))
    return (RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", str(PROFILE), "--values", str(file))


def wait_ready() -> None:
    """Return when every pod of the release that should be there is, and no other is left."""

    def settled() -> bool:
        words = ("get", "deployments,statefulsets", "-n", NAMESPACE, "-o", "json")
        for one in json.loads(nodes.kubectl(*words))["items"]:
            told, wanted = one["status"], one["spec"]["replicas"]
            seen = told.get("observedGeneration") == one["metadata"]["generation"]
            counts = {told.get(name, 0) for name in ("replicas", "readyReplicas", "updatedReplicas")}
            if not seen or counts != {wanted}:
                return False
        return True

    nodes.until(settled, "all pods of the release are ready", 600)


def helm_test() -> Sequence[str]:
    """What ``helm test`` found, line by line; raises :class:`Missing` when something was not as it must be."""
    begun = time.monotonic()
    told = helm("test", RELEASE, "--namespace", NAMESPACE, "--logs", "--timeout", WITHIN)
    lines = [line for line in told.splitlines() if line.startswith(("as it must be", "WRONG"))]
    if not lines:
        raise Missing(f"helm test said nothing:\n{told[-3000:]}")
    return [*lines, f"{len(lines)} connections tried in {time.monotonic() - begun:.0f} s"]


def image_of(bundle: Bundle) -> dict[str, str]:
    """An image, as the chart's values name one."""
    repository, _, digest = bundle.reference.partition("@")
    return {"repository": repository, "digest": digest}


def _postgresql(cloudnativepg: Operated | None) -> dict[str, Any]:
    if cloudnativepg is None:
        main, faces = ({"host": servers.host(name), "peers": [servers.peer(name)]} for name in ("postgresql", "faces"))
        return {"mode": "external", "external": {"main": main, "biometric": faces}}
    return {
        "mode": "cloudnativepg",
        # All else as the profile has it.
        "cloudnativepg": {
            "image": {**image_of(cloudnativepg.image), "major": POSTGRESQL_MAJOR},
            "backup": dict(cloudnativepg.store.values),
        },
    }


def _outside(people: People) -> dict[str, Any]:
    """Witnesses and chain, as ledger-anchor reaches them."""
    ports = [people.chain.node.port, *(witness.port for witness in people.vouching.witnesses)]
    return {"cidr": f"{nodes.OUTSIDE}/32", "ports": ports}
