"""Kafka and PostgreSQL as servers of a city's own, in a namespace apart, with TLS of a test authority: three brokers,
as production asks for, and of PostgreSQL one server, with another one for faces' templates."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evote_chart.settings import CHART

from . import nodes
from .basics import POD_SECURITY, Resource, container, named
from .bundles import Bundle
from .certificates import Authority
from .programs import Missing

NAMESPACE: Final = "servers"
KAFKA_PORT: Final = 9093
_CONTROLLER_PORT: Final = 9094
BROKERS: Final = tuple(f"kafka-{number}.kafka.{NAMESPACE}.svc.cluster.local" for number in range(3))
BOOTSTRAP: Final = ",".join(f"{broker}:{KAFKA_PORT}" for broker in BROKERS)
DATABASES: Final = {"postgresql": ("auth", "ballot", "ledger", "tally"), "faces": ("biometric",)}
"""The servers' names, and whose schemas are in each."""
_ROLES: Final = {"postgresql": "roles.sql", "faces": "roles-biometric.sql"}
_VOTERS: Final = ",".join(f"{number}@{broker}:{_CONTROLLER_PORT}" for number, broker in enumerate(BROKERS))
# NUMBER is each broker's own.
_PROPERTIES: Final = f"""\
process.roles=broker,controller
node.id=NUMBER
controller.quorum.voters={_VOTERS}
listeners=SSL://:{KAFKA_PORT},CONTROLLER://:{_CONTROLLER_PORT}
advertised.listeners=SSL://kafka-NUMBER.kafka.{NAMESPACE}.svc.cluster.local:{KAFKA_PORT}
listener.security.protocol.map=SSL:SSL,CONTROLLER:SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=SSL
ssl.keystore.type=PEM
ssl.keystore.location=/tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=/tls/ca.crt
ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:CN=broker;User:CN=operator
log.dirs=/data/log
auto.create.topics.enable=false
offsets.topic.replication.factor={len(BROKERS)}
transaction.state.log.replication.factor={len(BROKERS)}
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
log.cleaner.dedupe.buffer.size=8388608
"""
_JAVA: Final = (
    "java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError"
    " -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/*'"
)
_KAFKA: Final = (
    'sed "s/NUMBER/${HOSTNAME##*-}/" /config/server.properties >/tmp/server.properties'
    f" && {_JAVA} kafka.tools.StorageTool format --ignore-formatted --feature transaction.version=1"
    " --cluster-id=evoteclusterforatest00 --config /tmp/server.properties"
    f" && exec {_JAVA} kafka.Kafka /tmp/server.properties"
)
_POSTGRESQL: Final = """
set -e
export PGDATA=/data/pg
if [ ! -s $PGDATA/PG_VERSION ]; then
  initdb --username=operator --auth=scram-sha-256 --pwfile=/secret/password --encoding=UTF8 --locale=C.UTF-8
  echo 'hostssl all all all scram-sha-256' >>$PGDATA/pg_hba.conf
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp -c jit=off -c max_connections=140 \
  -c ssl=on -c ssl_cert_file=/tls/tls.crt -c ssl_key_file=/tls/tls.key
"""


class Servers:
    """Their authority, and what the services get of them."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority("servers-ca", folder)
        self.passwords = {
            f"evote_{schema}{role}": secrets.token_hex(24)
            for schemas in DATABASES.values()
            for schema in schemas
            for role in ("", "_owner")
        }
        self._operators_password = secrets.token_hex(24)

    def start(self, images: Mapping[str, Bundle], databases: Sequence[str]) -> None:
        """Start Kafka and some of :data:`DATABASES`; return when they take connections, and have their roles."""
        nodes.apply(named("Namespace", NAMESPACE, None))
        postgresql = [part for name in databases for part in self._postgresql(name, images["postgresql"])]
        nodes.apply(*self._kafka(images["kafka"]), *postgresql)
        for name in databases:
            wait(name)
            self._make_roles(name)
        wait("kafka")

    def identity(self, service: str) -> dict[str, str]:
        """Of a service for Kafka: certificate and key."""
        certificate, key = self.authority.issue(service, service)
        return {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}

    def sql(self, statements: str, server: str = "postgresql", database: str = "evote") -> str:
        """As PostgreSQL's administrator."""
        command = ["env", f"PGPASSWORD={self._operators_password}", "psql", "-h", "/tmp", "-U", "operator"]  # noqa: S108
        options = ["-d", database, "-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-"]
        words = ("-n", NAMESPACE, "exec", "-i", f"{server}-0", "--", *command, *options)
        return nodes.kubectl(*words, stdin=statements)

    def _make_roles(self, server: str) -> None:
        self.sql("CREATE DATABASE evote", server, database="postgres")
        self.sql((CHART / "files" / _ROLES[server]).read_text("utf-8"), server)
        for schema in DATABASES[server]:
            for role in (f"evote_{schema}", f"evote_{schema}_owner"):
                self.sql(f"ALTER ROLE {role} PASSWORD '{self.passwords[role]}'", server)

    def _kafka(self, image: Bundle) -> list[Resource]:
        certificate, key = self.authority.issue("broker", "broker", ends=BROKERS)
        tls = {
            "broker.pem": key.read_text() + certificate.read_text(),
            "ca.crt": self.authority.certificate.read_text(),
        }
        pod = {
            "containers": [
                container(
                    "kafka",
                    image,
                    command=["sh", "-c", _KAFKA],
                    readinessProbe={"tcpSocket": {"port": KAFKA_PORT}, "periodSeconds": 1, "failureThreshold": 30},
                    resources={"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
                    volumeMounts=_mounts("data", "config", "tls", "tmp"),
                )
            ],
            "volumes": [
                {"name": "config", "configMap": {"name": "kafka"}},
                {"name": "tls", "secret": {"secretName": "kafka-tls"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        }
        return [
            named("ConfigMap", "kafka", NAMESPACE, data={"server.properties": _PROPERTIES}),
            named("Secret", "kafka-tls", NAMESPACE, stringData=tls),
            *stateful("kafka", KAFKA_PORT, pod, 65532, replicas=len(BROKERS), headless=True),
        ]

    def _postgresql(self, name: str, image: Bundle) -> list[Resource]:
        certificate, key = self.authority.issue(name, name, ends=[host(name)])
        tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
        asks = ["pg_isready", "-q", "-h", "127.0.0.1"]
        ready = {"exec": {"command": asks}, "periodSeconds": 1, "failureThreshold": 30}
        pod = {
            "containers": [
                container(
                    "postgresql",
                    image,
                    command=["sh", "-c", _POSTGRESQL],
                    readinessProbe=ready,
                    resources={"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
                    volumeMounts=[
                        *_mounts("data", "secret", "tls", "tmp"),
                        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - the pod's own
                    ],
                )
            ],
            "volumes": [
                {"name": "secret", "secret": {"secretName": name, "defaultMode": 0o440}},
                {"name": "tls", "secret": {"secretName": f"{name}-tls", "defaultMode": 0o440}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
            ],
        }
        return [
            named("Secret", name, NAMESPACE, stringData={"password": self._operators_password}),
            named("Secret", f"{name}-tls", NAMESPACE, stringData=tls),
            *stateful(name, 5432, pod, 26, headless=False),
        ]


def peer(server: str) -> dict[str, Any]:
    """The pods of one of :data:`DATABASES`, or of another server, as the chart's values name the end of an arrow."""
    return {"namespaceLabels": {"kubernetes.io/metadata.name": NAMESPACE}, "podLabels": {"app": server}}


def host(server: str) -> str:
    """Where services find one of :data:`DATABASES`, or another server."""
    return f"{server}.{NAMESPACE}.svc.cluster.local"


def wait(name: str) -> None:
    """Return when a server takes connections."""
    nodes.kubectl("-n", NAMESPACE, "rollout", "status", f"statefulset/{name}", "--timeout=300s", timeout_s=330)


def broker_addresses() -> Mapping[str, str]:
    """Of the brokers' pods, by their names, for an administrator outside."""
    found = {}
    for broker in BROKERS:
        pod = broker.partition(".")[0]
        found[broker] = nodes.kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "jsonpath={.status.podIP}")
    if not all(found.values()):
        raise Missing(f"brokers without an address: {found}")
    return found


def _mounts(*names: str) -> list[Resource]:
    return [{"name": name, "mountPath": f"/{name}"} for name in names]


def stateful(name: str, port: int, pod: Resource, user: int, *, replicas: int = 1, headless: bool) -> list[Resource]:
    """A server of the city's own with its service: ``pod`` has what not all have; its processes are ``user``'s."""
    labels = {"app": name}
    security = {**POD_SECURITY, "runAsUser": user, "runAsGroup": user, "fsGroup": user}
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    spec = {
        "serviceName": name,
        "replicas": replicas,
        # No broker is ready before there are others.
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "securityContext": security,
                # A city's own servers stand elsewhere: no test empties their machine.
                "nodeSelector": {"kubernetes.io/hostname": "node1"},
                **pod,
            },
        },
        "volumeClaimTemplates": [claim],
    }
    service: Resource = {"selector": labels, "ports": [{"port": port}]}
    if headless:
        service |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    return [
        named("StatefulSet", name, NAMESPACE, "apps/v1", spec=spec),
        named("Service", name, NAMESPACE, spec=service),
    ]
