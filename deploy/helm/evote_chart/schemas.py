"""Schemas for kubeconform: ``python -m evote_chart.schemas MODULES FOLDER``.

``MODULES`` is what ``go mod download -json`` printed: Kubernetes has its own schemas in its module, each operator its
resources' definitions in its own. Nothing is fetched; members that no schema knows are refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_DEFINITIONS: Final = {
    "sigs.k8s.io/gateway-api": "config/crd/standard",
    "github.com/cloudnative-pg/cloudnative-pg": "config/crd/bases",
    "github.com/cloudnative-pg/plugin-barman-cloud": "config/crd/bases",
    "github.com/prometheus-operator/prometheus-operator": "example/prometheus-operator-crd",
}
_KUBERNETES: Final = "k8s.io/kubernetes"


class _Loader(yaml.SafeLoader):
    """As Kubernetes reads YAML: ``=`` is a word, which version 1.1 has another meaning for."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def main() -> None:
    """Write each kind's schema as kubeconform looks for it: ``deployment-apps-v1.json``."""
    into = Path(sys.argv[2])
    into.mkdir(parents=True, exist_ok=True)
    written = 0
    for path, folder in _modules(Path(sys.argv[1]).read_text("utf-8")):
        schemas = _kubernetes(folder) if path == _KUBERNETES else _custom(folder / _DEFINITIONS[path])
        for name, schema in schemas:
            (into / f"{name}.json").write_text(json.dumps(schema))
            written += 1
    print(f"{written} schemas")


def _modules(text: str) -> Iterator[tuple[str, Path]]:
    """The objects stand one behind the other."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        module, end = decoder.raw_decode(text[at:].lstrip())
        at = len(text) - len(text[at:].lstrip()) + end
        yield module["Path"], Path(module["Dir"])


def _kubernetes(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    definitions: dict[str, Any] = json.loads((folder / "api/openapi-spec/swagger.json").read_text("utf-8"))[
        "definitions"
    ]
    named = {name: _references(_strict(schema)) for name, schema in definitions.items()}
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            group = kind["group"].split(".")[0]
            needed = {other: definitions[other] for other in _reached(name, named)}
            suffix = f"-{group}-{kind['version']}" if group else f"-{kind['version']}"
            yield f"{kind['kind'].lower()}{suffix}", {**schema, "definitions": needed}


def _custom(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.load_all(file.read_text("utf-8"), _Loader):
            if not document or document.get("kind") != "CustomResourceDefinition":
                continue
            spec = document["spec"]
            for version in spec["versions"]:
                group = spec["group"].split(".")[0]
                name = f"{spec['names']['kind'].lower()}-{group}-{version['name']}"
                # What every resource has; the definition leaves it to the server.
                schema = version["schema"]["openAPIV3Schema"]
                schema.setdefault("properties", {}).update(
                    apiVersion={"type": "string"}, kind={"type": "string"}, metadata={"type": "object"}
                )
                yield name, _strict(schema)


def _strict(node: Any) -> Any:
    """In place: members that aren't named are refused, where the schema doesn't say that there may be others."""
    if isinstance(node, dict):
        if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
            node.pop("anyOf", None)
            node["type"] = ["string", "integer"]
        if (
            isinstance(node.get("properties"), dict)
            and "additionalProperties" not in node
            and not node.get("x-kubernetes-preserve-unknown-fields")
        ):
            node["additionalProperties"] = False
        for member in node.values():
            _strict(member)
    elif isinstance(node, list):
        for member in node:
            _strict(member)
    return node


def _references(node: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            found.add(node["$ref"].rsplit("/", 1)[1])
        for member in node.values():
            found |= _references(member)
    elif isinstance(node, list):
        for member in node:
            found |= _references(member)
    return found


def _reached(name: str, named: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for other in named[waiting.pop()] - reached:
            reached.add(other)
            waiting.append(other)
    return reached


if __name__ == "__main__":
    main()
