"""What a cluster has before anybody installs anything: names, volumes, measures, and an edge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from . import nodes
from .bundles import Bundle

Resource = dict[str, Any]
_VOLUMES: Final = 20
"""On each node."""
_CORE: Final = """\
.:53 {
  errors
  health :8080
  ready :8181
  kubernetes cluster.local in-addr.arpa {
    ttl 5
  }
  cache 5
}
"""
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
USER: Final = 65532
"""The chart's pods', and ours."""
POD_SECURITY: Final = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def install(images: Mapping[str, Bundle]) -> None:
    """Put them there, and return when they serve."""
    nodes.apply(*_names(images["coredns"]), *_volumes(), *_measures(images["metrics-server"]))
    nodes.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")


def container(name: str, image: Bundle, **more: Any) -> Resource:
    """As the chart's own are: no privilege, no writable root."""
    return {
        "name": name,
        "image": image.reference,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": _RESTRICTED,
        **more,
    }


def named(kind: str, name: str, namespace: str | None, api: str = "v1", **more: Any) -> Resource:
    """The head of a resource, and what follows."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def run_here(deployment: Resource, image: Bundle, named_images: Mapping[str, str]) -> None:
    """An operator's, as its release has it, with our image, on a machine that stays.

    A city runs several. One that is lost with the primary's machine is replaced after five minutes.

    Args:
        named_images: by the variables of its environment other images that it puts into pods.
    """
    pod = deployment["spec"]["template"]["spec"]
    pod["nodeSelector"] = {"kubernetes.io/hostname": "node1"}
    (manager,) = pod["containers"]
    manager |= {"image": image.reference, "imagePullPolicy": "IfNotPresent"}
    others = [variable for variable in manager["env"] if variable["name"] not in named_images]
    manager["env"] = [*others, *({"name": name, "value": value} for name, value in named_images.items())]


def role(name: str, account: str, rules: list[Resource], namespace: str = "kube-system") -> list[Resource]:
    """What a ServiceAccount may do in all namespaces."""
    api = "rbac.authorization.k8s.io/v1"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return [
        named("ClusterRole", name, None, api, rules=rules),
        named("ClusterRoleBinding", name, None, api, roleRef=reference, subjects=[subject]),
    ]


def _names(image: Bundle) -> list[Resource]:
    labels = {"k8s-app": "kube-dns"}
    probe = {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1}
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": "coredns",
            "dnsPolicy": "Default",
            "securityContext": {
                **POD_SECURITY,
                # Policies name the port that pods listen at, which is 53, also without privilege.
                "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            },
            # Never on a machine that a test empties.
            "nodeSelector": {"kubernetes.io/hostname": "node1"},
            "containers": [
                container(
                    "coredns",
                    image,
                    args=["-conf", "/etc/coredns/Corefile"],
                    readinessProbe=probe,
                    volumeMounts=[{"name": "config", "mountPath": "/etc/coredns"}],
                )
            ],
            "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
        },
    }
    rules = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    ports = [{"name": name, "port": 53, "protocol": name.upper()} for name in ("udp", "tcp")]
    deployment = {"selector": {"matchLabels": labels}, "template": pod}
    return [
        named("ServiceAccount", "coredns", "kube-system"),
        *role("evote-coredns", "coredns", rules),
        named("ConfigMap", "coredns", "kube-system", data={"Corefile": _CORE}),
        named("Deployment", "coredns", "kube-system", "apps/v1", spec=deployment),
        named(
            "Service",
            "kube-dns",
            "kube-system",
            spec={"clusterIP": "10.96.0.10", "selector": labels, "ports": ports},
        ),
    ]


def _volumes() -> list[Resource]:
    """Folders of the nodes, which Kubernetes binds by itself: nobody needs to make volumes."""
    storage = named(
        "StorageClass",
        "folders",
        None,
        "storage.k8s.io/v1",
        provisioner="kubernetes.io/no-provisioner",
        volumeBindingMode="WaitForFirstConsumer",
    )
    storage["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return [storage, *(_volume(node, number) for node in nodes.numbers() for number in range(_VOLUMES))]


def _volume(node: int, number: int) -> Resource:
    place: Path = nodes.run_folder() / f"node{node}/volumes/{number}"
    place.mkdir(parents=True, exist_ok=True)
    where = {"key": "kubernetes.io/hostname", "operator": "In", "values": [f"node{node}"]}
    return named(
        "PersistentVolume",
        f"node{node}-{number}",
        None,
        spec={
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "folders",
            "local": {"path": str(place)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}},
        },
    )


def _measures(image: Bundle) -> list[Resource]:
    """For the autoscaler, and ``kubectl top``."""
    labels = {"k8s-app": "metrics-server"}
    arguments = [
        "--secure-port=10250",
        "--cert-dir=/tmp",
        "--kubelet-insecure-tls",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=15s",
        "--kubelet-request-timeout=10s",
    ]
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": "metrics-server",
            "securityContext": POD_SECURITY,
            "nodeSelector": {"kubernetes.io/hostname": "node1"},
            "containers": [
                container(
                    "metrics-server",
                    image,
                    args=arguments,
                    volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
                    readinessProbe={
                        "httpGet": {"path": "/readyz", "port": 10250, "scheme": "HTTPS"},
                        "periodSeconds": 2,
                    },
                )
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }
    rules = [
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods", "nodes", "namespaces"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
    service = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "metrics-server", "namespace": "kube-system"},
    }
    deployment = {"selector": {"matchLabels": labels}, "template": pod}
    return [
        named("ServiceAccount", "metrics-server", "kube-system"),
        *role("evote-metrics-server", "metrics-server", rules),
        named("Deployment", "metrics-server", "kube-system", "apps/v1", spec=deployment),
        named(
            "Service",
            "metrics-server",
            "kube-system",
            spec={"selector": labels, "ports": [{"port": 443, "targetPort": 10250}]},
        ),
        named("APIService", "v1beta1.metrics.k8s.io", None, "apiregistration.k8s.io/v1", spec=service),
    ]
