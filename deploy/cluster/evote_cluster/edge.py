"""What ends TLS before the cluster's services: Traefik on each node, at port 443 of the node.

It is the controller that a city has, with nothing of ours in it: it reads the chart's Gateways and routes, or its
Ingresses, and sends what comes to the pods. The Gateway API's definitions are those that the chart is held to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import httpx
import yaml

from . import nodes, programs
from .basics import POD_SECURITY, Resource, container, named, role
from .bundles import Bundle
from .programs import Missing

NAMESPACE: Final = "edge"
CLASS: Final = "traefik"
"""Of the Gateway and of the Ingresses."""
INSIDE: Final = "traefik-inside"
"""Of the wall's Gateway. A city has another controller for it; here the same Traefik serves both classes."""
LABELS: Final = {"app": "edge"}
"""Of its pods."""
PASSERS_BY: Final = ("10.250.0.201", "10.250.0.202")
"""Addresses beside the crowd's."""
_MODULE: Final = "sigs.k8s.io/gateway-api"
_GATEWAY_API: Final = "gateway.networking.k8s.io"
_ENOUGH: Final = 2000
"""Many times what one address may ask of all replicas."""
_WATCHED: Final = (
    *("gatewayclasses", "gateways", "httproutes"),
    # The chart makes none; Traefik looks for them.
    *("backendtlspolicies", "grpcroutes", "listenersets", "referencegrants", "tcproutes", "tlsroutes", "udproutes"),
)
_ARGUMENTS: Final = (
    "--global.checkNewVersion=false",
    "--global.sendAnonymousUsage=false",
    "--ping=true",
    "--entryPoints.traefik.address=:8080",
    "--entryPoints.websecure.address=:443",
    "--entryPoints.websecure.http.tls=true",
    # A connection that nobody took is tried at another replica; a request that was sent is not sent again.
    "--entryPoints.websecure.http.middlewares=again@file",
    "--serversTransport.forwardingTimeouts.dialTimeout=1s",
    # A connection to a machine that is gone says nothing any more.
    "--serversTransport.forwardingTimeouts.responseHeaderTimeout=60s",
    "--providers.file.filename=/config/again.yaml",
    "--providers.kubernetesGateway=true",
    "--providers.kubernetesIngress=true",
    f"--providers.kubernetesIngress.ingressClass={CLASS}",
)
_AGAIN: Final = {"http": {"middlewares": {"again": {"retry": {"attempts": 3}}}}}


def install(image: Bundle) -> None:
    """Put it before the services, and return when it runs; it serves what the chart names."""
    for address in PASSERS_BY:
        nodes.own(address)
    nodes.apply(named("Namespace", NAMESPACE, None), *_definitions())
    nodes.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/gatewayclasses.{_GATEWAY_API}")
    nodes.apply(
        named("ServiceAccount", "edge", NAMESPACE),
        *role("evote-edge", "edge", _rules(), NAMESPACE),
        named("ConfigMap", "edge", NAMESPACE, data={"again.yaml": json.dumps(_AGAIN)}),
        *_everywhere(image),
        *(
            named(
                "GatewayClass",
                name,
                None,
                f"{_GATEWAY_API}/v1",
                spec={"controllerName": "traefik.io/gateway-controller"},
            )
            for name in (CLASS, INSIDE)
        ),
        named(
            "IngressClass", CLASS, None, "networking.k8s.io/v1", spec={"controller": "traefik.io/ingress-controller"}
        ),
    )
    nodes.kubectl("-n", NAMESPACE, "rollout", "status", "daemonset/edge", "--timeout=120s")


def wait_taken(namespace: str) -> str:
    """Return when it has taken the Gateways and routes of a namespace; what it has taken."""
    words = ("-n", namespace, "get", f"gateways.{_GATEWAY_API},httproutes.{_GATEWAY_API}", "-o", "json")
    last: list[str] = []

    def taken() -> Sequence[Mapping[str, Any]] | None:
        found: list[dict[str, Any]] = json.loads(nodes.kubectl(*words))["items"]
        last[:] = untaken(found)
        return found if found and not last else None

    try:
        items = nodes.until(taken, "Traefik has taken the Gateway and its routes", 60)
    except Missing as late:
        raise Missing(f"{late}\n{last}") from None
    routes = sum(item["kind"] == "HTTPRoute" for item in items)
    return f"Traefik has taken {len(items) - routes} Gateway and {routes} routes"


def wait_served(hosts: Mapping[str, str]) -> str:
    """Ask each host until what stands behind it answers, and not Traefik in its place.

    Args:
        hosts: the names by their keys in the chart's values.
    """
    with httpx.Client() as client:
        for key, name in hosts.items():
            nodes.until(partial(_served, client, key, name), f"{name} is served", 60)
    return ", ".join(hosts.values())


def _served(client: httpx.Client, key: str, name: str) -> bool:
    """A front gives its page. A service says in its own words that the public finds no operator's page here."""
    front = key in ("vote", "board", "wall")
    with suppress(httpx.TransportError), client.stream("GET", f"https://{name}{'/' if front else '/livez'}") as answer:
        tls = answer.extensions["network_stream"].get_extra_info("ssl_object")
        # With a certificate for two names a browser would send both over one connection.
        if tls.getpeercert()["subjectAltName"] != (("DNS", name),):
            raise Missing(f"{name} is served with a certificate for {tls.getpeercert()['subjectAltName']}")
        kind = answer.headers.get("content-type", "").partition(";")[0]
        page, problem = (httpx.codes.OK, "text/html"), (httpx.codes.NOT_FOUND, "application/problem+json")
        return (answer.status_code, kind) == (page if front else problem)
    return False


def untaken(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of Gateways and HTTPRoutes what the controller has not taken as they stand, in words; nothing: it has all."""
    return [text for item in items for text in (_gateway if item["kind"] == "Gateway" else _route)(item)]


def _gateway(item: Mapping[str, Any]) -> Iterator[str]:
    name, status = item["metadata"]["name"], item.get("status", {})
    yield from _false(f"Gateway {name}", item, status.get("conditions", ()), ("Accepted", "Programmed"))
    listeners = {one["name"]: one for one in status.get("listeners", ())}
    for wanted in item["spec"]["listeners"]:
        told = listeners.get(wanted["name"], {})
        what = f"listener {wanted['name']} of {name}"
        yield from _false(what, item, told.get("conditions", ()), ("Accepted", "ResolvedRefs", "Programmed"))
        if told.get("attachedRoutes") != 1:
            yield f"{what} has {told.get('attachedRoutes', 0)} routes"


def _route(item: Mapping[str, Any]) -> Iterator[str]:
    name, parents = item["metadata"]["name"], item.get("status", {}).get("parents", ())
    if not parents:
        yield f"route {name}: nobody serves it"
    for parent in parents:
        yield from _false(f"route {name}", item, parent.get("conditions", ()), ("Accepted", "ResolvedRefs"))


def _false(
    what: str, item: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]], kinds: Sequence[str]
) -> Iterator[str]:
    true = {
        one["type"]
        for one in conditions
        if one["status"] == "True" and one.get("observedGeneration") == item["metadata"]["generation"]
    }
    told = {one["type"]: one.get("message", "") for one in conditions}
    yield from (f"{what}: not {kind} {told.get(kind, '')}".strip() for kind in kinds if kind not in true)


def pass_trackers(host: str) -> str:
    """A tracker may begin with slashes, or have two on end; percent-encoded, every one reaches ballot as it is."""
    with httpx.Client() as client:
        for tracker in ("//" + "a" * 41, "a" * 20 + "//" + "+" * 21, "a" * 42 + "/"):
            answer = client.get(f"https://{host}/elections/{'1' * 14}/status/{quote(tracker, safe='')}")
            if answer.status_code != httpx.codes.NOT_FOUND:
                raise Missing(f"ballot was not asked for the tracker {tracker}: {answer.status_code} {answer.text}")
    return "trackers with slashes reach ballot as they are"


def tell_apart(url: str) -> Iterator[str]:
    """A client that asks too often is refused whatever address it claims, and its neighbour is not.

    Args:
        url: of a PUT whose share is counted by address, before its body is looked at.
    """
    busy, other = (httpx.Client(transport=httpx.HTTPTransport(local_address=address)) for address in PASSERS_BY)
    with busy, other:
        refused = asked = 0
        # So many in a row: no replica has a share left for it.
        while refused < 20:
            status = _ask(busy, url, f"203.0.113.{asked % 250 + 1}")
            refused = refused + 1 if status == httpx.codes.TOO_MANY_REQUESTS else 0
            asked += 1
            if asked > _ENOUGH:
                raise Missing(f"{asked} requests of one address, each with another X-Forwarded-For, were not limited")
        yield f"one address was limited after {asked - refused} requests, each of which claimed another one"
        if (status := _ask(other, url, PASSERS_BY[0])) != httpx.codes.UNPROCESSABLE_ENTITY:
            raise Missing(f"another address was answered {status} when it claimed the limited one's")
        yield "another address, which claims to be that one, has a share of its own"


def _ask(client: httpx.Client, url: str, claimed: str) -> int:
    headers = {"X-Forwarded-For": claimed, "X-Real-Ip": claimed, "Forwarded": f"for={claimed}"}
    return client.put(url, json={}, headers=headers).status_code


def _definitions() -> Iterator[Resource]:
    _, folder = programs.sources(programs.GATEWAY_API, _MODULE)
    for file in sorted((folder / "config/crd/standard").glob("*.yaml")):
        yield from (one for one in yaml.safe_load_all(file.read_text("utf-8")) if one)


def _rules() -> list[Resource]:
    read = ["get", "list", "watch"]
    return [
        {"apiGroups": [""], "resources": ["configmaps", "namespaces", "nodes", "secrets", "services"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": [_GATEWAY_API], "resources": list(_WATCHED), "verbs": read},
        {"apiGroups": [_GATEWAY_API], "resources": [f"{kind}/status" for kind in _WATCHED], "verbs": ["update"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingressclasses"], "verbs": read},
    ]


def _everywhere(image: Bundle) -> list[Resource]:
    pod: Resource = {
        "serviceAccountName": "edge",
        "enableServiceLinks": False,
        "securityContext": {
            **POD_SECURITY,
            # A Gateway's listener is served by the port that it names.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "containers": [
            container(
                "traefik",
                image,
                args=list(_ARGUMENTS),
                readinessProbe={"httpGet": {"path": "/ping", "port": 8080}, "periodSeconds": 1},
                volumeMounts=[
                    {"name": "config", "mountPath": "/config"},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
                ],
            )
        ],
        "volumes": [{"name": "config", "configMap": {"name": "edge"}}, {"name": "tmp", "emptyDir": {}}],
    }
    daemons = {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": pod}}
    service = {
        "type": "NodePort",
        # A client's own address comes through.
        "externalTrafficPolicy": "Local",
        "selector": LABELS,
        "ports": [{"port": 443, "nodePort": 443}],
    }
    return [
        named("DaemonSet", "edge", NAMESPACE, "apps/v1", spec=daemons),
        named("Service", "edge", NAMESPACE, spec=service),
    ]
