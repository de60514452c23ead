"""The edge leads each name to its service, and the fronts serve what the values and the officers say."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from evote_local.nodes.ports import LOOPBACK, free_port, is_listening
from evote_local.nodes.processes import ChildProcess
from evote_local.stack.front import NGINX, NGINX_MAIN
from evote_verify.reading.front_manifest import build_files, new_manifest

from .rendering import NEEDS_HELM, PROFILES, ROOT, TOOLS, of_kind, pods, rendered

pytestmark = NEEDS_HELM


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
        server.wait_until(lambda: is_listening(ports[8081]), timeout_s=50)
        for address in (LOOPBACK, "[::1]"):
            asked = [f"http://{address}:{ports[8080]}/", f"http://{address}:{ports[8081]}/metrics"]
            if address == LOOPBACK or listens == "::":
                assert [httpx.get(url, timeout=50).status_code for url in asked] == [200, 200]
                continue
            for url in asked:
                with pytest.raises(httpx.ConnectError):
                    httpx.get(url, timeout=50)
    finally:
        server.stop()
    # Where the kernel has no IPv6 it starts with nothing that would need it.
    told = subprocess.run([*command, "-T"], capture_output=True, text=True, check=True).stdout
    assert len(re.findall(r"^ *listen \[::\]", told, re.MULTILINE)) == (2 if listens == "::" else 0)
