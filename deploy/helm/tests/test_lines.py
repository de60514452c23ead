"""Single lines of the chart that keep ballots, keys or the vote's course, each by what it is there for.

An operator reads most of them, and of Strimzi none runs here: what is rendered is all that can be held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from evote_eventlog.access import SERVICES
from evote_eventlog.topics import SETTINGS as TOPIC_SETTINGS
from evote_local.nodes.kafka import KAFKA_VERSION

from .rendering import NEEDS_HELM, PROFILES, ROOT, Resource, arrows, chooses, environment, of_kind, pods, rendered

pytestmark = NEEDS_HELM

OPERATED = [
    name for name, files in PROFILES.items() if not any("mode: external" in file.read_text("utf-8") for file in files)
]
"""Those whose Kafka and PostgreSQL the operators run, on several machines."""

WATCHED = ("--api-versions", "monitoring.coreos.com/v1")
FRONTS = ("resident", "board", "wall")


def workloads(resources: tuple[Resource, ...]) -> Iterator[tuple[str, Resource]]:
    for workload in of_kind(resources, "Deployment", "StatefulSet").values():
        yield workload["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"], workload


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping at any depth."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from mappings(inner)


# --- Kafka ---

BROKERS = {
    # One that missed records would lead, and they would be gone.
    "unclean.leader.election.enable": False,
    # Topics are the chart's: a misspelt one would have one copy, and no access that anybody wrote.
    "auto.create.topics.enable": False,
    "allow.everyone.if.no.acl.found": False,
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    # Without it a replica's own zone (`kafka.clientRack`) is told to nobody who heeds it.
    "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
}


@pytest.mark.parametrize("profile", OPERATED)
def test_brokers_lose_no_record_and_let_nobody_in_whom_no_line_names(profile: str) -> None:
    resources = rendered(profile)
    (kafka,) = of_kind(resources, "Kafka").values()
    spec = kafka["spec"]["kafka"]
    assert spec["config"].items() >= BROKERS.items()
    # Others have lost what was acknowledged; and who makes topics and users is asked for too.
    assert spec["version"] == KAFKA_VERSION
    assert kafka["spec"]["entityOperator"].keys() >= {"topicOperator", "userOperator"}
    # Without super users, to whom no line would apply.
    assert spec["authorization"] == {"type": "simple"}
    services = {service: pods(resources)[service]["metadata"]["labels"] for service in SERVICES}
    assert spec["listeners"]
    for listener in spec["listeners"]:
        assert (listener["tls"], listener["type"]) == (True, "internal")
        assert listener["authentication"] == {"type": "tls"}
        # Strimzi writes a policy of it, and with nobody named one that lets everybody in.
        assert all(peer.keys() == {"podSelector"} for peer in listener["networkPolicyPeers"])
        peers = [peer["podSelector"] for peer in listener["networkPolicyPeers"]]
        let_in = [[name for name, labels in services.items() if chooses(peer, labels)] for peer in peers]
        assert sorted(let_in) == [[service] for service in sorted(SERVICES)]


@pytest.mark.parametrize("profile", OPERATED)
def test_kafkas_volumes_are_kept_and_a_machine_that_is_lost_takes_no_majority(profile: str) -> None:
    pools = of_kind(rendered(profile), "KafkaNodePool").values()
    assert {pool["spec"]["roles"][0]: pool["spec"]["replicas"] for pool in pools} == {"broker": 3, "controller": 3}
    for pool in pools:
        assert pool["metadata"]["labels"]["strimzi.io/cluster"] == "evote-kafka"
        (volume,) = pool["spec"]["storage"]["volumes"]
        assert (volume["type"], volume["deleteClaim"]) == ("persistent-claim", False)
        for constraint in pool["spec"]["template"]["pod"]["topologySpreadConstraints"]:
            assert (constraint["maxSkew"], constraint["whenUnsatisfiable"]) == (1, "DoNotSchedule")
            assert constraint["labelSelector"]["matchLabels"] == {
                "strimzi.io/cluster": "evote-kafka",
                "strimzi.io/pool-name": pool["metadata"]["name"],
            }


@pytest.mark.parametrize("profile", OPERATED)
def test_a_topic_keeps_what_the_services_ask_of_it_and_its_users_are_known_by_certificate(profile: str) -> None:
    resources = rendered(profile)
    kept = {setting.name: setting.value for setting in TOPIC_SETTINGS}
    for topic in of_kind(resources, "KafkaTopic").values():
        assert topic["metadata"]["labels"]["strimzi.io/cluster"] == "evote-kafka"
        assert topic["spec"]["config"] == {**kept, "min.insync.replicas": 2}
        assert topic["spec"]["replicas"] == 3
    users = of_kind(resources, "KafkaUser")
    assert users.keys() == {f"evote-{service}" for service in SERVICES}
    for user in users.values():
        assert user["metadata"]["labels"]["strimzi.io/cluster"] == "evote-kafka"
        assert user["spec"]["authentication"] == {"type": "tls"}
        assert user["spec"]["authorization"]["type"] == "simple"
        assert all(acl["resource"]["patternType"] == "literal" for acl in user["spec"]["authorization"]["acls"])


# --- PostgreSQL ---


@pytest.mark.parametrize("profile", OPERATED)
def test_a_database_has_no_super_user_to_log_in_as_and_tells_a_page_that_was_damaged(profile: str) -> None:
    resources = rendered(profile)
    clusters = of_kind(resources, "Cluster")
    assert clusters.keys() == {"evote-pg", "evote-pg-biometric"}
    for name, cluster in clusters.items():
        spec = cluster["spec"]
        assert spec["enableSuperuserAccess"] is False
        made = spec["bootstrap"]["initdb"]
        assert (made["dataChecksums"], made["database"], made["owner"]) == (True, "evote", "evote")
        (roles,) = made["postInitApplicationSQLRefs"]["configMapRefs"]
        statements = of_kind(resources, "ConfigMap")[roles["name"]]["data"][roles["key"]]
        held = [service for service in SERVICES if (service == "biometric") == (name == "evote-pg-biometric")]
        assert {role["name"] for role in spec["managed"]["roles"]} == {
            f"evote_{service.removesuffix('-anchor')}{suffix}" for service in held for suffix in ("", "_owner")
        }
        for role in spec["managed"]["roles"]:
            # Nothing of a role that its statements don't say: neither superuser, createdb nor bypassrls.
            assert role.keys() == {"name", "ensure", "login", "passwordSecret"}
            assert (role["ensure"], role["login"]) == ("present", True)
            assert f"CREATE ROLE {role['name']} " in statements
    # What the chart adds its replicas' connections up to is what the server takes.
    for cluster in of_kind(rendered(profile, "--set", "postgresql.maxConnections=999"), "Cluster").values():
        assert cluster["spec"]["postgresql"]["parameters"]["max_connections"] == "999"


@pytest.mark.parametrize("profile", OPERATED)
def test_two_instances_of_a_database_never_stand_on_one_machine(profile: str) -> None:
    for cluster in of_kind(rendered(profile), "Cluster").values():
        affinity = cluster["spec"]["affinity"]
        assert cluster["spec"]["instances"] == 3
        assert affinity["enablePodAntiAffinity"] is True
        assert (affinity["podAntiAffinityType"], affinity["topologyKey"]) == ("required", "kubernetes.io/hostname")
        (constraint,) = cluster["spec"]["topologySpreadConstraints"]
        assert (constraint["topologyKey"], constraint["maxSkew"]) == ("topology.kubernetes.io/zone", 1)
        assert constraint["labelSelector"] == {"matchLabels": {"cnpg.io/cluster": cluster["metadata"]["name"]}}
    # One machine has room for one alone: the others would wait for ever.
    for cluster in of_kind(rendered(profile, "--set", "spread=ScheduleAnyway"), "Cluster").values():
        assert cluster["spec"]["affinity"]["podAntiAffinityType"] == "preferred"


@pytest.mark.parametrize("profile", OPERATED)
def test_an_answered_commit_of_each_profile_is_on_two_machines_and_travels_encrypted(profile: str) -> None:
    for cluster in of_kind(rendered(profile), "Cluster").values():
        synchronous = cluster["spec"]["postgresql"]["synchronous"]
        assert (synchronous["number"], synchronous["dataDurability"]) == (1, "required")
        assert synchronous["failoverQuorum"] is True
        assert cluster["spec"]["postgresql"]["pg_hba"][0] == "hostnossl all all all reject"
        (archive,) = cluster["spec"]["plugins"]
        assert archive["isWALArchiver"] is True
    for backup in of_kind(rendered(profile), "ScheduledBackup").values():
        assert (backup["spec"]["method"], backup["spec"]["immediate"]) == ("plugin", True)
        # What is taken of it goes with the cluster's entry alone; the archive stays.
        assert backup["spec"]["backupOwnerReference"] == "cluster"


@pytest.mark.parametrize("profile", PROFILES)
def test_who_speaks_to_a_database_of_production_checks_its_name_and_with_whose_authority(profile: str) -> None:
    for name, template in pods(rendered(profile)).items():
        (container,) = template["spec"]["containers"]
        if name in FRONTS:
            continue
        given = environment(container)
        assert given["EVOTE_ENVIRONMENT"] == ("test" if profile == "dev" else "production"), name
        urls = [value for value in given.values() if value.startswith("postgresql://")]
        assert len(urls) == 1
        for url in urls:
            if profile == "dev":
                continue
            query = url.partition("?")[2]
            assert query == "sslmode=verify-full&sslrootcert=/etc/evote/database/ca.crt"
            (volume,) = [one["secret"] for one in template["spec"]["volumes"] if one["name"] == "database"]
            cluster = "evote-pg-biometric" if name.startswith("biometric") else "evote-pg"
            assert volume["secretName"] == (f"{cluster}-ca" if profile in OPERATED else "evote-database-ca")
            # The Secret of the operator also holds the authority's key.
            assert volume["items"] == [{"key": "ca.crt", "path": "ca.crt"}]


# --- pods ---


@pytest.mark.parametrize("profile", PROFILES)
def test_replicas_stand_apart_counted_by_release_and_by_machines_that_take_them(profile: str) -> None:
    resources = rendered(profile)
    # What the controller puts on the pods of one revision.
    revision = {"Deployment": "pod-template-hash", "StatefulSet": "controller-revision-hash"}
    several = "ScheduleAnyway" if profile in ("dev", "school") else "DoNotSchedule"
    for _, workload in workloads(resources):
        constraints = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert {one["topologyKey"]: one["whenUnsatisfiable"] for one in constraints} == {
            "topology.kubernetes.io/zone": "ScheduleAnyway",
            "kubernetes.io/hostname": several,
        }
        for one in constraints:
            assert (one["maxSkew"], one["nodeTaintsPolicy"]) == (1, "Honor")
            assert one["matchLabelKeys"] == [revision[workload["kind"]]]
            assert one["labelSelector"] == workload["spec"]["selector"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_machine_is_emptied_of_one_replica_at_a_time_and_never_held_up_by_one_that_serves_nobody(
    profile: str,
) -> None:
    resources = rendered(profile)
    budgets = of_kind(resources, "PodDisruptionBudget")
    assert sorted(budgets) == sorted(of_kind(resources, "Deployment", "StatefulSet"))
    for budget in budgets.values():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_replica_counts_as_there_when_it_stayed_ready_and_is_started_again_only_where_it_hangs(profile: str) -> None:
    within = {profile: 600, "other": 90}
    for case, more in ((profile, ()), ("other", ("--set", "startWithinS=90"))):
        for name, workload in workloads(rendered(profile, *more)):
            (container,) = workload["spec"]["template"]["spec"]["containers"]
            if name in FRONTS:
                continue
            start, live, ready = (container[f"{each}Probe"] for each in ("startup", "liveness", "readiness"))
            assert start["periodSeconds"] * start["failureThreshold"] == within[case]
            # Longer than it takes a probe to be wrong twice.
            assert workload["spec"]["minReadySeconds"] >= 2 * ready["periodSeconds"]
            assert live["periodSeconds"] * live["failureThreshold"] >= 60
            # Whoever isn't ready waits for another: started again it would wait for it from the start.
            assert [probe["httpGet"] for probe in (start, live, ready)] == [
                {"path": path, "port": "management"} for path in ("/livez", "/livez", "/readyz")
            ]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_front_serves_on_until_the_edge_has_noticed(profile: str) -> None:
    templates = pods(rendered(profile))
    waits = int(environment(templates["ballot"]["spec"]["containers"][0])["EVOTE_DRAIN_DELAY_S"])
    assert waits > 0
    for front in FRONTS:
        (container,) = templates[front]["spec"]["containers"]
        assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": waits}}}
        # A page without it finds no service.
        assert container["readinessProbe"]["httpGet"] == {"path": "/config.json", "port": "http"}
        assert templates[front]["spec"]["terminationGracePeriodSeconds"] > waits


@pytest.mark.parametrize("profile", PROFILES)
def test_the_monitors_memory_stays_whoever_deletes_or_scales(profile: str) -> None:
    (log,) = of_kind(rendered(profile), "StatefulSet").values()
    retention = log["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert retention == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    # One that can't start keeps no other from starting.
    assert log["spec"]["podManagementPolicy"] == "Parallel"
    (claim,) = log["spec"]["volumeClaimTemplates"]
    (container,) = log["spec"]["template"]["spec"]["containers"]
    kept = PurePosixPath(environment(container)["EVOTE_MONITOR_STATE_FILE"]).parent
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts[str(kept)] == {"name": claim["metadata"]["name"], "mountPath": str(kept)}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_crowd_is_met_at_once_and_its_replicas_stay_for_the_next_wave(profile: str) -> None:
    scalers = of_kind(rendered(profile), "HorizontalPodAutoscaler")
    assert bool(scalers) == (profile == "city-240k")
    for scaler in scalers.values():
        up, down = scaler["spec"]["behavior"]["scaleUp"], scaler["spec"]["behavior"]["scaleDown"]
        assert up["stabilizationWindowSeconds"] == 0
        assert down["stabilizationWindowSeconds"] >= 30 * 60
        # And then one by one, each seen to be missed by nobody.
        assert [(one["type"], one["value"]) for one in down["policies"]] == [("Pods", 1)]
        assert all(one["periodSeconds"] >= 5 * 60 for one in down["policies"])
        said = yaml.safe_load(PROFILES[profile][0].read_text("utf-8"))[scaler["spec"]["scaleTargetRef"]["name"][6:]]
        assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (
            said["replicas"],
            said["autoscaling"]["max"],
        )
        processor, *others = scaler["spec"]["metrics"]
        assert processor["resource"]["target"]["averageUtilization"] == said["autoscaling"]["cpuPercent"]
        named = (ROOT / "docs/metrics.md").read_text("utf-8")
        assert len(others) == ("castsWaiting" in said["autoscaling"])
        assert all(f"`{other['pods']['metric']['name']}`" in named for other in others)


@pytest.mark.parametrize(
    "value, reads",
    [
        ("witnessPolicy=other", ("ledger-anchor", "board")),
        ("city.helpdesk=x", FRONTS),
        ("hosts.ballot.name=x.city.example", ("resident", "board")),
        ("wall.resolver=192.0.2.53", ("wall",)),
        *((f"{front}.manifest=signed", (front,)) for front in FRONTS),
    ],
)
def test_what_is_read_at_the_start_alone_comes_to_replicas_by_new_ones(value: str, reads: tuple[str, ...]) -> None:
    before, after = (pods(rendered("city-240k", *more)) for more in ((), ("--set", value)))
    for name in reads:
        sums = [
            {
                key: text
                for key, text in templates[name]["metadata"]["annotations"].items()
                if key.startswith("checksum/")
            }
            for templates in (before, after)
        ]
        assert sums[0].keys() == sums[1].keys()
        assert sums[0] != sums[1], name


@pytest.mark.parametrize("profile", PROFILES)
def test_a_pod_reads_the_secrets_that_are_named_for_it_and_writes_none(profile: str) -> None:
    for name, template in pods(rendered(profile)).items():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        for mount in template["spec"]["containers"][0]["volumeMounts"]:
            writable = mount["name"] in ("tmp", "scratch", "monitor")
            assert mount.get("readOnly", False) is not writable, (name, mount)
            # A replica that fills its machine's disk takes the others there along.
            assert not writable or mount["name"] == "monitor" or volumes[mount["name"]]["emptyDir"]["sizeLimit"]
        for volume in volumes.values():
            source = volume.get("secret") or volume.get("projected")
            if source is None:
                continue
            # For the pod's own group, and nobody else in it.
            assert source["defaultMode"] == 0o440, (name, volume)
            for secret in [source] if "secret" in volume else [each["secret"] for each in source["sources"]]:
                assert secret["items"], "all that a Secret ever holds"
        owned = [secret for secret in secrets_of(template) if secret.removeprefix("evote-").startswith(tuple(SERVICES))]
        service = name.removesuffix("-migration")
        others = [secret for secret in owned if not secret.startswith(f"evote-{service}")]
        # The public halves of the edge's.
        assert {secret for secret in others if not secret.endswith("-tls")} == set()


def secrets_of(template: Resource) -> set[str]:
    """The names of all Secrets that a pod is given anything of."""
    return {
        one[key]
        for mapping in mappings(template)
        for kind in ("secret", "secretKeyRef")
        if isinstance(one := mapping.get(kind), dict)
        for key in ("name", "secretName")
        if key in one
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_whoever_is_chosen_is_of_this_release(profile: str) -> None:
    resources = rendered(profile, *WATCHED)
    ours = {*SERVICES, *FRONTS, *(f"{service}-migration" for service in SERVICES)}
    chosen = [one for one in mappings(resources) if one.get("app.kubernetes.io/name") in ours]
    chosen += [
        one["matchLabels"]
        for one in mappings(resources)
        for expression in one.get("matchExpressions", ())
        if ours & set(expression["values"])
    ]
    assert chosen
    assert {one["app.kubernetes.io/instance"] for one in chosen} == {"evote"}


# --- arrows, the edge and upgrades ---


@pytest.mark.parametrize("profile", PROFILES)
def test_who_has_no_policy_of_its_own_speaks_to_nobody(profile: str) -> None:
    alone = tuple(
        one
        for one in rendered(profile)
        if one["kind"] != "NetworkPolicy" or one["metadata"]["name"] == "evote-default-deny"
    )
    release = pods(alone).keys()
    assert not [arrow for arrow in arrows(alone) if set(arrow[:2]) & release]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_edge_ends_tls_of_its_own_names_and_takes_no_route_of_strangers(profile: str) -> None:
    gateways = of_kind(rendered(profile), "Gateway")
    assert gateways
    for gateway in gateways.values():
        for listener in gateway["spec"]["listeners"]:
            assert listener["allowedRoutes"] == {"namespaces": {"from": "Same"}}
            assert (listener["protocol"], listener["port"], listener["tls"]["mode"]) == ("HTTPS", 443, "Terminate")
            assert listener["hostname"]


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_but_the_edge_is_a_way_in(profile: str) -> None:
    for name, service in of_kind(rendered(profile), "Service").items():
        # Of no other type, and with no address of its own outside.
        assert service["spec"].keys() <= {"selector", "ports", "clusterIP"}, name
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] == ("management" if name.endswith("-management") else "http")


def test_what_helm_test_asks_runs_when_it_is_asked_for_and_leaves_its_answers() -> None:
    tests = of_kind(rendered("city-240k"), "Pod").values()
    assert len(tests) == len(SERVICES)
    for pod in tests:
        assert pod["metadata"]["annotations"] == {
            "helm.sh/hook": "test",
            "helm.sh/hook-delete-policy": "before-hook-creation",
        }


@pytest.mark.parametrize("profile", PROFILES)
def test_an_upgrade_opens_the_way_migrates_and_leaves_what_tells_of_it(profile: str) -> None:
    resources = rendered(profile, "--is-upgrade")
    policies = of_kind(resources, "NetworkPolicy")
    jobs = of_kind(resources, "Job")
    assert jobs
    for name, job in jobs.items():
        hook = job["metadata"]["annotations"]
        # A Job's template is never changed: the one before goes first. It stays itself, since its log tells why.
        assert hook == {"helm.sh/hook": "pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation"}
        own, beside = policies[name], policies[f"{name}-upgrade"]
        assert beside["spec"] == own["spec"]
        way = beside["metadata"]["annotations"]
        assert way["helm.sh/hook"] == "pre-upgrade"
        assert int(way["helm.sh/hook-weight"]) < 0
        assert way["helm.sh/hook-delete-policy"].split(",") == ["before-hook-creation", "hook-succeeded"]
        assert "annotations" not in own["metadata"], "a hook would be gone behind the upgrade"
        (container,) = job["spec"]["template"]["spec"]["containers"]
        service = name.removeprefix("evote-").removesuffix("-migration")
        assert container["args"] == ["migrate"]
        assert container["image"] == pods(resources)[service]["spec"]["containers"][0]["image"]
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"
        assert job["spec"]["backoffLimit"] > 0
        assert job["spec"]["activeDeadlineSeconds"] >= 600


# --- watching ---


@pytest.mark.parametrize("profile", PROFILES)
def test_replicas_are_read_twice_within_the_shortest_time_that_an_alert_looks_at(profile: str) -> None:
    rules = "".join(path.read_text("utf-8") for path in (ROOT / "deploy/monitoring/rules").glob("*.yml"))
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    windows = [
        int(number) * units[unit] for number, unit in re.findall(r"(?:\[|for: )(\d+)([smhd])(?:[\]:]|$)", rules, re.M)
    ]
    windows += [int(age) for age in re.findall(r"time\(\) - timestamp\(\w+\) < (\d+)", rules)]
    monitors = of_kind(rendered(profile, *WATCHED), "PodMonitor")
    assert {"evote-services", "evote-fronts"} <= monitors.keys()
    for name, monitor in monitors.items():
        if name in ("evote-services", "evote-fronts"):
            # Rules ask by the name of the service.
            assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/name"
        if name == "evote-services":
            (services,) = monitor["spec"]["podMetricsEndpoints"]
            assert services["authorization"]["type"] == "Bearer"
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            assert 2 * int(endpoint["interval"].removesuffix("s")) <= min(windows), name


def test_brokers_tell_what_the_alerts_ask_them() -> None:
    rules = (ROOT / "deploy/monitoring/rules/alerts.yml").read_text("utf-8")
    asked = set(re.findall(r"\bkafka_server_\w+", rules))
    resources = rendered("city-240k")
    (kafka,) = of_kind(resources, "Kafka").values()
    place = kafka["spec"]["kafka"]["metricsConfig"]["valueFrom"]["configMapKeyRef"]
    (rule,) = yaml.safe_load(of_kind(resources, "ConfigMap")[place["name"]]["data"][place["key"]])["rules"]
    told = set()
    for name in ("UnderMinIsrPartitionCount", "UnderReplicatedPartitions", "OfflineReplicaCount"):
        match = re.fullmatch(rule["pattern"], f"kafka.server<type=ReplicaManager, name={name}><>Value")
        assert match is not None
        told.add(rule["name"].replace("$1", match[1]).lower())
    assert asked <= told
    assert asked
