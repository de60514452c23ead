"""What each image holds: a service in its own environment, a front's files, programs of operators or the Collector."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .oci import Start

ROOT: Final = Path(__file__).parents[3]
VERSION: Final = "0.1.0"
_UV: Final = str(ROOT / ".tools/bin/uv")
_PYTHON: Final = "/usr/bin/python3"
"""Debian 12's own, here as in the image: an environment is of one Python."""
_CORE: Final = ROOT / ".cache/belenios-core/release/libevote_belenios_core.so"
_WEIGHTS: Final = ROOT / ".cache/weights"
_MANUALS: Final = ("docs/", "../")
"""Where packages leave what nobody imports, as their lists name it."""
COLLECTOR: Final = "evote-collector"
COLLECTOR_CONFIG: Final = "/etc/evote-collector/otelcol.yaml"
_NGINX: Final = """\
# Of an image whose root nobody writes: all that nginx writes is in /run and /tmp.
worker_processes auto;
pid /run/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  include /etc/nginx/conf.d/default.conf;
}
"""


class BuildFailed(Exception):
    """A program that builds ended badly. Fields: ``program``, ``said``."""

    def __init__(self, program: str, said: str) -> None:
        super().__init__(f"{program} failed:\n{said[-4000:]}")
        self.program, self.said = program, said


@dataclass(frozen=True)
class Part:
    """One image."""

    name: str
    value: str
    """Under which the chart's values have it; empty: the chart doesn't run it."""
    packages: tuple[str, ...]
    """Debian's, beside what is essential."""
    start: Start
    programs: tuple[str, ...] = ()
    """Our distributions of the lock file; none: a front's files, or the Collector."""


_PYTHON_PACKAGES: Final = ("ca-certificates", "libstdc++6", "python3")
_SERVICES: Final = ("auth", "biometric", "ballot", "ledger-anchor", "tally")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _service(name: str) -> Part:
    environment = {"EVOTE_HOST": "0.0.0.0", "EVOTE_PORT": "8000", "LANG": "C.UTF-8", "PATH": f"/app/bin:{_PATH}"}  # noqa: S104
    if name == "biometric":
        environment["EVOTE_WEIGHTS_DIR"] = "/weights"
    value = "ledgerAnchor" if name == "ledger-anchor" else name
    start = Start([f"/app/bin/evote-{name}"], ["serve"], environment)
    return Part(name, value, _PYTHON_PACKAGES, start, (f"evote-{name}",))


def _front(name: str) -> Part:
    start = Start(
        ["/usr/sbin/nginx", "-e", "stderr", "-g", "daemon off;"], (), {"PATH": _PATH}, port=8080, stop_signal="SIGQUIT"
    )
    if name == "city":
        # It asks, and may have to by TLS.
        return Part(name, "wall", ("ca-certificates", "nginx-light"), start)
    return Part(name, name, ("nginx-light",), start)


def _tools() -> Part:
    """Of officers, trustees, auditors, of who runs a witness or makes backups; the keys are theirs and in no image."""
    start = Start((), ["/app/bin/evote", "--help"], {"LANG": "C.UTF-8", "PATH": f"/app/bin:{_PATH}"})
    # With PostgreSQL's client programs, by which evote-backup copies vaults.
    packages = (*_PYTHON_PACKAGES, "postgresql-client")
    return Part("tools", "", packages, start, ("evote-backup", "evote-cli", "evote-verify", "evote-witness"))


def _collector() -> Part:
    """Of who runs the stores of traces, beside the release (docs/runbooks/traces.md)."""
    start = Start([f"/app/bin/{COLLECTOR}"], ["--config", COLLECTOR_CONFIG], {"PATH": _PATH}, port=4318)
    return Part("collector", "", ("ca-certificates",), start)


PARTS: Final[Mapping[str, Part]] = {
    part.name: part
    for part in (
        *map(_service, _SERVICES),
        *(_tools(), _front("resident"), _front("board"), _front("city"), _collector()),
    )
}


def fill(part: Part, stage: Path) -> Mapping[str, Path]:
    """Put the part's own files below ``stage``; each folder by its place in the image."""
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    if part.programs:
        return _fill_programs(part, stage)
    return _fill_collector(stage) if part.name == "collector" else _fill_front(part, stage)


def _fill_programs(part: Part, stage: Path) -> Mapping[str, Path]:
    app = stage / "app"
    # Its programs find it wherever it is: it is built here and runs at /app.
    run(_UV, "venv", "--quiet", "--relocatable", "--python", _PYTHON, str(app))
    run(
        *(_UV, "sync", "--quiet", *_asked(part), "--no-dev", "--no-editable", "--frozen"),
        *(f"--refresh-package={name}" for name in _own_packages()),
        environment={"UV_PROJECT_ENVIRONMENT": str(app), "UV_PYTHON": _PYTHON, "UV_PYTHON_DOWNLOADS": "never"},
    )
    (packages,) = app.glob("lib/python3.*/site-packages")
    if (packages / "evote_belenios").is_dir() and _CORE.exists():
        shutil.copy(_CORE, packages / "evote_belenios_core.abi3.so")
    for record in (*packages.glob("*.dist-info/direct_url.json"), *packages.glob("*.dist-info/uv_cache.json")):
        # Where and when it was built is nobody's business, and would change the image.
        record.unlink()
    drop_contested(packages)
    for left in (app / ".lock", app / ".gitignore", app / "CACHEDIR.TAG"):
        left.unlink(missing_ok=True)
    # Here, since nobody writes the root that it runs on. Some packages carry templates that are no Python: status 1.
    how = ("-q", "-j", "2", "--invalidation-mode", "unchecked-hash", "-s", str(stage), "-p", "/")
    run(_PYTHON, "-m", "compileall", *how, str(packages), accepted=(0, 1))
    if part.name != "biometric":
        return {"app": app}
    shutil.copytree(_WEIGHTS, stage / "weights")
    return {"app": app, "weights": stage / "weights"}


def drop_contested(packages: Path) -> None:
    """Take out the files that several packages bring, each another one: manuals, below the same name.

    Packages are installed side by side, and which of them came last would be in the image. Raises :class:`BuildFailed`
    where that is no manual.
    """
    brought: dict[str, set[str]] = {}
    for record in packages.glob("*.dist-info/RECORD"):
        for name, sha256, _ in csv.reader(record.read_text("utf-8").splitlines()):
            brought.setdefault(name, set()).add(sha256)
    for name, contents in brought.items():
        if len(contents) > 1:
            if not name.startswith(_MANUALS):
                raise BuildFailed("installing packages", f"several bring {name}, each another one")
            (packages / name).unlink(missing_ok=True)


def _own_packages() -> list[str]:
    """Ours. uv keeps what it built until a pyproject.toml changes: images would get code of days ago."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return sorted(project["tool"]["uv"]["sources"])


def _fill_front(part: Part, stage: Path) -> Mapping[str, Path]:
    site, etc = stage / "site", stage / "etc"
    run("npm", "run", "--prefix", f"web/{part.name}", "--silent", "build")
    shutil.copytree(ROOT / "web" / part.name / "dist", site)
    for place in ("nginx/conf.d", "evote-front"):
        (etc / place).mkdir(parents=True)
    (etc / "nginx/nginx.conf").write_text(_NGINX)
    shutil.copy(ROOT / "web/edge/nginx.conf", etc / "nginx/conf.d/default.conf")
    shutil.copy(ROOT / "web/edge/headers.conf", etc / "evote-front/headers.conf")
    built = run("node", "web/edge/build.mjs", part.name, VERSION)
    (etc / "evote-front/build.conf").write_text(built)
    if part.name == "city":
        reads = run("node", "web/edge/reads.mjs", "web/city/read/reads.json")
        (etc / "evote-front/reads.conf").write_text(reads)
    return {"srv/resident": site, "etc": etc}


def _fill_collector(stage: Path) -> Mapping[str, Path]:
    run("make", "--silent", "collector")
    for place in ("app/bin", "etc/evote-collector"):
        (stage / place).mkdir(parents=True)
    shutil.copy(ROOT / ".tools" / COLLECTOR, stage / "app/bin")
    shutil.copy(ROOT / "deploy/monitoring/collector/otelcol.yaml", stage / COLLECTOR_CONFIG.lstrip("/"))
    return {"app": stage / "app", "etc": stage / "etc"}


def components(part: Part) -> list[Any]:
    """The part's own packages, as CycloneDX has them."""
    if part.name == "collector":
        return list(_go(ROOT / ".tools" / COLLECTOR))
    if not part.programs:
        return list(_npm())
    told = run(
        *(_UV, "export", "--quiet", *_asked(part), "--no-dev", "--frozen"),
        *("--format", "cyclonedx1.5", "--preview-features", "sbom-export"),
    )
    found: list[Any] = json.loads(told)["components"]
    # As _fill_programs has it.
    if _CORE.exists() and any(component["name"] == "evote-belenios" for component in found):
        found += _crates()
    for name, sha256 in models(part).items():
        hashes = [{"alg": "SHA-256", "content": sha256}]
        found.append({"type": "machine-learning-model", "bom-ref": f"model:{name}", "name": name, "hashes": hashes})
    return found


def models(part: Part) -> dict[str, str]:
    """The files of weights in the part's image, each with its SHA-256."""
    files = sorted(path for path in _WEIGHTS.rglob("*") if path.is_file()) if part.name == "biometric" else []
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _crates() -> Iterator[dict[str, Any]]:
    """Of which the core was compiled, as its lock file has them."""
    lock = tomllib.loads((ROOT / "libs/belenios-core/Cargo.lock").read_text("utf-8"))
    for crate in lock["package"]:
        name, version = crate["name"], crate["version"]
        purl = f"pkg:cargo/{name}@{version}"
        component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        # Our own comes from no registry.
        yield component | (
            {"hashes": [{"alg": "SHA-256", "content": crate["checksum"]}]} if "checksum" in crate else {}
        )


def _asked(part: Part) -> list[str]:
    return [f"--package={name}" for name in part.programs]


def _go(program: Path) -> Iterator[Any]:
    """The modules of which a program was linked, as it says itself; Go's own library among them."""
    head, *lines = run("go", "version", "-m", str(program)).splitlines()
    modules = [("std", head.rpartition(": go")[2])]
    modules += [(words[1], words[2]) for words in map(str.split, lines) if words[:1] == ["dep"]]
    for name, version in modules:
        purl = f"pkg:golang/{name}@{version}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _npm() -> Iterator[Any]:
    """What browsers get, of the lock file: what is for building alone stands there as ``dev``."""
    lock = json.loads((ROOT / "web/package-lock.json").read_text("utf-8"))
    for place, package in sorted(lock["packages"].items()):
        name = place.rpartition("node_modules/")[2]
        if place.startswith("node_modules/") and "version" in package and not package.get("dev"):
            version = package["version"]
            purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
            yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def run(*program: str, environment: Mapping[str, str] | None = None, accepted: tuple[int, ...] = (0,)) -> str:
    """What a program prints, run in the project's folder; raises ``BuildFailed``."""
    done = subprocess.run(  # noqa: S603 - programs of this file
        program,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in accepted:
        raise BuildFailed(program[0], done.stderr or done.stdout)
    return done.stdout
