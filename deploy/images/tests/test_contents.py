"""An image's list of contents names what no package manager's own list has."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from evote_biometric.engine.weights import WEIGHTS
from evote_images import parts
from evote_images.parts import PARTS, ROOT, components

CRATES = tomllib.loads((ROOT / "libs/belenios-core/Cargo.lock").read_text("utf-8"))["package"]


@pytest.mark.parametrize("name", ["ballot", "tally", "tools"])
def test_the_crates_of_the_core_are_in_whatever_has_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_CORE", ROOT / "uv.lock")
    found = {component["purl"]: component for component in components(PARTS[name]) if "purl" in component}
    for crate in CRATES:
        component = found[f"pkg:cargo/{crate['name']}@{crate['version']}"]
        hashes = [one["content"] for one in component.get("hashes", [])]
        assert hashes == ([crate["checksum"]] if "checksum" in crate else [])
    assert "curve25519-dalek" in {crate["name"] for crate in CRATES}


def test_where_no_core_was_compiled_or_none_is_used_there_are_no_crates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_CORE", ROOT / "uv.lock")
    assert not [one for one in components(PARTS["biometric"]) if one.get("purl", "").startswith("pkg:cargo/")]
    monkeypatch.setattr(parts, "_CORE", ROOT / "missing")
    assert not [one for one in components(PARTS["ballot"]) if one.get("purl", "").startswith("pkg:cargo/")]


def test_the_models_of_faces_are_told_by_the_sums_that_the_service_holds_them_to() -> None:
    models = [one for one in components(PARTS["biometric"]) if one["type"] == "machine-learning-model"]
    told = {one["name"]: one["hashes"] for one in models}
    assert told == {weight.name: [{"alg": "SHA-256", "content": weight.sha256}] for weight in WEIGHTS}


def bring(folder: Path, contested: str) -> None:
    """Let two packages bring a file, each another one, and another alike."""
    for package, digest in {"hexbytes": "a", "eth_abi": "b"}.items():
        record = folder / f"{package}-1.dist-info/RECORD"
        record.parent.mkdir()
        record.write_text(f"{contested},sha256={digest},1\nnamespace/__init__.py,sha256=same,0\n{record.name},,\n")


def test_what_two_packages_bring_differently_is_in_no_image(tmp_path: Path) -> None:
    bring(tmp_path, "docs/index.rst")
    for name in ("docs/index.rst", "namespace/__init__.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    parts.drop_contested(tmp_path)
    assert not (tmp_path / "docs/index.rst").exists()
    assert (tmp_path / "namespace/__init__.py").exists()


def test_of_code_that_two_packages_bring_differently_no_image_is_made(tmp_path: Path) -> None:
    bring(tmp_path, "namespace/code.py")
    with pytest.raises(parts.BuildFailed, match="several bring"):
        parts.drop_contested(tmp_path)
