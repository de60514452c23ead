"""The programs of a cluster, built from pinned sources of the Go module proxy into a cache: minutes, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from evote_local.nodes.cache import default_cache

KUBERNETES: Final = "v1.34.4"
SOURCES: Final = Path(__file__).parents[1] / "programs"
_STAMP: Final = {
    "gitVersion": KUBERNETES,
    "gitMajor": "1",
    "gitMinor": KUBERNETES.split(".")[1],
    "gitTreeState": "clean",
    "gitCommit": "0" * 40,
    "buildDate": "2026-01-01T00:00:00Z",
}


class Missing(Exception):
    """The machine lacks something; the message says what to do."""


@dataclass(frozen=True)
class Build:
    """A module below ``programs/``, and what it makes."""

    module: str
    programs: Sequence[str]
    flags: Sequence[str] = ()
    stamped: Sequence[str] = ()
    """Packages in which Kubernetes keeps the version that it says it is."""
    renamed: dict[str, str] = field(default_factory=dict)
    below: Path = SOURCES

    @property
    def sources(self) -> Path:
        """Where it is pinned."""
        return self.below / self.module


_KUBERNETES_PROGRAMS: Final = (
    *("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    *("kubelet", "kube-proxy", "kubectl"),
)
BUILDS: Final = (
    Build(
        "kubernetes",
        _KUBERNETES_PROGRAMS,
        ("-tags", "netgo,osusergo"),
        ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"),
    ),
    Build("etcd", ("etcd",), renamed={"server": "etcd"}),
    Build("coredns", ("coredns",)),
    Build("kube-router", ("kube-router",)),
    Build("metrics-server", ("metrics-server",)),
    Build("pause", ("pause",)),
    Build("helm", ("helm",), below=Path(__file__).parents[2] / "helm/tools"),
)
PROMETHEUS_OPERATOR: Final = Build(
    "prometheus-operator",
    ("prometheus-operator", "prometheus-config-reloader"),
    renamed={"operator": "prometheus-operator"},
)
CLOUDNATIVEPG: Final = Build("cloudnative-pg", ("cnpg-manager",), renamed={"manager": "cnpg-manager"})
BARMAN_CLOUD: Final = Build("barman-cloud", ("barman-cloud-plugin",), renamed={"manager": "barman-cloud-plugin"})
OBJECT_STORE: Final = Build("object-store", ("versitygw",))
GATEWAY_API: Final = Build("schemas", (), below=Path(__file__).parents[2] / "helm/tools")
"""Nothing is built: the definitions that the chart is held to."""
OF_CLOUDNATIVEPG: Final = (CLOUDNATIVEPG, BARMAN_CLOUD, OBJECT_STORE)
"""Of a cluster that PostgreSQL's operator runs in, with backups; others do without their minutes."""


def home() -> Path:
    """Where programs, images and the running cluster are: of all checkouts, since a machine has one cluster."""
    return default_cache() / "cluster"


def folder() -> Path:
    """The built programs."""
    return home() / "bin"


def build(builds: Sequence[Build] = BUILDS) -> Path:
    """Build what isn't there as its sources are pinned; the folder of the programs."""
    folder().mkdir(parents=True, exist_ok=True)
    for one in builds:
        pinned = b"".join(file.read_bytes() for file in sorted(one.sources.iterdir()))
        built_of = folder() / f".{one.module}"
        if built_of.exists() and built_of.read_bytes() == pinned and all(map(_is_there, one.programs)):
            continue
        print(f"Building {one.module}", flush=True)
        _compile(one)
        built_of.write_bytes(pinned)
    return folder()


def sources(one: Build, module: str) -> tuple[str, Path]:
    """The version of a module that the build is pinned to, and the folder that Go has it in."""
    words = ["go", "mod", "download", "-json", module]
    done = subprocess.run(words, cwd=one.sources, capture_output=True, text=True, check=False)  # noqa: S603 - Go's
    if done.returncode != 0:
        raise Missing(f"Go has no sources of {module}: {(done.stdout + done.stderr)[-2000:]}")
    told = json.loads(done.stdout)
    return told["Version"], Path(told["Dir"])


def _is_there(program: str) -> bool:
    return (folder() / program).exists()


def _compile(one: Build) -> None:
    go = shutil.which("go")
    if go is None:
        raise Missing("The programs of a cluster are built from source: install Go 1.26 or newer, then repeat.")
    stamps = " ".join(f"-X {package}.{name}={value}" for package in one.stamped for name, value in _STAMP.items())
    what = "." if (one.sources / "main.go").exists() else "tool"
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "auto",
        "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath -p=2",
    }
    # Nobody debugs them: what the linker would leave out again takes a fifth of the compiler's time.
    flags = ["-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {stamps}".strip()]
    command = ["nice", go, "build", *one.flags, *flags, "-o", f"{folder()}/", what]
    done = subprocess.run(  # noqa: S603 - pinned by go.sum
        command, cwd=one.sources, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Missing(f"Building {one.module} failed:\n{done.stderr[-4000:]}")
    for made, called in one.renamed.items():
        (folder() / made).rename(folder() / called)
