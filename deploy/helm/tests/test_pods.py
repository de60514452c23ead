"""How pods run: what they may do and know, how they take turns, and where they stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from evote_chart.settings import SETTINGS
from evote_eventlog.access import SERVICES
from evote_tally.settings import TallySettings

from .rendering import CITY, NEEDS_HELM, PROFILES, environment, give, kubeconform, of_kind, pods, rendered

pytestmark = NEEDS_HELM


def test_tally_has_the_certificate_of_each_public_name_and_no_key_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = pods(rendered("city-240k"))
    (container,) = templates["tally"]["spec"]["containers"]
    (volume,) = [one for one in templates["tally"]["spec"]["volumes"] if one["name"] == "hosts"]
    give(container, monkeypatch)
    named = TallySettings().host_certificates
    given = {source["secret"]["items"][0]["path"]: source["secret"] for source in volume["projected"]["sources"]}
    hosts = yaml.safe_load(CITY.read_text("utf-8"))["hosts"]
    assert {name: given[file.name]["name"] for name, file in named.items()} == {
        name: host["tlsSecret"] for name, host in hosts.items()
    }
    assert {str(file.parent) for file in named.values()} == {
        mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "hosts"
    }
    # Whoever took tally over would otherwise be the city's front.
    assert all(len(one["items"]) == 1 and one["items"][0]["key"] == "tls.crt" for one in given.values())
    assert all(one["optional"] for one in given.values()), (
        "a certificate that is not there yet keeps nobody from counting"
    )
    others = [json.dumps(template) for name, template in templates.items() if name != "tally"]
    assert not [host["tlsSecret"] for host in hosts.values() if any(host["tlsSecret"] in other for other in others)]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_pod_is_restricted_and_knows_no_token(profile: str) -> None:
    resources = rendered(profile)
    accounts = of_kind(resources, "ServiceAccount")
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    used = [template["spec"]["serviceAccountName"] for template in pods(resources).values()]
    assert sorted(used) == sorted(accounts), "each has one of its own"
    # Those of `helm test` as well: they have a service's labels, and with them its arrows.
    for pod in (*pods(resources).values(), *of_kind(resources, "Pod").values()):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert all(spec["securityContext"][each] > 0 for each in ("runAsUser", "runAsGroup", "fsGroup"))
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert not [volume for volume in spec.get("volumes", ()) if "hostPath" in volume]
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "@sha256:" in container["image"]
            assert set(container["resources"]["limits"]) == {"memory"}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_replica_leaves_when_another_one_is_ready_and_one_at_a_time(profile: str) -> None:
    resources = rendered(profile)
    budgets = of_kind(resources, "PodDisruptionBudget")
    for name, deployment in of_kind(resources, "Deployment").items():
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert budgets[name]["spec"]["selector"] == deployment["spec"]["selector"]
    (log,) = of_kind(resources, "StatefulSet").values()
    assert budgets["evote-ledger-anchor"]["spec"]["selector"] == log["spec"]["selector"]
    for name in SETTINGS.keys() & pods(resources).keys():
        spec = pods(resources)[name]["spec"]
        given = environment(spec["containers"][0])
        leaving = int(given["EVOTE_DRAIN_DELAY_S"]) + int(given["EVOTE_SHUTDOWN_TIMEOUT_S"])
        assert spec["terminationGracePeriodSeconds"] > leaving


def test_an_installation_migrates_beside_its_replicas_and_an_upgrade_before_them() -> None:
    def hooks(*more: str) -> set[str | None]:
        jobs = of_kind(rendered("city-240k", *more), "Job").values()
        assert len(jobs) == len(SERVICES)
        return {job["metadata"].get("annotations", {}).get("helm.sh/hook") for job in jobs}

    # A hook before an installation would wait for a database that the installation brings.
    assert hooks() == {None}
    assert hooks("--is-upgrade") == {"pre-upgrade"}


def test_the_owner_of_a_schema_is_known_to_its_migration_alone() -> None:
    for name, template in pods(rendered("city-240k")).items():
        secrets = {
            one["valueFrom"]["secretKeyRef"]["name"]
            for container in template["spec"]["containers"]
            for one in container.get("env", ())
            if "secretKeyRef" in one.get("valueFrom", {})
        }
        owners = {secret for secret in secrets if secret.endswith("-database-owner")}
        expected = {f"evote-{name.removesuffix('-migration')}-database-owner"} if name.endswith("-migration") else set()
        assert owners == expected


def test_every_pod_stands_where_the_city_says_and_goes_before_whom_it_says(tmp_path: Path) -> None:
    borne = [{"key": "evote", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}]
    file = tmp_path / "scheduling.yaml"
    scheduling = {"nodeSelector": {"evote.example/vote": "yes"}, "tolerations": borne, "priorityClassName": "vote"}
    file.write_text(yaml.safe_dump({"scheduling": scheduling}))
    resources = rendered("city-240k", "--values", str(file))
    tests = [pod["spec"] for pod in of_kind(resources, "Pod").values()]
    own = [template["spec"] for template in pods(resources).values()]
    assert len(own) == 2 * len(SERVICES) + 3
    for spec in (*own, *tests):
        assert {name: spec[name] for name in scheduling} == scheduling
    for cluster in of_kind(resources, "Cluster").values():
        affinity = cluster["spec"]["affinity"]
        assert (affinity["nodeSelector"], affinity["tolerations"]) == (scheduling["nodeSelector"], borne)
        assert cluster["spec"]["priorityClassName"] == "vote"
    (kafka,) = of_kind(resources, "Kafka").values()
    pools = of_kind(resources, "KafkaNodePool").values()
    for strimzi in (kafka["spec"]["entityOperator"], *(pool["spec"] for pool in pools)):
        pod = strimzi["template"]["pod"]
        (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert term == {"matchExpressions": [{"key": "evote.example/vote", "operator": "In", "values": ["yes"]}]}
        assert (pod["tolerations"], pod["priorityClassName"]) == (borne, "vote")
    assert not kubeconform(resources).returncode
    plain = json.dumps(rendered("city-240k"))
    assert not [name for name in ("nodeSelector", "tolerations", "priorityClassName") if f'"{name}"' in plain]
