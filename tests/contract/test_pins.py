"""What builds and installs the platform is named exactly, and the same everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from evote_belenios import native
from evote_images.build import labels_of
from evote_images.parts import PARTS

ROOT = Path(__file__).parents[2]
_CORE = ROOT / "libs/belenios-core"
_RUST = "docker.io/library/rust@sha256:${RUST_SHA256}"
_TOOLS = ROOT / "clients/Containerfile"
_TOLD = ["ARG VERSION", "ARG REVISION"]
_TITLE = "org.opencontainers.image.title"
_ARGUMENTS = {
    ROOT / "web/Containerfile": ("node", "nginx"),
    ROOT / "deploy/monitoring/collector/Containerfile": ("go", "debian"),
}
_OTHERS = {
    recipe: [f"docker.io/library/{name.replace('go', 'golang')}@sha256:${{{name.upper()}_SHA256}}" for name in names]
    for recipe, names in _ARGUMENTS.items()
}
"""The images that stand on others than Python's, and on what."""
_RULES = tomllib.loads((_CORE / "deny.toml").read_text())


def test_every_file_that_pins_is_told_of() -> None:
    """An operator reads there what an audit has to look at."""
    table = (ROOT / "docs/runbooks/supply.md").read_text().split("## ", 1)[0]
    pins = subprocess.run(
        ["git", "ls-files", "*go.sum", "*package-lock.json", "*Cargo.lock", "*uv.lock", "*requirements.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert len(pins) > 15
    named = set(re.findall(r"`([\w./-]+)`", table))
    for pin in map(Path, pins):
        assert {str(pin), *map(str, pin.parents)} & named, f"the table of pins doesn't name {pin}"


def test_images_are_built_with_the_uv_that_make_install_installs() -> None:
    installed = re.search(r"^UV_VERSION=(\d+\.\d+\.\d+)$", (ROOT / "deploy/local/install.sh").read_text(), re.M)
    assert installed is not None
    for recipe in _recipes():
        assert re.findall(r"\buv==(\S+)", recipe.read_text()) == [installed[1]], recipe


def test_images_are_built_on_what_a_digest_names_and_on_nothing_by_default() -> None:
    for recipe in _recipes():
        lines = [line for line in recipe.read_text().splitlines() if not line.startswith("#")]
        # Before the first stage and without a value: only the one who builds gives it, once for all stages.
        arguments = ["ARG PYTHON_SHA256", *(["ARG RUST_SHA256"] if recipe in _recipes_with_core() else [])]
        assert lines[: len(arguments)] == arguments, recipe
        # What an image says of itself is told to its last stage, and chooses nothing.
        assert [line for line in lines[len(arguments) :] if line.startswith("ARG")] == _TOLD, recipe
        bases = [line.split()[1] for line in lines if line.startswith("FROM")]
        rust = [_RUST for argument in arguments if "RUST" in argument]
        assert bases == [*rust, *["docker.io/library/python@sha256:${PYTHON_SHA256}"] * 2], recipe


def test_the_collectors_and_the_fronts_images_are_built_on_what_a_digest_names_too() -> None:
    for recipe, bases in _OTHERS.items():
        lines = [line for line in recipe.read_text().splitlines() if not line.startswith("#")]
        assert lines[:2] == [f"ARG {name.upper()}_SHA256" for name in _ARGUMENTS[recipe]], recipe
        assert [line.split()[1] for line in lines if line.startswith("FROM")] == bases, recipe


def test_every_part_has_a_recipe_that_starts_it_and_labels_it_as_make_images_does() -> None:
    found = set[str]()
    for recipe in (*_recipes(), *_OTHERS):
        text = recipe.read_text()
        (label,) = re.findall(r"^LABEL ((?:.*\\\n)*.*)$", text, re.M)
        said = dict(pair.split("=", 1) for pair in label.replace("\\\n", " ").split())
        names = ["resident", "board", "city"] if "${FRONT}" in label else [said[_TITLE].removeprefix("evote-")]
        for name in names:
            told = {key: value.replace("${FRONT}", name).replace("${VERSION}", "0.1.0") for key, value in said.items()}
            assert told == labels_of(name, "${REVISION}"), recipe
            assert "USER 65532:65532" in text.splitlines(), recipe
            for program in PARTS[name].programs:
                assert f"--package {program} " in text, recipe
            start = PARTS[name].start
            if "${FRONT}" not in label:  # nginx's image starts nginx
                entry = [Path(word).name for word in start.entrypoint[:1]]
                assert [Path(word).name for word in json.loads(_after("ENTRYPOINT", text) or "[]")] == entry, recipe
                command = [word.removeprefix("/app/bin/") for word in start.command]
                assert json.loads(_after("CMD", text) or "[]") == command, recipe
        found |= set(names)
    assert found == set(PARTS)


def _after(word: str, text: str) -> str | None:
    match = re.search(rf"^{word} (.*)$", text, re.M)
    return match and match[1]


def test_images_of_services_that_read_ballots_hold_the_compiled_core_of_what_is_locked() -> None:
    reading = {ROOT / f"services/{name}/Containerfile" for name in ("auth", "ballot", "ledger-anchor", "tally")}
    assert reading == {recipe for recipe in _services() if '"evote-belenios"' in _declared_by(recipe)}
    reading.add(_TOOLS)
    assert set(_recipes_with_core()) == reading
    for recipe in reading:
        assert "cargo build --release --locked --features python" in recipe.read_text()


def test_the_core_is_compiled_the_same_way_everywhere_and_its_version_is_the_librarys() -> None:
    assert "cargo build --release --locked --quiet --features python" in (ROOT / "deploy/local/install.sh").read_text()
    manifest = tomllib.loads((_CORE / "Cargo.toml").read_text())
    assert manifest["package"]["version"] == native.VERSION
    locked = tomllib.loads((_CORE / "Cargo.lock").read_text())["package"]
    strangers = [package for package in locked if package["name"] != manifest["package"]["name"]]
    assert len(strangers) > 5
    for package in strangers:
        assert package["source"] == "registry+https://github.com/rust-lang/crates.io-index", package
        assert re.fullmatch("[0-9a-f]{64}", package["checksum"]), package


@pytest.mark.parametrize(("ci", "status", "said"), [("true", 1, "1 error"), ("", 0, "1 skipped")])
def test_in_ci_what_is_tested_with_the_core_fails_without_it(ci: str, status: int, said: str) -> None:
    """It would pass by the reference alone."""
    test = "libs/belenios/tests/test_native.py::test_the_core_takes_what_holds_by_itself_and_each_rule_is_reached"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", test],
        cwd=ROOT,
        env={**os.environ, "CI": ci, native.SWITCH: "off"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout
    assert "no compiled core of this version: make install says why" in done.stdout


def test_no_unsafe_code_is_ours() -> None:
    assert "#![forbid(unsafe_code)]" in (_CORE / "src/lib.rs").read_text()
    # `forbid` can't be lifted inside the crate; a program beside it would be a crate of its own.
    sources = sorted(path for path in _CORE.rglob("*.rs") if "target" not in path.parts)
    assert not [path for path in sources if re.search(r"\bunsafe\s*(\{|fn|impl|extern)", path.read_text())]


def test_every_crate_is_under_a_licence_that_the_city_may_use_and_ship(left_out: Callable[[str], NoReturn]) -> None:
    if shutil.which("cargo") is None:
        left_out("there is no cargo to read the crates' manifests with")
    command = ["cargo", "metadata", "--locked", "--offline", "--format-version", "1", "--all-features"]
    # cargo hangs under libfaketime, and licences know no date.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    read = subprocess.run(
        [*command, "--filter-platform", "x86_64-unknown-linux-gnu"],
        cwd=_CORE,
        env=environment,
        capture_output=True,
        text=True,
    )
    if read.returncode:
        left_out(f"the crates are not here: {read.stderr.strip()[-200:]}")
    packages = json.loads(read.stdout)["packages"]
    assert len(packages) > 5
    for package in packages:
        # Of "A OR B" one is enough, of "A AND B" both are needed.
        needed = re.split(r" AND ", (package["license"] or "").replace("/", " OR "))
        for choice in needed:
            assert set(_RULES["licenses"]["allow"]) & set(re.split(r" OR ", choice.strip("()"))), package["id"]


def test_of_each_crate_one_version_is_compiled_and_all_come_from_one_registry() -> None:
    """What `cargo deny` says where it is installed (`make audit`): deny.toml is the rule of both."""
    assert _RULES["bans"] == {"multiple-versions": "deny", "wildcards": "deny", "skip": ["syn"]}
    locked = tomllib.loads((_CORE / "Cargo.lock").read_text())["package"]
    names = [package["name"] for package in locked]
    assert {name for name in names if names.count(name) > 1} <= set(_RULES["bans"]["skip"])
    assert [_RULES["sources"][name] for name in ("unknown-registry", "unknown-git")] == ["deny", "deny"]
    sources = {package["source"].removeprefix("registry+") for package in locked if "source" in package}
    assert sources == set(_RULES["sources"]["allow-registry"])
    declared = tomllib.loads((_CORE / "Cargo.toml").read_text())["dependencies"].values()
    versions = [one if isinstance(one, str) else one["version"] for one in declared]
    assert not [version for version in versions if "*" in version]


def _recipes_with_core() -> list[Path]:
    return [recipe for recipe in _recipes() if _RUST in recipe.read_text()]


def _declared_by(recipe: Path) -> str:
    return (recipe.parent / "pyproject.toml").read_text()


def _services() -> list[Path]:
    recipes = sorted(ROOT.glob("services/*/Containerfile"))
    assert len(recipes) >= 5
    return recipes


def _recipes() -> list[Path]:
    """Of the images with programs in Python."""
    return [*_services(), _TOOLS]
