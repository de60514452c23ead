"""What the chart's values come to in the services: settings as they read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from evote_auth.settings import AuthSettings
from evote_chart.settings import MIGRATION, SETTINGS, fields_of, left_to_the_city
from evote_eventlog.access import SERVICES
from evote_ledger_anchor.chain_settings import ChainSettings
from evote_platform.production import (
    require_encrypted_database,
    require_encrypted_front,
    require_named_proxies,
    require_production_connections,
)
from evote_platform.settings import COLLECTORS_AUTHORITY, Environment
from pydantic.alias_generators import to_camel

from .rendering import NEEDS_HELM, PROFILES, environment, give, kubeconform, of_kind, pods, rendered

pytestmark = NEEDS_HELM


@pytest.mark.parametrize("profile", PROFILES)
def test_each_service_takes_the_environment_that_it_is_given(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = pods(rendered(profile))
    for service in SETTINGS.keys() & templates.keys():
        (container,) = templates[service]["spec"]["containers"]
        given = give(container, monkeypatch)
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
        give(container, monkeypatch)
        owner = MIGRATION()
        require_encrypted_database(owner.environment, "EVOTE_OWNER_DATABASE_URL", owner.owner_database_url)


def test_a_school_runs_by_what_its_profile_says_with_voting_codes_and_no_cards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resources = rendered("school", "--set-json", 'auth.authoritiesVolume=null,wall.ways=["face"]')
    template = pods(resources)["auth"]["spec"]
    (container,) = template["containers"]
    give(container, monkeypatch)
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
        given = give(container, monkeypatch)
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
        given = give(container, monkeypatch)
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
