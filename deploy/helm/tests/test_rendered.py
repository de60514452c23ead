"""What the chart makes of each profile, by Helm itself: held to schemas, services' settings and the design's arrows.

`make chart-tools` puts the programs there, and `make test` does first of all; without them these tests are skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from evote_auth.settings import AuthSettings
from evote_chart.settings import CHART, MIGRATION, SETTINGS, fields_of, left_to_the_city
from evote_eventlog.access import SERVICES, grants
from evote_eventlog.kafka import DEFAULT_PARTITIONS
from evote_ledger_anchor.chain_settings import ChainSettings
from evote_local.nodes.ports import LOOPBACK, free_port, is_listening
from evote_local.nodes.processes import ChildProcess
from evote_local.stack.front import NGINX, NGINX_MAIN
from evote_platform.production import (
    require_encrypted_database,
    require_encrypted_front,
    require_named_proxies,
    require_production_connections,
)
from evote_platform.settings import COLLECTORS_AUTHORITY, Environment
from evote_tally.settings import TallySettings
from evote_verify.reading.front_manifest import build_files, new_manifest
from pydantic.alias_generators import to_camel

ROOT = CHART.parents[2]
TOOLS = ROOT / ".tools/chart"
CITY = CHART.parent / "city.example.yaml"
OWN_SERVERS = CHART.parent / "own-servers.example.yaml"
PROFILES = {
    "city-240k": (CHART / "values-city-240k.yaml", CITY),
    "referendum-10k": (CHART / "values-referendum-10k.yaml", CITY),
    "referendum-10k on own servers": (CHART / "values-referendum-10k.yaml", CITY, OWN_SERVERS),
    "school": (CHART / "values-school.yaml", CITY, OWN_SERVERS),
    "dev": (CHART / "values-dev.yaml", CITY, Path(__file__).parent / "without-faces.yaml"),
}
Resource = Mapping[str, Any]

pytestmark = pytest.mark.skipif(not (TOOLS / "schemas.sum").exists(), reason="make chart-tools builds Helm")


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLS / "bin/helm", *words], capture_output=True, text=True, check=False)


@cache
def rendered(profile: str, *more: str) -> tuple[Resource, ...]:
    files = [word for file in PROFILES[profile] for word in ("--values", str(file))]
    done = helm("template", "evote", str(CHART), "--namespace", "evote", "--kube-version", "1.34.4", *files, *more)
    assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def of_kind(resources: tuple[Resource, ...], *kinds: str) -> dict[str, Resource]:
    return {one["metadata"]["name"]: one for one in resources if one["kind"] in kinds}


def pods(resources: tuple[Resource, ...]) -> dict[str, Resource]:
    """The pod templates, by the name that policies know them by."""
    workloads = of_kind(resources, "Deployment", "StatefulSet", "Job").values()
    templates: list[Resource] = [one["spec"]["template"] for one in workloads]
    return {template["metadata"]["labels"]["app.kubernetes.io/name"]: template for template in templates}


def environment(container: Resource) -> dict[str, str]:
    """As the kubelet makes it, with a placeholder for what comes of a Secret or the pod."""
    found: dict[str, str] = {}
    for one in container["env"]:
        value = one.get("value", "placeholder")
        # In its order: a dollar that is doubled begins no name, and a name that nothing has before stays as it is.
        found[one["name"]] = re.sub(r"\$(?:\$|\(([^)]*)\))", partial(_expanded, found), value)
    return found


def _expanded(known: dict[str, str], match: re.Match[str]) -> str:
    return "$" if match[1] is None else known.get(match[1], match[0])


# --- the schemas ---


def kubeconform(resources: tuple[Resource, ...]) -> subprocess.CompletedProcess[str]:
    schemas = f"{TOOLS}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    # Strimzi's own schemas are in no module that could be had; a test below reads its resources.
    skipped = "Kafka,KafkaNodePool,KafkaTopic,KafkaUser"
    return subprocess.run(
        [TOOLS / "bin/kubeconform", "-strict", "-skip", skipped, "-schema-location", schemas],
        input=yaml.safe_dump_all(resources),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("more", [(), ("--is-upgrade", "--api-versions", "monitoring.coreos.com/v1")])
def test_every_resource_is_one_that_its_schema_takes(profile: str, more: tuple[str, ...]) -> None:
    done = kubeconform(rendered(profile, *more))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_example_of_a_collector_beside_the_release_is_one_that_its_schemas_take() -> None:
    example = (ROOT / "deploy/monitoring/collector/kubernetes.example.yaml").read_text("utf-8")
    done = kubeconform(tuple(yaml.safe_load_all(example)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_member_that_no_schema_knows_is_found() -> None:
    (first, *_) = of_kind(rendered("city-240k"), "Cluster").values()
    wrong = {**first, "spec": {**first["spec"], "instence": 3}}
    assert "instence" in kubeconform((wrong,)).stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_finds_nothing_to_say(profile: str) -> None:
    files = [word for file in PROFILES[profile] for word in ("--values", str(file))]
    done = helm("lint", "--strict", "--quiet", str(CHART), *files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_no_two_resources_have_one_name(profile: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered(profile)]
    assert sorted(names) == sorted(set(names))


def test_the_chart_refuses_and_says_what_its_own_suites_hold_it_to() -> None:
    suites = sorted((CHART / "tests").glob("*_test.yaml"))
    done = subprocess.run(
        [TOOLS / "bin/helm-unittest", "--strict", str(CHART)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(suites)} passed, {len(suites)} total" in done.stdout


# --- settings ---


@pytest.mark.parametrize("profile", PROFILES)
def test_each_service_takes_the_environment_that_it_is_given(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = pods(rendered(profile))
    for service in SETTINGS.keys() & templates.keys():
        (container,) = templates[service]["spec"]["containers"]
        given = _given(container, monkeypatch)
        settings: Any = SETTINGS[service][0]()
        assert {name for name in given if name.startswith("EVOTE_")} <= {
            f"EVOTE_{name.upper()}" for name in fields_of(service)
        }
        require_production_connections(settings)
        require_named_proxies(settings)
        require_encrypted_front(settings)
        assert settings.kafka().bootstrap_servers
        assert settings.management_port not in (None, settings.port)
        (container,) = templates[f"{service}-migration"]["spec"]["containers"]
        _given(container, monkeypatch)
        owner = MIGRATION()
        require_encrypted_database(owner.environment, "EVOTE_OWNER_DATABASE_URL", owner.owner_database_url)


def test_a_school_runs_by_what_its_profile_says_with_voting_codes_and_no_cards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resources = rendered("school", "--set-json", 'auth.authoritiesVolume=null,wall.ways=["face"]')
    template = pods(resources)["auth"]["spec"]
    (container,) = template["containers"]
    _given(container, monkeypatch)
    settings = AuthSettings()
    # What auth's own tests start a replica with: no card is taken, and voting code and face are.
    assert settings.card_files() is None
    assert None not in (settings.face_order_key_file, settings.biometric_public_key_file, settings.voting_code_key_file)
    assert settings.environment is Environment.PRODUCTION
    require_production_connections(settings)
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in template["volumes"]}
    assert "authorities" not in mounted
    config = json.loads(of_kind(resources, "ConfigMap")["evote-resident"]["data"]["config.json"])
    assert (config["card"], config["code_key"] is None) == (False, False)
    with_cards = of_kind(rendered("school"), "ConfigMap")["evote-resident"]["data"]["config.json"]
    assert json.loads(with_cards)["card"] is True
    assert not kubeconform(resources).returncode


def _given(container: Resource, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in [name for name in os.environ if name.startswith("EVOTE_")]:
        monkeypatch.delenv(name)
    given = environment(container)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


SAMPLES = {
    "credential_token_module": "/opt/token/x.so",
    "credential_token_label": "evote",
    "ocsp_user_authentication_url": "https://ocsp.example/",
    "ocsp_digital_signature_url": "https://ocsp.example/",
    "phone_base_url": "https://provider.example/api",
    "phone_issuer": "https://provider.example",
    "phone_client_id": "city",
    "phone_algorithm": "RS256",
    "ethereum_chain_id": 11155111,
    "ethereum_contract": "0x" + "12" * 20,
    "workers": 3,
}


def test_each_setting_that_is_a_value_comes_to_its_service_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {service: "ledgerAnchor" if service == "ledger-anchor" else service for service in SETTINGS}
    wanted = {
        service: {
            # A Collector for each: one for auth and ballot would be refused.
            **{name: SAMPLES.get(name, field.default) for name, field in left_to_the_city(service).items()},
            "traces_endpoint": f"https://collector-{service}.example:4318/v1/traces",
        }
        for service in SETTINGS
    }
    values: dict[str, Any] = {
        keys[service]: {"settings": {to_camel(name): value for name, value in own.items()}}
        for service, own in wanted.items()
    }
    values["ledgerAnchor"] |= {"ethereumKeyHasPassword": True, "fabric": True}
    values["resident"] = {"phoneApp": "https://provider.example"}
    values["witnessPolicy"] = "log log.city.example/log+00000000+AQ==\nquorum none\n"
    values["kafka"] = {"clientRack": True}
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump(values))
    templates = pods(rendered("city-240k", "--values", str(file)))
    scram = tmp_path / "scram.yaml"
    scram.write_text("kafka: {external: {authentication: scram-sha-512}}")
    by_password = pods(rendered("referendum-10k on own servers", "--values", str(scram)))
    in_a_test = pods(rendered("dev", "--set-json", "auth.settings.credentialTokenModule=null"))
    for service in SETTINGS:
        (container,) = templates[service]["spec"]["containers"]
        given = _given(container, monkeypatch)
        read: dict[str, Any] = {}
        for settings in SETTINGS[service]:
            read |= settings().model_dump()
        assert {name: _plain(read[name]) for name in wanted[service]} == wanted[service]
        if service == "ledger-anchor":
            assert None not in (ChainSettings.from_environment().ethereum, ChainSettings.from_environment().fabric)
        # Nothing is left that no value could set.
        named = set(given) | set(environment(by_password[service]["spec"]["containers"][0]))
        named |= set(environment(in_a_test[service]["spec"]["containers"][0])) if service in in_a_test else set()
        assert {f"EVOTE_{name.upper()}" for name in fields_of(service)} <= named


def test_what_the_tokens_library_reads_comes_to_auths_pods_as_it_is_and_to_no_others(tmp_path: Path) -> None:
    client = {
        "env": {"ChrystokiConfigurationPath": "/etc/luna", "SOFTHSM2_CONF": "on: #1", "X": "$(DATABASE_PASSWORD) $$"},
        "files": {"path": "/etc/luna", "volume": {"secret": {"secretName": "evote-luna"}}},
    }
    file = tmp_path / "client.yaml"
    file.write_text(yaml.safe_dump({"auth": {"tokenClient": client}}))
    without, with_it = pods(rendered("city-240k")), pods(rendered("city-240k", "--values", str(file)))
    assert {name for name, pod in with_it.items() if pod != without[name]} == {"auth"}
    spec, before = with_it["auth"]["spec"], without["auth"]["spec"]
    (container,), (plain,) = spec["containers"], before["containers"]
    added = {name: value for name, value in environment(container).items() if name not in environment(plain)}
    assert added == client["env"]
    mounts = [mount for mount in container["volumeMounts"] if mount not in plain["volumeMounts"]]
    assert mounts == [{"name": "token-client", "mountPath": "/etc/luna", "readOnly": True}]
    volumes = [volume for volume in spec["volumes"] if volume not in before["volumes"]]
    assert volumes == [{"name": "token-client", "secret": {"secretName": "evote-luna"}}]
    done = kubeconform(rendered("city-240k", "--values", str(file)))
    assert (done.returncode, done.stdout) == (0, "")


def test_the_authority_of_the_collectors_comes_to_those_that_have_one_and_to_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: dict[str, Any] = {
        service: {"settings": {"tracesEndpoint": f"https://collector-{service}.example:4318/v1/traces"}}
        for service in ("auth", "tally")
    }
    file, with_ca = tmp_path / "traced.yaml", tmp_path / "ca.yaml"
    file.write_text(yaml.safe_dump(traced))
    with_ca.write_text(yaml.safe_dump({**traced, "monitoring": {"tracesCa": "city-ca"}}))
    without, with_it = (pods(rendered("city-240k", "--values", str(each))) for each in (file, with_ca))
    assert {name for name, pod in with_it.items() if pod != without[name]} == {"auth", "tally"}
    for service in ("auth", "tally"):
        spec, before = with_it[service]["spec"], without[service]["spec"]
        (container,), (plain,) = spec["containers"], before["containers"]
        (mount,) = [mount for mount in container["volumeMounts"] if mount not in plain["volumeMounts"]]
        (volume,) = [volume for volume in spec["volumes"] if volume not in before["volumes"]]
        assert volume["name"] == mount["name"]
        assert (volume["secret"]["secretName"], volume["secret"]["items"]) == (
            "city-ca",
            [{"key": "ca.crt", "path": "ca.crt"}],
        )
        given = _given(container, monkeypatch)
        assert given[COLLECTORS_AUTHORITY] == f"{mount['mountPath']}/ca.crt"
        assert "traces-ca" in SETTINGS[service][0]().certificates().read_again
    done = kubeconform(rendered("city-240k", "--values", str(with_ca)))
    assert (done.returncode, done.stdout) == (0, "")


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str) else str(value)


def test_the_preflight_asks_each_service_at_its_management_port() -> None:
    resources = rendered("city-240k")
    (container,) = pods(resources)["tally"]["spec"]["containers"]
    asked = dict(pair.split("=") for pair in environment(container)["EVOTE_SERVICE_URLS"].split(","))
    assert set(asked) == set(SERVICES) - {"tally"}
    services = of_kind(resources, "Service")
    for service, url in asked.items():
        (port,) = services[url.removeprefix("http://").removesuffix(":8001")]["spec"]["ports"]
        assert port["targetPort"] == "management", service


# --- pods ---


def test_tally_has_the_certificate_of_each_public_name_and_no_key_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = pods(rendered("city-240k"))
    (container,) = templates["tally"]["spec"]["containers"]
    (volume,) = [one for one in templates["tally"]["spec"]["volumes"] if one["name"] == "hosts"]
    _given(container, monkeypatch)
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


def test_a_service_that_is_not_run_is_not_named_anywhere(tmp_path: Path) -> None:
    named = {"hosts": {"biometric": None}, "publicKeys": {"votingCode": None}, "wall": {"ways": ["card"]}}
    file = tmp_path / "without.yaml"
    file.write_text(yaml.safe_dump({**named, "biometric": {"enabled": False, "image": None}}))
    resources = rendered("city-240k", "--values", str(file))
    served = of_kind(resources, "ConfigMap")["evote-resident"]["data"]
    assert set(json.loads(served["config.json"])["services"]) == {"auth", "ballot", "log", "tally"}
    assert json.loads(served["config.json"])["code_key"] is None
    # Where its name is left in the city's file, the page is told of it no more than before.
    switched_off = rendered("city-240k", "--set", "biometric.enabled=false,wall.ways={card}")
    assert of_kind(switched_off, "ConfigMap")["evote-resident"]["data"] == served
    assert not [name for name in ("face.city.example", "evote-biometric") if name in json.dumps(resources)]


# --- arrows ---

# Who stands outside of the release, by labels of namespace and pod; addresses by themselves.
OUTSIDE: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]] | str] = {
    "edge": ({"kubernetes.io/metadata.name": "envoy-gateway-system"}, {"app": "envoy"}),
    "edge inside": ({"kubernetes.io/metadata.name": "envoy-gateway-inside"}, {"app": "envoy"}),
    "prometheus": ({"kubernetes.io/metadata.name": "monitoring"}, {"app.kubernetes.io/name": "prometheus"}),
    "names": ({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"}),
    "operator": ({"kubernetes.io/metadata.name": "cnpg-system"}, {"app.kubernetes.io/name": "cloudnative-pg"}),
    "stranger": ({"kubernetes.io/metadata.name": "other"}, {"app": "x"}),
    "neighbour": ({"kubernetes.io/metadata.name": "evote"}, {"app": "x"}),
    "responder": "192.0.2.10",
    "kubernetes": "192.0.2.20",
    "objects": "192.0.2.30",
    "internet": "203.0.113.1",
    "kafka": (
        {"kubernetes.io/metadata.name": "evote"},
        {"strimzi.io/cluster": "evote-kafka", "strimzi.io/name": "evote-kafka-kafka"},
    ),
    "postgresql": ({"kubernetes.io/metadata.name": "evote"}, {"cnpg.io/cluster": "evote-pg"}),
    "postgresql-biometric": ({"kubernetes.io/metadata.name": "evote"}, {"cnpg.io/cluster": "evote-pg-biometric"}),
}
DATABASES = ("postgresql", "postgresql-biometric")
PORTS = (53, 80, 443, 5432, 6443, 8000, 8001, 8080, 8081, 9090, 9093, 9187)


def arrows(resources: tuple[Resource, ...]) -> set[tuple[str, str, int]]:
    """Who may open a connection to whom at which port, as the policies say: both ends must allow it."""
    release = {
        name: ({"kubernetes.io/metadata.name": "evote"}, template["metadata"]["labels"])
        for name, template in pods(resources).items()
    }
    everybody = {**OUTSIDE, **release}
    policies = list(of_kind(resources, "NetworkPolicy").values())
    return {
        (source, target, port)
        for source in everybody
        for target in everybody
        for port in PORTS
        # An instance of a database has others beside it.
        if (source != target or source.startswith("postgresql"))
        and (source in release or target in release or {source, target} & set(DATABASES))
        and _allowed(policies, "Egress", everybody[source], everybody[target], port)
        and _allowed(policies, "Ingress", everybody[target], everybody[source], port)
    }


def _allowed(policies: list[Resource], way: str, of: Any, other: Any, port: int) -> bool:
    if isinstance(of, str) or of[0]["kubernetes.io/metadata.name"] != "evote":
        return True
    chosen = [
        policy["spec"]
        for policy in policies
        if chooses(policy["spec"]["podSelector"], of[1]) and way in policy["spec"]["policyTypes"]
    ]
    peers = {"Egress": "to", "Ingress": "from"}[way]
    rules = [rule for policy in chosen for rule in policy.get(way.lower(), ())]
    return not chosen or any(
        any(each["port"] == port for each in rule["ports"]) and any(_is(peer, other) for peer in _peers(rule, peers))
        for rule in rules
    )


def _peers(rule: Resource, peers: str) -> Iterator[Resource]:
    # Nobody named would be everybody.
    assert rule[peers]
    yield from rule[peers]


def _is(peer: Resource, other: Any) -> bool:
    if isinstance(other, str) or "ipBlock" in peer:
        return isinstance(other, str) and peer.get("ipBlock", {}).get("cidr") == f"{other}/32"
    namespace = peer.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": "evote"}})
    return chooses(namespace, other[0]) and chooses(peer.get("podSelector", {}), other[1])


def chooses(selector: Resource, labels: Mapping[str, str]) -> bool:
    """Whether a selector of Kubernetes is one of such labels."""
    for one in selector.get("matchExpressions", ()):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def test_the_policies_draw_the_arrows_of_the_design_and_no_other() -> None:
    expected: set[tuple[str, str, int]] = {("auth", "responder", 443)}
    for service in SERVICES:
        database = "postgresql-biometric" if service == "biometric" else "postgresql"
        expected |= {("edge", service, 8000), ("prometheus", service, 8001), (service, "names", 53)}
        expected |= {(service, "kafka", 9093), (service, database, 5432)}
        expected |= {(f"{service}-migration", database, 5432), (f"{service}-migration", "names", 53)}
        # The preflight: how each is, at the port that answers nothing else.
        expected |= {("tally", service, 8001)} if service != "tally" else set()
    for front in ("resident", "board"):
        expected.add(("edge", front, 8080))
    # That a front is there, at a port that nothing else is at.
    expected |= {("prometheus", front, 8081) for front in ("resident", "board", "wall")}
    # The wall, from inside alone; it asks what the public may ask, and Prometheus.
    expected |= {("edge inside", "wall", 8080), ("wall", "names", 53), ("wall", "prometheus", 9090)}
    expected |= {("wall", asked, 8000) for asked in ("ballot", "ledger-anchor", "tally")}
    for database in DATABASES:
        expected |= {("operator", database, 8000), ("prometheus", database, 9187)}
        # One way in, and as few out: names, its own instances, what it is told to be, and its archive.
        expected |= {(database, database, 5432), (database, database, 8000)}
        expected |= {(database, "names", 53), (database, "kubernetes", 6443), (database, "objects", 443)}
    assert arrows(rendered("city-240k")) == expected


def test_auth_and_ballot_never_meet() -> None:
    met = {(source, target) for source, target, _ in arrows(rendered("city-240k"))}
    assert not met & {("auth", "ballot"), ("ballot", "auth"), ("auth", "biometric"), ("biometric", "auth")}


def test_a_policy_that_is_missing_or_too_wide_is_found() -> None:
    resources = rendered("city-240k")
    without = tuple(
        one
        for one in resources
        if one["kind"] != "NetworkPolicy" or one["metadata"]["name"] not in ("evote-ballot", "evote-default-deny")
    )
    assert ("stranger", "ballot", 8000) in arrows(without) - arrows(resources)
    (ballot,) = [
        one for one in resources if one["metadata"]["name"] == "evote-ballot" and one["kind"] == "NetworkPolicy"
    ]
    # A database that may send anywhere, as it may where only its ways in are drawn.
    (main,) = [one for one in resources if one["metadata"]["name"] == "evote-pg" and one["kind"] == "NetworkPolicy"]
    inward = {**main, "spec": {**main["spec"], "policyTypes": ["Ingress"]}}
    open_out = tuple(inward if one is main else one for one in resources)
    assert {("postgresql", "internet", 443), ("postgresql", "stranger", 80)} <= arrows(open_out) - arrows(resources)
    other = json.loads(json.dumps(ballot))
    other["metadata"]["name"] = "more"
    other["spec"]["ingress"] = [{"from": [{"podSelector": {"matchLabels": {}}}], "ports": [{"port": 8000}]}]
    assert ("neighbour", "ballot", 8000) in arrows((*resources, other))


@pytest.mark.parametrize("profile", PROFILES)
def test_no_service_of_a_profile_reaches_another_ones_door(profile: str) -> None:
    services = set(SERVICES) | {"resident", "board", "wall"}
    inner = [arrow for arrow in arrows(rendered(profile)) if arrow[0] in services and arrow[1] in services]
    assert {(source, port) for source, _, port in inner} == {("tally", 8001), ("wall", 8000)}


def test_without_a_wall_there_is_nothing_of_it_and_nobody_has_its_arrows() -> None:
    resources = rendered("city-240k", "--set", "wall.enabled=false,hosts.wall=null")
    assert not [one for one in resources if "wall" in one["metadata"]["name"]]
    with_it = arrows(rendered("city-240k"))
    assert arrows(resources) == {arrow for arrow in with_it if "wall" not in arrow[:2]}


# --- the edge and the fronts ---


@pytest.mark.parametrize("kind", ["gateway", "ingress"])
def test_each_name_has_a_certificate_of_its_own_and_leads_to_one_service(kind: str) -> None:
    resources = rendered("city-240k", "--set", f"edge.kind={kind}")
    leads: dict[str, str] = {}
    if kind == "gateway":
        listeners = {
            (name, one["name"]): one
            for name, gateway in of_kind(resources, "Gateway").items()
            for one in gateway["spec"]["listeners"]
        }
        certificates = [one["tls"]["certificateRefs"][0]["name"] for one in listeners.values()]
        for route in of_kind(resources, "HTTPRoute").values():
            (name,) = route["spec"]["hostnames"]
            (parent,) = route["spec"]["parentRefs"]
            assert listeners[parent["name"], parent["sectionName"]]["hostname"] == name
            leads[name] = route["spec"]["rules"][0]["backendRefs"][0]["name"]
    else:
        certificates = []
        for ingress in of_kind(resources, "Ingress").values():
            (tls,), (rule,) = ingress["spec"]["tls"], ingress["spec"]["rules"]
            assert tls["hosts"] == [rule["host"]]
            certificates.append(tls["secretName"])
            leads[rule["host"]] = rule["http"]["paths"][0]["backend"]["service"]["name"]
    assert leads == {
        "vote.city.example": "evote-resident",
        "board.city.example": "evote-board",
        "auth.city.example": "evote-auth",
        "face.city.example": "evote-biometric",
        "ballot.city.example": "evote-ballot",
        "log.city.example": "evote-ledger-anchor",
        "tally.city.example": "evote-tally",
        "wall.city.example": "evote-wall",
    }
    assert len(set(certificates)) == len(leads)


def test_the_wall_is_led_to_by_an_edge_of_its_own_that_leads_nowhere_else() -> None:
    resources = rendered("city-240k")
    gateways = of_kind(resources, "Gateway")
    assert [one["name"] for one in gateways["evote-wall-edge"]["spec"]["listeners"]] == ["wall"]
    assert "wall" not in {one["name"] for one in gateways["evote-edge"]["spec"]["listeners"]}
    classes = {name: gateway["spec"]["gatewayClassName"] for name, gateway in gateways.items()}
    assert classes == {"evote-edge": "envoy", "evote-wall-edge": "envoy-inside"}
    ingresses = of_kind(rendered("city-240k", "--set", "edge.kind=ingress"), "Ingress")
    inside = {name for name, one in ingresses.items() if one["spec"]["ingressClassName"] == "envoy-inside"}
    assert inside == {"evote-wall"}


def test_what_staff_say_is_a_folder_of_the_wall_that_may_be_missing() -> None:
    spec = pods(rendered("city-240k"))["wall"]["spec"]
    (said,) = [one for one in spec["volumes"] if one["name"] == "announcements"]
    assert said["configMap"] == {"name": "evote-wall-announcements", "optional": True}
    (mounted,) = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "announcements"]
    # Of a file alone the kubelet would never bring a newer one.
    assert mounted == {"name": "announcements", "mountPath": "/etc/evote-front/announcements", "readOnly": True}


@pytest.mark.parametrize("prometheus", ["http://prometheus:9090", "https://prometheus.city.example"])
@pytest.mark.parametrize("front", ["resident", "board", "wall"])
def test_the_fronts_policy_is_the_one_that_is_made_of_its_configuration(
    front: str, prometheus: str, tmp_path: Path
) -> None:
    made = of_kind(rendered("city-240k", "--set", f"wall.prometheus={prometheus}"), "ConfigMap")[f"evote-{front}"][
        "data"
    ]
    config = tmp_path / "config.json"
    config.write_text(made["config.json"], "utf-8")
    done = subprocess.run(
        ["node", ROOT / "web/edge/connect-src.mjs", config], capture_output=True, text=True, check=True
    )
    assert made["connect-src.conf"] == done.stdout


@pytest.mark.parametrize("front", ["resident", "board", "wall"])
def test_officers_sign_the_very_bytes_that_the_front_serves(front: str, tmp_path: Path) -> None:
    """The chart makes ``config.json``, officers sign the file that ``evote_chart.front_config`` takes out of it, and a
    browser gets what the ConfigMap holds: one text."""
    config = tmp_path / "config.json"
    arguments = [str(file) for file in PROFILES["city-240k"]]
    written = subprocess.run(
        [sys.executable, "-m", "evote_chart.front_config", front, str(config), *arguments],
        env={**os.environ, "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert written.returncode == 0, written.stderr
    served = of_kind(rendered("city-240k"), "ConfigMap")[f"evote-{front}"]["data"]["config.json"]
    assert config.read_bytes() == served.encode()
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("<!doctype html>")
    manifest = new_manifest("https://vote.city.example", build_files(tmp_path / "site"), config.read_bytes())
    assert manifest.files["config.json"] == hashlib.sha384(served.encode()).hexdigest()
    # And so the manifest that was signed is served as it was signed.
    signed = tmp_path / "manifest.json"
    signed.write_text(manifest.text, "utf-8")
    values = tmp_path / "manifests.yaml"
    subprocess.run([sys.executable, "-m", "evote_chart.front_manifests", str(values), f"{front}={signed}"], check=True)
    with_it = of_kind(rendered("city-240k", "--values", str(values)), "ConfigMap")[f"evote-{front}"]
    assert with_it["data"]["manifest.json"] == manifest.text
    assert with_it["data"]["config.json"] == served


# --- Kafka and PostgreSQL ---


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


# --- words that YAML has another meaning for ---


def test_a_text_that_looks_like_a_number_is_a_text_wherever_it_comes_to(tmp_path: Path) -> None:
    """Each text of the city's values that its schema lets be a number is one."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values: Any = yaml.safe_load(CITY.read_text("utf-8"))
    values["scheduling"] = {"priorityClassName": ""}
    values["imagePullSecrets"] = ["registry"]
    values["monitoring"] = {"tracesCa": "city-ca"}
    values["auth"]["settings"]["tracesEndpoint"] = "https://collector.example:4318"
    values["postgresql"]["cloudnativepg"]["recovery"] = {"main": {"readFrom": "evote-pg", "archiveTo": "evote-pg-2"}}
    numbers = (str(number) for number in range(100, 1000))
    # Held against a list, or of a release that there is.
    kept = {"kafka.version"}
    done = []

    def put(node: Any, model: Any, place: str) -> Any:
        while "$ref" in model:
            model = schema["$defs"][model["$ref"].rsplit("/", 1)[1]]
        choices = [one for one in model.get("anyOf", ()) if one.get("type") != "null"]
        if choices:
            return put(node, choices[0], place)
        if isinstance(node, dict):
            inside = model.get("properties", {})
            return {
                name: put(value, inside[name], f"{place}.{name}".lstrip(".")) if name in inside else value
                for name, value in node.items()
            }
        if isinstance(node, list):
            return [put(value, model["items"], place) for value in node]
        free = isinstance(node, str) and "enum" not in model and "const" not in model and "format" not in model
        if not free or place in kept or not re.search(model.get("pattern", ""), "123"):
            return node
        done.append(place)
        return next(numbers)

    values = put(values, schema, "")
    assert {"ledgerAnchor.logOrigin", "hosts.auth.tlsSecret", "edge.className"} <= set(done)
    file = tmp_path / "numbers.yaml"
    file.write_text(yaml.safe_dump(values))
    for kind in ("gateway", "ingress"):
        resources = rendered("city-240k", "--values", str(file), "--set", f"edge.kind={kind}")
        kubeconformed = kubeconform(resources)
        assert (kubeconformed.returncode, kubeconformed.stdout) == (0, "")
        for template in pods(resources).values():
            for one in template["spec"]["containers"][0].get("env", ()):
                assert isinstance(one.get("value", ""), str), one


# --- names ---


def test_the_longest_name_that_a_release_may_have_leaves_room_for_all_that_begins_with_it() -> None:
    name = "a" * 33
    files = [word for file in PROFILES["city-240k"] for word in ("--values", str(file))]
    done = helm("template", name, str(CHART), "--namespace", "evote", "--kube-version", "1.34.4", *files)
    assert done.returncode == 0, done.stderr
    resources = tuple(document for document in yaml.safe_load_all(done.stdout) if document)
    # Of a Job, and of a Service, it is a label; the operators' Services of clusters end with theirs.
    bounded = [*of_kind(resources, "Service", "Job"), f"{name}-kafka-kafka-bootstrap"]
    bounded += [f"{cluster}-rw" for cluster in of_kind(resources, "Cluster")]
    assert max(map(len, bounded)) == 63


def test_all_of_ipv4_written_as_ipv6_is_everybody_too(tmp_path: Path) -> None:
    file = tmp_path / "mapped.yaml"
    file.write_text(yaml.safe_dump({"network": {"dns": [{"cidr": "::ffff:0:0/96"}]}}))
    files = [word for each in (*PROFILES["city-240k"], file) for word in ("--values", str(each))]
    done = helm("template", "evote", str(CHART), *files)
    assert "network.dns: ::ffff:0:0/96 holds everybody" in done.stderr


# --- helm test ---


def test_the_installed_release_is_asked_for_its_arrows_from_each_services_place() -> None:
    resources = rendered("city-240k")
    drawn = arrows(resources)
    asked: dict[str, list[str]] = {}
    for pod in of_kind(resources, "Pod").values():
        spec, labels = pod["spec"], pod["metadata"]["labels"]
        service = labels["app.kubernetes.io/name"].removesuffix("-arrows")
        (container,) = spec["containers"]
        asked[service] = container["args"][1:]
    assert set(asked) == set(SERVICES)
    for service, ends in asked.items():
        for end in ends:
            kind, _, place = end.partition("=")
            target = _target(place.removeprefix("http://").removesuffix("/statusz"))
            assert ((service, *target) in drawn) == (kind in ("reach", "well")), end
        assert "refused=evote-auth:80" in ends or service == "auth"


def test_the_pods_of_helm_test_have_their_services_arrows_and_nobody_takes_them_for_replicas() -> None:
    resources = rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1")
    tests = [pod["metadata"]["labels"] for pod in of_kind(resources, "Pod").values()]
    assert len(tests) == len(SERVICES)
    workloads = of_kind(resources, "Deployment", "StatefulSet", "PodDisruptionBudget").values()
    selectors = [one["spec"]["selector"] for one in workloads]
    selectors += [one["spec"]["selector"] for one in of_kind(resources, "PodMonitor").values()]
    selectors += [{"matchLabels": one["spec"]["selector"]} for one in of_kind(resources, "Service").values()]
    assert not [labels for labels in tests for selector in selectors if chooses(selector, labels)]
    for labels in tests:
        own = pods(resources)[labels["app.kubernetes.io/name"].removesuffix("-arrows")]["metadata"]["labels"]
        known = 0
        for policy in of_kind(resources, "NetworkPolicy").values():
            spec = policy["spec"]
            rules = [*spec.get("ingress", ()), *spec.get("egress", ())]
            peers = [
                peer["podSelector"]
                for rule in rules
                for peer in rule.get("from", rule.get("to", ()))
                if "podSelector" in peer
            ]
            for selector in (spec["podSelector"], *peers):
                assert chooses(selector, labels) == chooses(selector, own), policy["metadata"]["name"]
                known += chooses(selector, own)
        assert known > 2
        (kafka,) = of_kind(resources, "Kafka").values()
        (listener,) = kafka["spec"]["kafka"]["listeners"]
        assert any(chooses(peer["podSelector"], labels) for peer in listener["networkPolicyPeers"])


def test_a_database_at_an_address_of_ipv6_is_one_for_services_and_helm_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ipv6.yaml"
    main = {"host": "[::1]", "peers": [{"cidr": "2001:db8::1/128"}]}
    file.write_text(yaml.safe_dump({"postgresql": {"external": {"main": main}}}))
    resources = rendered("referendum-10k on own servers", "--values", str(file))
    (container,) = of_kind(resources, "Pod")["evote-auth-arrows"]["spec"]["containers"]
    assert "reach=[::1]:5432" in container["args"]
    (container,) = pods(resources)["auth"]["spec"]["containers"]
    given = _given(container, monkeypatch)
    assert httpx.URL(given["EVOTE_DATABASE_URL"]).host == "::1"


def _target(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    known = {"evote-pg-rw": "postgresql", "evote-pg-biometric-rw": "postgresql-biometric"}
    if host in known:
        return known[host], int(port)
    if host.startswith("evote-kafka"):
        return "kafka", int(port)
    name = host.removeprefix("evote-")
    return name.removesuffix("-management"), 8000 if port == "80" else int(port)


@pytest.mark.parametrize("front", ["resident", "board", "wall"])
def test_what_officers_signed_of_a_front_is_served_as_it_is(front: str, tmp_path: Path) -> None:
    signed = tmp_path / "manifest.json"
    signed.write_text('{"statements": ["…"],\n "files": {}}\n')
    resources = rendered("city-240k", "--set-file", f"{front}.manifest={signed}")
    assert of_kind(resources, "ConfigMap")[f"evote-{front}"]["data"]["manifest.json"] == signed.read_text()
    mounts = [one["mountPath"] for one in pods(resources)[front]["spec"]["containers"][0]["volumeMounts"]]
    assert "/etc/evote-front/manifest.json" in mounts


@pytest.mark.parametrize("listens", ["0.0.0.0", "::"])
def test_nginx_listens_for_pages_and_metrics_where_the_services_listen(listens: str, tmp_path: Path) -> None:
    resources = rendered("city-240k", "--set", f"listenAddress={listens}")
    (container,) = pods(resources)["resident"]["spec"]["containers"]
    data = of_kind(resources, "ConfigMap")["evote-resident"]["data"]
    ports = {number: free_port() for number in (8080, 8081)}

    def ours(text: str) -> str:
        for number, port in ports.items():
            text = text.replace(f"listen {number};", f"listen {LOOPBACK}:{port};").replace(f":{number};", f":{port};")
        return text.replace("/etc/evote-front", str(tmp_path)).replace("/srv/resident", str(tmp_path))

    for mount in container["volumeMounts"]:
        if mount["mountPath"].startswith("/etc/evote-front/"):
            (tmp_path / Path(mount["mountPath"]).name).write_text(ours(data[mount["subPath"]]))
    (tmp_path / "build.conf").write_text('set $evote_service "resident"; set $evote_version "1";')
    shutil.copy(ROOT / "web/edge/headers.conf", tmp_path)
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "site.conf").write_text(ours((ROOT / "web/edge/nginx.conf").read_text("utf-8")))
    (tmp_path / "nginx.conf").write_text(NGINX_MAIN.format(here=tmp_path))
    command = [str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    server = ChildProcess("nginx", command, log_path=tmp_path / "nginx.log")
    try:
        server.wait_until(lambda: is_listening(ports[8081]), timeout_s=30)
        for address in (LOOPBACK, "[::1]"):
            asked = [f"http://{address}:{ports[8080]}/", f"http://{address}:{ports[8081]}/metrics"]
            if address == LOOPBACK or listens == "::":
                assert [httpx.get(url).status_code for url in asked] == [200, 200]
                continue
            for url in asked:
                with pytest.raises(httpx.ConnectError):
                    httpx.get(url)
    finally:
        server.stop()
    # Where the kernel has no IPv6 it starts with nothing that would need it.
    told = subprocess.run([*command, "-T"], capture_output=True, text=True, check=True).stdout
    assert len(re.findall(r"^ *listen \[::\]", told, re.MULTILINE)) == (2 if listens == "::" else 0)


# --- watching ---


def test_the_rules_of_the_repository_are_given_to_an_operator_of_prometheus_and_to_nobody_else() -> None:
    rules = of_kind(rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1"), "PrometheusRule")
    files = sorted((ROOT / "deploy/monitoring/rules").glob("*.yml"))
    assert files
    for file in files:
        assert rules[f"evote-{file.stem}"]["spec"] == yaml.safe_load(file.read_text("utf-8"))
    assert len(rules) == len(files) + 1
    assert not of_kind(rendered("city-240k"), "PrometheusRule", "PodMonitor")


@pytest.mark.parametrize("profile", PROFILES)
def test_how_many_replicas_there_are_to_be_is_told_of_each_service_and_page(profile: str) -> None:
    resources = rendered(profile, "--api-versions", "monitoring.coreos.com/v1")
    (group,) = of_kind(resources, "PrometheusRule")["evote-replicas"]["spec"]["groups"]
    told = {rule["labels"]["service"]: rule["expr"] for rule in group["rules"]}
    assert {rule["record"] for rule in group["rules"]} == {"evote_replicas_floor"}
    workloads = of_kind(resources, "Deployment", "StatefulSet")
    floors = {name: one["spec"].get("replicas") for name, one in workloads.items()}
    for scaler in of_kind(resources, "HorizontalPodAutoscaler").values():
        floors[scaler["spec"]["scaleTargetRef"]["name"]] = scaler["spec"]["minReplicas"]
    assert {f"evote-{service}": expr for service, expr in told.items()} == {
        name: f"vector({floor})" for name, floor in floors.items()
    }


def test_numbers_of_the_databases_say_which_one_they_are_of() -> None:
    monitors = of_kind(rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1"), "PodMonitor")
    (endpoint,) = monitors["evote-postgresql"]["spec"]["podMetricsEndpoints"]
    # Rules group by it, and of most numbers CloudNativePG's exporter doesn't say it.
    assert endpoint["relabelings"] == [
        {"sourceLabels": ["__meta_kubernetes_pod_label_cnpg_io_cluster"], "targetLabel": "cluster"}
    ]


def test_each_database_with_standbys_is_asked_who_is_in_sync_and_one_without_is_not() -> None:
    # On the PostgreSQL of one's own and where one instance is wanted there is no synchronous standby to miss.
    kept = (CHART / "files/queries.yaml").read_text("utf-8")
    resources = rendered("city-240k")
    clusters = of_kind(resources, "Cluster")
    assert set(clusters) == {"evote-pg", "evote-pg-biometric"}
    for name, cluster in clusters.items():
        queries = of_kind(resources, "ConfigMap")[f"{name}-queries"]
        assert cluster["spec"]["monitoring"] == {
            "customQueriesConfigMap": [{"name": f"{name}-queries", "key": "queries.yaml"}]
        }
        assert yaml.safe_load(queries["data"]["queries.yaml"]) == yaml.safe_load(kept)
        assert queries["metadata"]["labels"]["cnpg.io/reload"] == ""
    alone = rendered("city-240k", "--set", "environment=test,postgresql.cloudnativepg.instances=1")
    assert not [one for one in of_kind(alone, "Cluster").values() if "monitoring" in one["spec"]]
    assert not [name for name in of_kind(alone, "ConfigMap") if name.endswith("-queries")]


def test_an_alert_names_the_whole_address_of_its_runbook_where_documents_are_served() -> None:
    known = ("--api-versions", "monitoring.coreos.com/v1")
    served = rendered("city-240k", *known, "--set", "monitoring.runbooksUrl=https://docs.city.example/evote")
    said = 0
    for name, rules in of_kind(served, "PrometheusRule").items():
        plain = of_kind(rendered("city-240k", *known), "PrometheusRule")[name]
        for group, as_it_was in zip(rules["spec"]["groups"], plain["spec"]["groups"], strict=True):
            for rule, before in zip(group["rules"], as_it_was["rules"], strict=True):
                if "alert" in rule:
                    path = before["annotations"].pop("runbook_url")
                    assert rule["annotations"].pop("runbook_url") == f"https://docs.city.example/evote/{path}"
                    said += 1
                assert rule == before
    assert said


def test_the_dashboards_of_the_repository_are_given_to_grafana_where_the_city_says_so() -> None:
    made = of_kind(rendered("city-240k", "--set", "monitoring.dashboards=true"), "ConfigMap")
    files = sorted((ROOT / "deploy/monitoring/dashboards").glob("*.json"))
    assert files
    for file in files:
        config = made[f"evote-dashboard-{file.stem}"]
        assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(config["data"][file.name]) == json.loads(file.read_text("utf-8"))
    assert not [name for name in of_kind(rendered("city-240k"), "ConfigMap") if "dashboard" in name]


def test_each_replica_of_each_service_is_asked_for_its_metrics_with_the_rosters_token() -> None:
    resources = rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1")
    monitor = of_kind(resources, "PodMonitor")["evote-services"]["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "evote-metrics-token", "key": "token"}
    (services,) = monitor["selector"]["matchExpressions"]
    assert set(services["values"]) == set(SERVICES)
    for service in SERVICES:
        _asked(pods(resources)[service], monitor)


def _asked(pod: Resource, monitor: Resource) -> None:
    """That the monitor chooses such a pod, and asks at a port that it has."""
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in {one["name"] for one in pod["spec"]["containers"][0]["ports"]}


@pytest.mark.parametrize("wall", [True, False])
def test_each_replica_of_each_page_is_asked_whether_it_is_there(wall: bool) -> None:
    without = () if wall else ("--set", "wall.enabled=false,hosts.wall=null")
    resources = rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1", *without)
    monitor = of_kind(resources, "PodMonitor")["evote-fronts"]["spec"]
    (fronts,) = monitor["selector"]["matchExpressions"]
    assert set(fronts["values"]) == {"resident", "board"} | ({"wall"} if wall else set())
    for front in fronts["values"]:
        _asked(pods(resources)[front], monitor)
        (port,) = of_kind(resources, "Service")[f"evote-{front}"]["spec"]["ports"]
        assert port["targetPort"] == "http", "the public is led to no other port"
