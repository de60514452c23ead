"""What may stand in the chart's values. ``make chart-values`` writes the schema and the page of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from .settings import left_to_the_city, says


class _Values(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, use_attribute_docstrings=True, frozen=True)


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = rf"{_LABEL}(\.{_LABEL})*"
Name = Annotated[str, Field(pattern=f"^{_NAME}$", max_length=253)]
HostName = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})+$", max_length=253)]
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_GROUP = "[0-9a-f]{1,4}"
_IPV6 = "|".join(
    (
        f"({_GROUP}:){{7}}{_GROUP}",
        f"({_GROUP}:){{1,7}}:",
        *(f"({_GROUP}:){{1,{7 - behind}}}(:{_GROUP}){{1,{behind}}}" for behind in range(1, 7)),
        f":(:{_GROUP}){{1,7}}",
        "::",
    )
)
Cidr = Annotated[
    str,
    Field(
        pattern=rf"^({_BYTE}(\.{_BYTE}){{3}}/(3[0-2]|[12]?[0-9])|({_IPV6})/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$",
    ),
]
_END = rf"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?|\[({_IPV6})\])"
"""A name, an address of IPv4, or one of IPv6 in brackets."""
Origin = Annotated[str, Field(pattern=r"^https://[a-z0-9.-]+(:[0-9]+)?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Replicas = Annotated[int, Field(ge=1, le=100)]
PoolSize = Annotated[int, Field(ge=2, le=100)]
Quantity = Annotated[str | int, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi|Ti)?$")]
Labels = dict[str, str]
Chosen = Annotated[Labels, Field(min_length=1)]
"""Labels that choose: none at all would choose everything."""
Variables = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str],
    Field(json_schema_extra={"additionalProperties": False}),
]
KeyLine = Annotated[str, Field(pattern=r"^ed25519:[A-Za-z0-9_-]{43}:[0-9a-f]{8}$")]
Key32 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class Image(_Values):
    """A program, by what it is."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/:-]*$")]
    """Registry and name, such as ``registry.example.jp/evote/auth``; no tag."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Of the image that was built and checked."""


class PostgresImage(Image):
    """An image of PostgreSQL for CloudNativePG, with its release: the operator takes none by its digest alone."""

    major: Annotated[int, Field(ge=14, le=99)]
    """PostgreSQL's release in it, such as 15. The operator reads it in the tag, which the digest stands behind."""


class Resources(_Values):
    """What a replica asks of its machine. No limit on processor time: it would slow a replica down beside idle
    processors."""

    cpu: Quantity
    """Processors that are kept for it."""
    memory: Quantity
    """Memory that is kept for it."""
    memory_limit: Quantity
    """Where it is ended and started again."""


class Host(_Values):
    """A name of the city's, and its certificate."""

    name: HostName
    """Of this service alone: each is an origin of its own."""
    tls_secret: Name
    """The Secret (``kubernetes.io/tls``) with the certificate of this name only; no wildcard."""


class Hosts(_Values):
    """The names at which people reach the platform."""

    vote: Host
    """The voting pages."""
    board: Host
    """The public pages."""
    auth: Host
    biometric: Host | None = None
    """With ``biometric.enabled``."""
    ballot: Host
    log: Host
    """ledger-anchor: the public log."""
    tally: Host
    wall: Host | None = None
    """The city's wall, with ``wall.enabled``: a name that the city's own network knows."""


class Peer(_Values):
    """Who is at the other end of an arrow: an address, or pods."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["cidr"]},
                {"anyOf": [{"required": ["namespaceLabels"]}, {"required": ["podLabels"]}]},
            ]
        }
    )

    cidr: Cidr | SkipJsonSchema[None] = None
    """Addresses, such as ``10.0.3.0/24`` or ``2001:db8:5::/64``, in small letters; without labels."""
    namespace_labels: Chosen | SkipJsonSchema[None] = None
    """Labels of the namespace; without them the release's own."""
    pod_labels: Chosen | SkipJsonSchema[None] = None
    """Labels of the pods; without them all of the namespace."""


Peers = Annotated[tuple[Peer, ...], Field(min_length=1)]
"""At least one: an empty list would be everybody."""


class Egress(Peer):
    """Somebody outside whom a service asks."""

    ports: Annotated[tuple[Port, ...], Field(min_length=1)]
    """At which ports."""


class Network(_Values):
    """Who is where, for the policies. Whatever isn't named can't be reached, and can't reach."""

    edge: Peers
    """The pods or addresses of what ends TLS."""
    monitoring: Peers
    """Prometheus."""
    dns: Peers
    """Who answers names."""
    cloudnativepg_operator: Peers
    """CloudNativePG's operator, which asks the database's instances how they are."""
    api_server: tuple[Egress, ...]
    """Kubernetes' API server, with CloudNativePG: its instances ask it what they are. As its endpoints are named
    (the EndpointSlices of its Service in the namespace ``default``); where a network sees the Service's own address,
    that too."""


class Toleration(_Values):
    """A taint of machines that pods bear."""

    key: str | None = None
    """None, with ``Exists``: every taint."""
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """None: all three."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """With ``NoExecute``: how long; None: for ever."""


class Scheduling(_Values):
    """Where pods stand and who goes first, of all pods of the release, Kafka's and PostgreSQL's included."""

    node_selector: Labels
    """Labels that a machine must have."""
    tolerations: tuple[Toleration, ...]
    """Taints that keep others off those machines."""
    priority_class_name: Annotated[str, Field(pattern=f"^({_NAME})?$", max_length=253)]
    """A PriorityClass that the cluster has: who is put off a machine that is short of memory, and who waits; empty: the
    cluster's default."""


class Edge(_Values):
    """How the names are led to the services."""

    kind: Literal["gateway", "ingress", "none"]
    """A Gateway with routes; Ingresses; or the city's own."""
    class_name: str
    """The GatewayClass or IngressClass."""
    annotations: Labels
    """For the Gateway, or each Ingress."""


Mode = Annotated[int, Field(ge=0, le=0o777)]
"""Of a file, as a number: 288 is 0440."""


class Item(_Values):
    """A key of a ConfigMap or a Secret, and the file that it becomes."""

    key: Annotated[str, Field(pattern=r"^[-._A-Za-z0-9]+$")]
    path: Annotated[str, Field(min_length=1)]
    mode: Mode | SkipJsonSchema[None] = None


class _Keys(_Values):
    items: tuple[Item, ...] | SkipJsonSchema[None] = None
    optional: bool | SkipJsonSchema[None] = None


class NamedKeys(_Keys):
    """A ConfigMap, or in a projected volume a Secret too."""

    name: Name


class ConfigMapSource(NamedKeys):
    """A ConfigMap."""

    default_mode: Mode | SkipJsonSchema[None] = None


class SecretSource(_Keys):
    """A Secret."""

    secret_name: Name
    default_mode: Mode | SkipJsonSchema[None] = None


class ClaimSource(_Values):
    """A PersistentVolumeClaim."""

    claim_name: Name
    read_only: bool | SkipJsonSchema[None] = None


class Projection(_Values):
    """A part of a projected volume."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    config_map: NamedKeys | SkipJsonSchema[None] = None
    secret: NamedKeys | SkipJsonSchema[None] = None


class ProjectedSource(_Values):
    """Several ConfigMaps and Secrets in one folder."""

    sources: Annotated[tuple[Projection, ...], Field(min_length=1)]
    default_mode: Mode | SkipJsonSchema[None] = None


class SecretReference(_Values):
    """A Secret by its name."""

    name: Name


class CsiSource(_Values):
    """What a driver of the cluster brings."""

    driver: Name
    read_only: bool | SkipJsonSchema[None] = None
    fs_type: str | SkipJsonSchema[None] = None
    volume_attributes: dict[str, str] | SkipJsonSchema[None] = None
    node_publish_secret_ref: SecretReference | SkipJsonSchema[None] = None


class ImageSource(_Values):
    """The files of an image."""

    reference: Annotated[str, Field(min_length=1)]
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | SkipJsonSchema[None] = None


class VolumeSource(_Values):
    """A volume, as Kubernetes writes it."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    config_map: ConfigMapSource | SkipJsonSchema[None] = None
    secret: SecretSource | SkipJsonSchema[None] = None
    persistent_volume_claim: ClaimSource | SkipJsonSchema[None] = None
    projected: ProjectedSource | SkipJsonSchema[None] = None
    csi: CsiSource | SkipJsonSchema[None] = None
    image: ImageSource | SkipJsonSchema[None] = None


class Autoscaling(_Values):
    """Replicas by load, from ``replicas`` on."""

    max: Replicas
    """Replicas at most: the sum of connections counts them all."""
    cpu_percent: Annotated[int, Field(ge=10, le=95)]
    """Of the processors that are kept for them, at which there is one more."""


class BallotAutoscaling(Autoscaling):
    """Ballots are verified by processors, and wait where there are too few."""

    casts_waiting: Annotated[int, Field(ge=1)] | None = None
    """Casts that wait for their turn at a replica (``evote_ballot_casts_waiting``), at which there is one more; it
    takes an adapter for metrics of one's own: while it can't be read, no replica is taken away."""


class _Replicas(_Values):
    replicas: Replicas
    """The floor, also with autoscaling: fixed for the voting day."""
    database_pool_size: PoolSize
    """``EVOTE_DATABASE_POOL_SIZE``: connections of each replica."""
    resources: Resources
    egress: tuple[Egress, ...]
    """Whom it asks outside, such as revocation's responders, a network token, witnesses or chains."""


class _Service(_Replicas):
    image: Image


def _own(service: str) -> type[BaseModel]:
    """The settings that the templates leave to the city."""
    fields: dict[str, Any] = {}
    for name, field in left_to_the_city(service).items():
        kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        fields[name] = (kind | None, Field(default=None, description=says(service, name)))
    return create_model(f"{service.title().replace('-', '')}Settings", __base__=_Values, **fields)


AuthOwn: Any = _own("auth")
BiometricOwn: Any = _own("biometric")
BallotOwn: Any = _own("ballot")
LedgerOwn: Any = _own("ledger-anchor")
TallyOwn: Any = _own("tally")


class TokenFiles(_Values):
    """Files that the token's library looks for."""

    volume: VolumeSource
    """Such as a Secret with the client's certificate and its configuration."""
    path: Annotated[str, Field(pattern=r"^(/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*){2,}$")]
    """The folder where it looks for them, such as ``/etc/luna``, and none of auth's own; auth reads it alone."""


class TokenClient(_Values):
    """What the token's library reads by itself, such as where a token on the network is and by which certificate it is
    asked. auth's pods have it, and no others."""

    env: Variables | None = None
    """Variables of its environment, as they are, none of which is ours (``EVOTE_…``), the program's (``PYTHON…``) or
    secret: what is secret is a file."""
    files: TokenFiles | None = None


class Auth(_Service):
    autoscaling: Autoscaling | None = None
    settings: AuthOwn
    """Further settings; what isn't here is the service's own default."""
    auditor_public_key: Key32
    """Base64 of the auditor's X25519 key, to which release evidence is sealed."""
    authorities_volume: VolumeSource | None = None
    """A folder with ``ca-bundle.pem`` and ``crl.pem``: the cards' authorities, and their lists of revoked certificates,
    which somebody renews. None: no cards are taken, in a reader or by phone; voters come by voting code and face."""
    token_volume: VolumeSource | None = None
    """At ``/opt/token``: the PKCS #11 library that ``settings.credentialTokenModule`` names, where the image doesn't
    have it."""
    token_client: TokenClient | None = None


class Biometric(_Replicas):
    enabled: bool
    """Whether faces are verified at all."""
    image: Image | None = None
    """With ``enabled``."""
    autoscaling: Autoscaling | None = None
    settings: BiometricOwn
    """Further settings; what isn't here is the service's own default."""


class Ballot(_Service):
    autoscaling: BallotAutoscaling | None = None
    settings: BallotOwn
    """Further settings; what isn't here is the service's own default."""


class LedgerAnchor(_Service):
    autoscaling: None = None
    """One replica leads: more of them sequence nothing faster."""
    settings: LedgerOwn
    """Further settings; what isn't here is the service's own default. With ``ethereumChainId`` the log is anchored on
    Ethereum."""
    log_origin: Annotated[str, Field(pattern=r"^[^\s+]+$", max_length=200)]
    """The log's name in checkpoints, for its whole life: its public URL without the scheme."""
    ethereum_key_has_password: bool
    """Whether the key is a keystore with a password beside it."""
    fabric: bool
    """Whether the log is anchored on Hyperledger Fabric."""
    monitor_storage_class: Name | None = None
    """Of the volumes on which the monitor remembers: on disks that neither Kafka nor the database is on."""


class Tally(_Service):
    autoscaling: None = None
    """Counting is once, and commands are few."""
    settings: TallyOwn
    """Further settings; what isn't here is the service's own default."""


class Board(_Values):
    image: Image
    replicas: Replicas
    manifest: str
    """The signed list of what is served (``evote front sign``); empty: none yet."""
    resources: Resources


class Resident(Board):
    phone_app: Origin | None = None
    """The origin of the phone's app's provider, with ``auth.settings.phoneBaseUrl``."""


class Rate(_Values):
    """A line of the turnout table of the election before."""

    day: Annotated[int, Field(ge=1)]
    """Of voting; the first is 1."""
    time: Annotated[str, Field(pattern=r"^\d{2}:\d{2}$")]
    rate: Annotated[str, Field(pattern=r"^\d{1,3}\.\d{2}$")]
    """In percent, such as ``12.34``."""


class Previous(_Values):
    """The election before, with which the wall compares."""

    name: Annotated[str, Field(min_length=1)]
    final: Annotated[str, Field(pattern=r"^\d{1,3}\.\d{2}$")]
    """In percent."""
    rates: tuple[Rate, ...]


class WallOfficers(_Values):
    """Who may say something on the wall (``evote wall``), as on the roster."""

    deployment: Name
    """The roster's."""
    persons: Annotated[dict[Name, Annotated[tuple[KeyLine, ...], Field(min_length=1)]], Field(min_length=1)]
    """The lines of each election officer's keys, by identifier."""


class WallEdge(_Values):
    """What leads the city's own network to the wall; of the kind of ``edge``."""

    class_name: str
    """The GatewayClass or IngressClass; no voter's network should reach what it serves."""
    annotations: Labels
    """For its Gateway, or its Ingress."""
    peers: Peers | None = None
    """Its pods or addresses, for the policy."""


class Wall(_Values):
    """The city's wall on the voting day (ADR 43): one screen with turnout, the log's progress, ways in and alarms."""

    enabled: bool
    image: Image | None = None
    """Of the part ``city``."""
    replicas: Replicas
    manifest: str
    """The signed list of what is served (``evote front sign``); empty: none yet."""
    resources: Resources
    election: Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-Za-km-z]{14,64}$")] | None = None
    """The UUID of the election that it shows."""
    officers: WallOfficers | None = None
    ways: tuple[Literal["card", "phone", "face", "station"], ...]
    """The ways in that this election offers."""
    previous: Previous | None = None
    edge: WallEdge
    prometheus: Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$")] | None = None
    """The origin of Prometheus' HTTP API, by its whole name in the cluster."""
    prometheus_port: Port
    """At which Prometheus' pods (``network.monitoring``) answer, for the policy."""
    resolver: Annotated[str, Field(pattern=r"^[a-z0-9.:-]+$")]
    """The cluster's name server, an address or its whole name: the wall asks it again and again."""
    cluster_domain: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
    """What names in the cluster end with."""


class City(_Values):
    """Words for residents."""

    authority: Annotated[str, Field(min_length=1)]
    """Who holds the vote."""
    helpdesk: Annotated[str, Field(min_length=1)]
    """Where residents are helped, in lines."""


class PublicKeys(_Values):
    """With which browsers check and seal; the private halves are in Secrets."""

    receipt: Key32
    """Base64 of ballot's Ed25519 key."""
    log: Annotated[str, Field(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$")]
    """The log's, as signed-note writes it."""
    voting_code: Key32 | None = None
    """Base64 of auth's X25519 key for voting codes."""


class Monitoring(_Values):
    """PodMonitors and rules are made where the cluster knows their kinds."""

    labels: Labels
    """By which Prometheus' operator chooses."""
    dashboards: bool
    """Whether Grafana's dashboards are made, each a ConfigMap with the label ``grafana_dashboard``, by which Grafana's
    sidecar finds them."""
    runbooks_url: Annotated[str, Field(pattern=r"^(https?://[^\s?#]+[^\s?#/])?$")]
    """Where the documents of this repository are served, such as ``https://docs.city.example.jp/evote``: alerts then
    name the whole address of their runbook. Empty: its path in the repository."""
    traces_ca: Annotated[str, Field(pattern=f"^({_NAME})?$", max_length=253)]
    """The Secret whose ``ca.crt`` has the authorities of the Collectors' certificates, for services with a
    ``tracesEndpoint``; empty: those that browsers know."""


class Storage(_Values):
    """A volume for each instance."""

    size: Quantity
    storage_class: Name | None = None
    """None: the cluster's default."""


def _times(number: str) -> str:
    """A field of a schedule: all, some, from one to another, each at a step or not."""
    some = rf"(\*|{number}(-{number})?)(/[1-9][0-9]?)?"
    return f"{some}(,{some})*"


_SIXTY = _times("[1-5]?[0-9]")
_HOURS = _times("(2[0-3]|1?[0-9])")


class ObjectStore(_Values):
    """Where base backups and the write-ahead log go."""

    destination_path: Annotated[str, Field(pattern=r"^s3://")]
    """Bucket and folder; each cluster has its own name below it."""
    endpoint_url: Origin | None = None
    """None: the provider's own."""
    endpoint_ca: Name | None = None
    """Secret with ``ca.crt``: who signed the store's certificate, if that is no public authority."""
    peers: Annotated[tuple[Egress, ...], Field(min_length=1)]
    """Its addresses or pods, for the policies: the instances reach nobody else outside of the cluster."""
    secret: Name
    """With ``access-key-id`` and ``secret-access-key``."""
    retention: Annotated[str, Field(pattern=r"^[1-9][0-9]*[dwm]$")]
    """How long backups are kept."""
    biometric_retention: Annotated[str, Field(pattern=r"^[1-9][0-9]*[dwm]$")]
    """Of faces' templates: so long after an election's erasure, and until the base backup after it is as old, a backup
    still has them."""
    schedule: Annotated[str, Field(pattern=rf"^{_SIXTY} {_SIXTY} {_HOURS} \* \* \*$")]
    """Seconds, minutes, hours, day, month, weekday: at least once on every day, since ``EvoteBackupOld`` pages where
    the newest backup is older than 26 hours."""


class Recovery(_Values):
    """A cluster that is gone, made again from its archive. It stays in the values: archiving goes on as it says."""

    read_from: Name
    """The archive that is read: the name of the cluster, or what ``archiveTo`` was when it was put back before."""
    archive_to: Name
    """The archive of the new cluster: a name that none has yet."""
    until: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T[\d:.]+[+-](0[1-9]|1\d):\d{2}$")] | None = None
    """A moment, such as ``2026-11-29T09:30:00+09:00``, up to which it is read; None: all that was archived.
    Not in UTC, which the operator writes as PostgreSQL, when it starts, doesn't take."""


class Recoveries(_Values):
    """Of each cluster that was put back."""

    main: Recovery | None = None
    biometric: Recovery | None = None


class CloudNativePG(_Values):
    """A cluster for the services, and one apart for biometric."""

    image: PostgresImage | None = None
    """PostgreSQL's image."""
    instances: Annotated[int, Field(ge=1, le=9)]
    """Each commit waits for a standby."""
    storage: Storage | None = None
    resources: Resources | None = None
    parameters: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)?$")], str],
        Field(json_schema_extra={"additionalProperties": False}),
    ]
    """Settings of PostgreSQL, each as text, such as ``work_mem: 16MB``; the profiles set those of its memory. Not the
    chart's own: ``max_connections`` is ``postgresql.maxConnections``, and nobody chooses what a commit waits for."""
    backup: ObjectStore | None = None
    """None: no backups."""
    recovery: Recoveries | None = None
    """None: each cluster is as it was first made (docs/runbooks/backup.md)."""


class Database(_Values):
    """A database of the city's own."""

    host: Annotated[str, Field(pattern=f"^({_END})?$")]
    """As its certificate says; an address of IPv6 in brackets."""
    port: Port
    database: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
    plaintext: bool
    """Without TLS; for tests alone."""
    peers: tuple[Peer, ...]
    """Its addresses or pods, for the policies."""


class ExternalPostgres(_Values):
    """Databases of the city's own."""

    pooler: Literal["none", "session", "transaction"]
    """What stands before them; in transaction mode the services can't work."""
    main: Database
    biometric: Database


class Postgres(_Values):
    mode: Literal["cloudnativepg", "external"]
    """Made by CloudNativePG, or the city's own."""
    max_connections: Annotated[int, Field(ge=20, le=10_000)]
    """What each server takes; held against all that the replicas may open."""
    cloudnativepg: CloudNativePG
    external: ExternalPostgres


class Strimzi(_Values):
    """Three controllers and the brokers."""

    storage: Storage
    """Of each broker."""
    controller_storage: Storage
    resources: Resources
    """Of each broker."""
    controller_resources: Resources


class ExternalKafka(_Values):
    """A Kafka of the city's own: topics as in docs/runbooks/event-log.md, grants as in docs/kafka-acls.json."""

    bootstrap: Annotated[str, Field(pattern=f"^({_END}:[0-9]+(,{_END}:[0-9]+)*)?$")]
    """``host:port``, separated by commas; an address of IPv6 in brackets."""
    authentication: Literal["mtls", "scram-sha-512", "plaintext"]
    """Plaintext for tests alone."""
    peers: tuple[Peer, ...]
    """The brokers' addresses or pods, for the policies."""
    ports: Annotated[tuple[Port, ...], Field(min_length=1)]
    """All ports at which brokers answer clients."""


class Kafka(_Values):
    mode: Literal["strimzi", "external"]
    """Made by Strimzi, or the city's own."""
    version: str
    """Held against what was tested."""
    brokers: Annotated[int, Field(ge=1)]
    """How many there are."""
    topic_prefix: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
    """``EVOTE_TOPIC_PREFIX``."""
    rack_key: Annotated[str, Field(pattern=r"^([a-z0-9.-]+/)?[A-Za-z0-9._-]+$")]
    """The label of nodes by which Strimzi spreads brokers, and copies of a partition over them. A node without it gets
    no broker: where nodes have no zone, ``kubernetes.io/hostname``."""
    client_rack: bool
    """Whether replicas read from a broker of their own zone; it takes Kubernetes 1.35, which tells pods their zone."""
    strimzi: Strimzi | None = None
    external: ExternalKafka


class Values(_Values):
    """The chart's values."""

    environment: Literal["production", "test"]
    """``test``: nobody votes, and plaintext, one broker and keys in files are taken."""
    events_release: Annotated[int, Field(ge=1)]
    """``EVOTE_EVENTS_RELEASE``: raised after an upgrade (docs/runbooks/event-log.md)."""
    log_level: Literal["debug", "info", "warning", "error"]
    listen_address: Literal["0.0.0.0", "::"]  # noqa: S104 - of a pod, which its policy guards
    """``::`` where pods have addresses of IPv6 alone; the fronts listen at both then."""
    drain_delay_s: Annotated[int, Field(ge=0, le=300)]
    """``EVOTE_DRAIN_DELAY_S``: longer than the edge takes to notice that a replica leaves."""
    shutdown_timeout_s: Annotated[int, Field(ge=1, le=300)]
    """``EVOTE_SHUTDOWN_TIMEOUT_S``."""
    start_within_s: Annotated[int, Field(ge=10, le=3600)]
    """After which a replica that doesn't answer yet is started again; who waits for a database answers."""
    spread: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What happens with a second replica of a service when there is no second machine."""
    trusted_proxies: Annotated[str, Field(min_length=1, pattern=r"^(none|[0-9a-f.:/]+( *, *[0-9a-f.:/]+)*)$")]
    """``EVOTE_TRUSTED_PROXIES``: the edge's addresses, as pods see them."""
    image_pull_secrets: tuple[Name, ...]
    scheduling: Scheduling
    hosts: Hosts
    edge: Edge
    network: Network
    city: City
    public_keys: PublicKeys
    witness_policy: str
    """C2SP tlog-policy with this log's key and the witnesses' URLs, for ledger-anchor and public pages; empty: none."""
    monitoring: Monitoring
    auth: Auth
    biometric: Biometric
    ballot: Ballot
    ledger_anchor: LedgerAnchor
    tally: Tally
    resident: Resident
    board: Board
    wall: Wall
    kafka: Kafka
    postgresql: Postgres
