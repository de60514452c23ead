"""Words of a city's own: what YAML reads as something else, and names that others begin with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from evote_chart.settings import CHART

from .rendering import CITY, NEEDS_HELM, helm, kubeconform, of_kind, pods, rendered, values_of

pytestmark = NEEDS_HELM


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


def test_the_longest_name_that_a_release_may_have_leaves_room_for_all_that_begins_with_it() -> None:
    name = "a" * 33
    files = values_of("city-240k")
    done = helm("template", name, str(CHART), "--namespace", "evote", "--kube-version", "1.34.4", *files)
    assert done.returncode == 0, done.stderr
    resources = tuple(document for document in yaml.safe_load_all(done.stdout) if document)
    # Of a Job, and of a Service, it is a label; the operators' Services of clusters end with theirs.
    bounded = [*of_kind(resources, "Service", "Job"), f"{name}-kafka-kafka-bootstrap"]
    bounded += [f"{cluster}-rw" for cluster in of_kind(resources, "Cluster")]
    assert max(map(len, bounded)) == 63
