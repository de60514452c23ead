"""A store of objects of the city's own, which speaks S3 with TLS of a test authority: for backups of PostgreSQL."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from . import nodes, servers
from .basics import USER, Resource, container, named
from .bundles import Bundle
from .certificates import Authority

SECRET: Final = "evote-backups"  # noqa: S105 - its name
_NAME: Final = "objects"
_PORT: Final = 7070
_BUCKET: Final = "evote-backups"


class Store:
    """The store, and the key that backups are written with."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._access_key, self._secret_key = secrets.token_hex(10), secrets.token_hex(20)

    @property
    def values(self) -> Mapping[str, Any]:
        """As the chart takes it: a day of main's archive, and as long of biometric's."""
        return {
            "destinationPath": f"s3://{_BUCKET}/evote",
            "endpointUrl": f"https://{servers.host(_NAME)}:{_PORT}",
            "endpointCa": SECRET,
            "peers": [{**servers.peer(_NAME), "ports": [_PORT]}],
            "secret": SECRET,
            "retention": "1d",
            "biometricRetention": "1d",
            # The first is made at once.
            "schedule": "0 0 0 * * *",
        }

    @property
    def secret(self) -> dict[str, str]:
        """What the instances get of it."""
        return {
            "access-key-id": self._access_key,
            "secret-access-key": self._secret_key,
            "ca.crt": self._authority.certificate.read_text(),
        }

    def archive(self, name: str) -> Path:
        """The folder of this machine in which an archive's objects are, once the store runs."""
        claim = json.loads(nodes.kubectl("-n", servers.NAMESPACE, "get", "pvc", f"data-{_NAME}-0", "-o", "json"))
        volume = json.loads(nodes.kubectl("get", "pv", claim["spec"]["volumeName"], "-o", "json"))
        return Path(volume["spec"]["local"]["path"]) / "objects" / _BUCKET / "evote" / name

    def address(self) -> str:
        """Of its pod, with its port."""
        words = ("-n", servers.NAMESPACE, "get", "pod", f"{_NAME}-0", "-o", "jsonpath={.status.podIP}")
        return f"{nodes.kubectl(*words)}:{_PORT}"

    def start(self, images: Mapping[str, Bundle]) -> None:
        """Start it, and return when it takes connections."""
        nodes.apply(*self._resources(images))
        servers.wait(_NAME)

    def _resources(self, images: Mapping[str, Bundle]) -> list[Resource]:
        certificate, key = self._authority.issue(_NAME, _NAME, ends=[servers.host(_NAME)])
        keys = {"ROOT_ACCESS_KEY": self._access_key, "ROOT_SECRET_KEY": self._secret_key}
        served = ["--port", f":{_PORT}", "--cert", "/tls/tls.crt", "--key", "/tls/tls.key"]
        data = {"name": "data", "mountPath": "/data"}
        pod = {
            # A folder is a bucket; the store's image has its program and nothing that makes one.
            "initContainers": [
                container(
                    "bucket",
                    images["postgresql"],
                    command=["mkdir", "-p", f"/data/objects/{_BUCKET}"],
                    volumeMounts=[data],
                )
            ],
            "containers": [
                container(
                    "store",
                    images["object-store"],
                    args=[*served, "posix", "/data/objects"],
                    envFrom=[{"secretRef": {"name": _NAME}}],
                    readinessProbe={"tcpSocket": {"port": _PORT}, "periodSeconds": 1, "failureThreshold": 30},
                    volumeMounts=[data, {"name": "tls", "mountPath": "/tls"}],
                )
            ],
            "volumes": [{"name": "tls", "secret": {"secretName": f"{_NAME}-tls", "defaultMode": 0o440}}],
        }
        tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
        return [
            named("Secret", _NAME, servers.NAMESPACE, stringData=keys),
            named("Secret", f"{_NAME}-tls", servers.NAMESPACE, stringData=tls),
            *servers.stateful(_NAME, _PORT, pod, USER, headless=False),
        ]
