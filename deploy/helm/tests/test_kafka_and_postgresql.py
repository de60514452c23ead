"""What the operators are told of Kafka and PostgreSQL: who may what, where copies stand, what is archived and kept."""

from __future__ import annotations

import re

import pytest
from evote_eventlog.access import SERVICES, grants
from evote_eventlog.kafka import DEFAULT_PARTITIONS

from .rendering import NEEDS_HELM, kubeconform, of_kind, rendered

pytestmark = NEEDS_HELM


def test_each_kafka_user_is_granted_what_the_manifest_says_and_nothing_besides() -> None:
    operations = {"Read": "read", "Write": "write", "DescribeConfigs": "describe-configs"}
    granted = {
        (user["metadata"]["name"], acl["resource"]["type"], acl["resource"]["name"], operations[operation])
        for user in of_kind(rendered("city-240k"), "KafkaUser").values()
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
        if acl["resource"]["patternType"] == "literal"
    }
    kinds = {"topic": "topic", "group": "group", "transactional-id": "transactionalId"}
    assert granted == {
        (f"evote-{one.service}", kinds[one.resource], f"evote.{one.name}", one.operation) for one in grants()
    }


def test_every_topic_has_three_copies_of_which_two_must_have_a_record() -> None:
    topics = of_kind(rendered("city-240k"), "KafkaTopic").values()
    assert {one["spec"]["topicName"]: one["spec"]["partitions"] for one in topics} == {
        f"evote.{topic.value}": partitions for topic, partitions in DEFAULT_PARTITIONS.items()
    }
    for one in topics:
        assert one["spec"]["replicas"] == 3
        assert one["spec"]["config"]["min.insync.replicas"] == 2
        assert one["spec"]["config"]["flush.messages"] == "1"


@pytest.mark.parametrize(
    "more, rack, spread",
    [
        ((), "topology.kubernetes.io/zone", ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]),
        (("--set", "kafka.rackKey=kubernetes.io/hostname"), "kubernetes.io/hostname", ["kubernetes.io/hostname"]),
    ],
)
def test_brokers_stand_by_the_label_that_the_citys_nodes_have(
    more: tuple[str, ...], rack: str, spread: list[str]
) -> None:
    resources = rendered("city-240k", *more)
    (kafka,) = of_kind(resources, "Kafka").values()
    assert kafka["spec"]["kafka"]["rack"] == {"topologyKey": rack}
    for pool in of_kind(resources, "KafkaNodePool").values():
        constraints = pool["spec"]["template"]["pod"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in constraints] == spread
        assert {one["whenUnsatisfiable"] for one in constraints} == {"DoNotSchedule"}


def test_what_holds_ballots_or_the_vault_outlives_the_release() -> None:
    data = [
        one
        for one in rendered("city-240k")
        if one["kind"] in {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "Cluster", "ObjectStore"}
    ]
    assert len(data) == 1 + 2 + len(DEFAULT_PARTITIONS) + len(SERVICES) + 2 + 2
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in data} == {"keep"}


def test_a_commit_of_the_databases_is_on_two_machines() -> None:
    for cluster in of_kind(rendered("city-240k"), "Cluster").values():
        assert cluster["spec"]["instances"] == 3
        assert cluster["spec"]["postgresql"]["synchronous"] == {
            "method": "any",
            "number": 1,
            "dataDurability": "required",
            "failoverQuorum": True,
        }
        assert cluster["spec"]["postgresql"]["pg_hba"] == ["hostnossl all all all reject"]
        assert cluster["spec"]["plugins"][0]["isWALArchiver"] is True
        # The operator's webhook refuses an image without a tag that it reads a release in.
        assert re.fullmatch(r"registry\.city\.example/[a-z/-]+:15@sha256:[0-9a-f]{64}", cluster["spec"]["imageName"])


@pytest.mark.parametrize("profile", ["city-240k", "referendum-10k"])
def test_the_databases_know_how_much_memory_is_kept_for_them(profile: str) -> None:
    units = {"MB": 2**20, "GB": 2**30, "Mi": 2**20, "Gi": 2**30}
    for cluster in of_kind(rendered(profile), "Cluster").values():
        memory, shared, cached = (
            int(text[:-2]) * units[text[-2:]]
            for text in (
                cluster["spec"]["resources"]["requests"]["memory"],
                cluster["spec"]["postgresql"]["parameters"]["shared_buffers"],
                cluster["spec"]["postgresql"]["parameters"]["effective_cache_size"],
            )
        )
        assert (4 * shared, 4 * cached) == (memory, 3 * memory)


def test_faces_have_an_archive_apart_that_is_kept_as_long_as_is_said_of_faces() -> None:
    stores = of_kind(rendered("city-240k"), "ObjectStore")
    backups = of_kind(rendered("city-240k"), "ScheduledBackup")
    kept = {}
    for name, cluster in of_kind(rendered("city-240k"), "Cluster").items():
        (plugin,) = cluster["spec"]["plugins"]
        # Below the store's path each archive has the folder of its name.
        kept[plugin["parameters"]["serverName"]] = stores[plugin["parameters"]["barmanObjectName"]]["spec"]
        assert backups[plugin["parameters"]["serverName"]]["spec"]["cluster"] == {"name": name}
    assert {name: spec["retentionPolicy"] for name, spec in kept.items()} == {
        "evote-pg": "60d",
        "evote-pg-biometric": "7d",
    }
    assert len(backups) == len(stores) == len(kept)


def test_a_cluster_that_is_put_back_is_made_of_its_archive_and_writes_another_one() -> None:
    recovery = "postgresql.cloudnativepg.recovery.main"
    moment = "2026-11-29T09:30:00+09:00"
    values = f"{recovery}.readFrom=evote-pg,{recovery}.archiveTo=evote-pg-2,{recovery}.until={moment}"
    authority = "postgresql.cloudnativepg.backup.endpointCa=objects-ca"
    resources = rendered("city-240k", "--set", f"{values},{authority}")
    made = of_kind(resources, "Cluster")
    before = of_kind(rendered("city-240k"), "Cluster")
    assert made["evote-pg-biometric"] == before["evote-pg-biometric"]
    spec = made["evote-pg"]["spec"]
    target = {"targetTime": moment}
    assert spec["bootstrap"] == {
        "recovery": {"source": "archive", "database": "evote", "owner": "evote", "recoveryTarget": target}
    }
    (archive,) = spec["externalClusters"]
    assert archive["plugin"]["parameters"] == {"barmanObjectName": "evote-pg", "serverName": "evote-pg"}
    (plugin,) = spec["plugins"]
    assert plugin["parameters"] == {"barmanObjectName": "evote-pg", "serverName": "evote-pg-2"}
    # Its base backup is a new one's, which is made at once.
    scheduled = of_kind(resources, "ScheduledBackup")
    assert scheduled.keys() == {"evote-pg-2", "evote-pg-biometric"}
    assert scheduled["evote-pg-2"]["spec"]["immediate"] is True
    for store in of_kind(resources, "ObjectStore").values():
        assert store["spec"]["configuration"]["endpointCA"] == {"name": "objects-ca", "key": "ca.crt"}
    assert not kubeconform(resources).returncode
