"""What ends TLS before the cluster's services: nginx on each node, at port 443 of the node.

A controller of Ingresses or of the Gateway API can't be had from the package registries; this does what the chart
asks of one: it appends to ``X-Forwarded-For``, each name has a certificate of its own, no connection serves another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import nodes
from .basics import POD_SECURITY, Resource, container, named
from .bundles import Bundle
from .certificates import Authority

NAMESPACE: Final = "edge"
_MAIN: Final = """\
worker_processes 1;
pid /run/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 32m;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  ssl_protocols TLSv1.2 TLSv1.3;
  proxy_http_version 1.1;
  proxy_set_header Host $host;
  proxy_set_header Connection "";
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto https;
  proxy_connect_timeout 1s;
  proxy_buffering off;
SERVERS
}
"""
# Twice: a connection that nobody took is tried at another replica; a request that was sent is not sent again.
_SERVER: Final = """\
  upstream KEY {
    server SERVICE.svc.cluster.local:80 max_fails=0;
    server SERVICE.svc.cluster.local:80 max_fails=0;
    keepalive 16;
  }
  server {
    listen 8443 ssl;
    server_name NAME;
    ssl_certificate /tls/KEY.crt;
    ssl_certificate_key /tls/KEY.key;
    if ($ssl_server_name != $host) { return 421; }
    location / { proxy_pass http://KEY; }
  }
"""


def install(image: Bundle, hosts: Mapping[str, tuple[str, str]], authority: Authority) -> None:
    """Put it before the services, and return when it answers.

    Args:
        hosts: by the key in the chart's values the name, and the Service behind it as ``name.namespace``.
    """
    tls: dict[str, str] = {}
    blocks = ""
    for key, (name, behind) in hosts.items():
        certificate, private = authority.issue(key, name, ends=[name])
        tls |= {f"{key}.crt": certificate.read_text(), f"{key}.key": private.read_text()}
        blocks += _SERVER.replace("SERVICE", behind).replace("KEY", key).replace("NAME", name)
    labels = {"app": "edge"}
    pod: Resource = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "containers": [
            container(
                "nginx",
                image,
                command=["/usr/sbin/nginx", "-c", "/config/nginx.conf", "-e", "stderr", "-g", "daemon off;"],
                readinessProbe={"tcpSocket": {"port": 8443}, "periodSeconds": 1},
                volumeMounts=[
                    {"name": "config", "mountPath": "/config"},
                    {"name": "tls", "mountPath": "/tls"},
                    {"name": "run", "mountPath": "/run"},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
                ],
            )
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": "edge"}},
            {"name": "tls", "secret": {"secretName": "edge-tls"}},
            {"name": "run", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    daemons = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    service = {
        "type": "NodePort",
        # A client's own address comes through.
        "externalTrafficPolicy": "Local",
        "selector": labels,
        "ports": [{"port": 443, "targetPort": 8443, "nodePort": 443}],
    }
    nodes.apply(named("Namespace", NAMESPACE, None))
    nodes.apply(
        named("ConfigMap", "edge", NAMESPACE, data={"nginx.conf": _MAIN.replace("SERVERS", blocks)}),
        named("Secret", "edge-tls", NAMESPACE, stringData=tls),
        named("DaemonSet", "edge", NAMESPACE, "apps/v1", spec=daemons),
        named("Service", "edge", NAMESPACE, spec=service),
    )
    nodes.kubectl("-n", NAMESPACE, "rollout", "status", "daemonset/edge", "--timeout=120s")
