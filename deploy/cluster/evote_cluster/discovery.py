"""Pods, as Prometheus' own discovery by Kubernetes would name them: Debian builds Prometheus without it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from . import nodes

_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_META: Final = "__meta_kubernetes"


def targets(pods: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of ``role: pod``, what is asked for here: each port of each container, with the names that PodMonitors choose by.

    https://prometheus.io/docs/prometheus/2.42/configuration/configuration/#pod
    """
    found = []
    for pod in pods:
        place = pod["status"].get("podIP")
        if not place:
            continue
        labels = {
            f"{_META}_namespace": pod["metadata"]["namespace"],
            f"{_META}_pod_name": pod["metadata"]["name"],
            f"{_META}_pod_phase": pod["status"]["phase"],
        }
        for name, value in pod["metadata"].get("labels", {}).items():
            sanitized = _LABEL.sub("_", name)
            labels |= {f"{_META}_pod_label_{sanitized}": value, f"{_META}_pod_labelpresent_{sanitized}": "true"}
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", ()):
                own = {
                    f"{_META}_pod_container_name": container["name"],
                    f"{_META}_pod_container_port_name": port.get("name", ""),
                }
                found.append({"targets": [f"{place}:{port['containerPort']}"], "labels": {**labels, **own}})
    return found


@contextmanager
def serve(namespace: str) -> Iterator[str]:
    """The address at which a Prometheus in the cluster finds the pods of a namespace."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pods = json.loads(nodes.kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
            body = json.dumps(targets(pods)).encode()
            # Prometheus asks anew each few seconds; from a busy machine it may not have waited.
            with suppress(ConnectionError):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer((nodes.OUTSIDE, 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{nodes.OUTSIDE}:{server.server_port}/"
        server.shutdown()
