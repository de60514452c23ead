"""The PKCS #11 token that production asks for: SoftHSM in a volume that all replicas of auth share.

Replicas have the volume for reading alone, as the chart mounts it; an operator's pod makes an election's key in it.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

from evote_local.nodes.softhsm import SoftToken

from . import nodes
from .basics import USER, Resource, named
from .programs import Missing

_AT: Final = "/opt/token"
"""Where the chart has it."""
MODULE: Final = f"{_AT}/libsofthsm2.so"
_CLIENT: Final = "evote-token-client"
_CLIENT_AT: Final = "/etc/softhsm-client"
_CONFIGURATION: Final = "softhsm2.conf"
CLIENT: Final = {
    "env": {"SOFTHSM2_CONF": f"{_CLIENT_AT}/{_CONFIGURATION}"},
    "files": {"path": _CLIENT_AT, "volume": {"secret": {"secretName": _CLIENT}}},
}
"""What the library reads by itself, as ``auth.tokenClient`` has it: without one or the other it finds no token."""
CLAIM: Final = "evote-token"
_NEVER_READY: Final = {"conditionType": "evote.example/never"}


class SharedToken:
    """A new token, and the folder that the volume is of."""

    def __init__(self, folder: Path) -> None:
        self._token = SoftToken(folder)
        self._folder = folder
        # Of Debian, as the images are.
        shutil.copy(self._token.module, folder / Path(MODULE).name)
        folder.chmod(0o755)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER, USER)

    @property
    def label(self) -> str:
        """The token's."""
        return self._token.label

    @property
    def pin(self) -> str:
        """The user's."""
        return self._token.pin_file.read_text().strip()

    def resources(self, namespace: str) -> list[Resource]:
        """The volume, on all nodes, its claim, and the library's configuration."""
        common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        place = {"hostPath": {"path": str(self._folder), "type": "Directory"}, "capacity": {"storage": "1Mi"}}
        claim = {"volumeName": CLAIM, "resources": {"requests": {"storage": "1Mi"}}}
        configuration = f"directories.tokendir = {_AT}/tokens\nobjectstore.backend = file\n"
        return [
            named("Secret", _CLIENT, namespace, stringData={_CONFIGURATION: configuration}),
            named("PersistentVolume", CLAIM, None, spec={**common, **place}),
            named("PersistentVolumeClaim", CLAIM, namespace, spec={**common, **claim}),
        ]


def make_key(namespace: str, release: str, election_uuid: str) -> str:
    """As an operator does before the roll is frozen: ``evote-auth keys create``, with all that auth has; its words."""
    words = ("get", f"deployment/{release}-auth", "-o", "json")
    template = json.loads(nodes.kubectl("-n", namespace, *words))["spec"]["template"]
    pod = "auth-keys"
    nodes.apply(_operators_pod(template, pod, namespace, ["keys", "create", "--election", election_uuid]))

    def made() -> bool:
        return nodes.kubectl("-n", namespace, "get", "pod", pod, "-o", "jsonpath={.status.phase}") == "Succeeded"

    def said() -> str:
        return nodes.kubectl("-n", namespace, "logs", pod).strip()

    try:
        nodes.until(made, "the election's key is made", 300)
    except Missing:
        raise Missing(f"evote-auth keys create: {said()}") from None
    told = said()
    nodes.kubectl("-n", namespace, "delete", "pod", pod, "--wait=false")
    # SoftHSM that may not write reads what is there when it starts.
    nodes.kubectl("-n", namespace, "rollout", "restart", f"deployment/{release}-auth")
    return told


def _operators_pod(template: dict[str, Any], name: str, namespace: str, arguments: list[str]) -> Resource:
    """With auth's labels, and so with its arrows; never ready, so that no voter is led to it."""
    spec = copy.deepcopy(template["spec"])
    (container,) = spec["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        container.pop(probe, None)
    container["args"] = arguments
    for mount in container["volumeMounts"]:
        if mount["name"] == "token":
            mount["readOnly"] = False
    for volume in spec["volumes"]:
        if volume["name"] == "token":
            volume["persistentVolumeClaim"]["readOnly"] = False
    # A new pod may be up before the network knows of its arrows: its first connection is refused, as a migration's.
    spec |= {"restartPolicy": "OnFailure", "readinessGates": [_NEVER_READY]}
    pod = named("Pod", name, namespace, spec=spec)
    pod["metadata"]["labels"] = template["metadata"]["labels"]
    return pod
