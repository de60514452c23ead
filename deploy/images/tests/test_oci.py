"""An image is what is in it: no time, owner or order of the machine that built it comes into its digest."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from evote_images import build
from evote_images.check import unpack
from evote_images.oci import Layer, Start, pack_archive, pack_folders, write_image
from evote_images.parts import PARTS


def folder(place: Path, names: list[str]) -> Path:
    for name in names:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (place / "link").symlink_to("bin/run")
    (place / "bin/run").chmod(0o700)
    return place


NAMES = ["bin/run", "lib/a", "lib/b"]


def test_the_same_files_are_the_same_layer_whenever_and_by_whom_they_were_made(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", NAMES)
    other = folder(tmp_path / "other", NAMES[::-1])
    for path in other.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (other / "lib/a").chmod(0o600)
    first = pack_folders({"app": one}, tmp_path / "1")
    second = pack_folders({"app": other}, tmp_path / "2")
    assert (first.digest, first.diff_id, first.size) == (second.digest, second.diff_id, second.size)


@pytest.mark.parametrize("change", ["lib/a", "bin/run"])
def test_another_file_or_mode_is_another_layer(change: str, tmp_path: Path) -> None:
    first = pack_folders({"app": folder(tmp_path / "one", NAMES)}, tmp_path / "1")
    other = folder(tmp_path / "other", NAMES)
    if change == "lib/a":
        (other / change).write_text("another")
    else:
        (other / change).chmod(0o600)
    assert pack_folders({"app": other}, tmp_path / "2").diff_id != first.diff_id


def test_a_root_is_packed_without_devices_and_what_is_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "root.tar"
    with tarfile.open(archive, "w") as root:
        for name in ("./", "./bin", "./bin/sh", "./usr/share/doc/", "./usr/share/doc/x", "./dev/null"):
            member = tarfile.TarInfo(name)
            member.mtime = 5
            if name == "./dev/null":
                member.type = tarfile.CHRTYPE
            elif name.endswith("/") or name == "./bin":
                member.type = tarfile.DIRTYPE
            root.addfile(member)
    layer = pack_archive(archive, tmp_path / "layer", ("usr/share/doc/",))
    with tarfile.open(layer.path) as packed:
        assert packed.getnames() == ["bin", "bin/sh"] or packed.getnames() == ["bin", "bin/sh", "usr/share/doc"]


def test_a_root_is_packed_once_and_anew_when_it_is_packed_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root-1.tar"
    with tarfile.open(root, "w") as archive:
        for name in ("./bin", "./usr/share/doc"):
            archive.addfile(tarfile.TarInfo(f"{name}/x"))
    first = build.pack_root(root)
    assert first.digest == f"sha256:{hashlib.sha256(first.path.read_bytes()).hexdigest()}"
    packed: list[Path] = []

    def pack(archive: Path, into: Path, without: Sequence[str]) -> Layer:
        packed.append(archive)
        return pack_archive(archive, into, without)

    monkeypatch.setattr(build, "pack_archive", pack)
    assert build.pack_root(root) == first
    assert not packed, "it is there"
    monkeypatch.setattr(build, "LEFT_OUT", ())
    assert build.pack_root(root).digest != first.digest
    assert packed == [root]


def test_an_image_names_what_it_holds_by_digest_and_starts_as_nobody(tmp_path: Path) -> None:
    layers = [pack_folders({name: folder(tmp_path / name, NAMES)}, tmp_path / f"{name}.gz") for name in ("app", "more")]
    start = Start(["/app/bin/run"], ["serve"], {"PATH": "/app/bin"})
    digest = write_image(tmp_path / "image.tar", "evote.local/x:1", layers, start, {"b": "2", "a": "1"})
    again = write_image(tmp_path / "again.tar", "evote.local/x:1", layers, start, {"a": "1", "b": "2"})
    assert again == digest
    assert (tmp_path / "image.tar").read_bytes() == (tmp_path / "again.tar").read_bytes()
    with tarfile.open(tmp_path / "image.tar") as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    for name, content in files.items():
        if name.startswith("blobs/sha256/"):
            assert hashlib.sha256(content).hexdigest() == name.removeprefix("blobs/sha256/")
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["digest"] == digest
    manifest: dict[str, Any] = json.loads(files[f"blobs/sha256/{digest.removeprefix('sha256:')}"])
    config = json.loads(files[f"blobs/sha256/{manifest['config']['digest'].removeprefix('sha256:')}"])
    assert config["config"]["User"] == "65532:65532"
    unpacked = [
        hashlib.sha256(gzip.decompress(files[f"blobs/sha256/{layer['digest'].removeprefix('sha256:')}"])).hexdigest()
        for layer in manifest["layers"]
    ]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{one}" for one in unpacked]


def test_every_image_of_the_chart_is_a_part_that_starts_as_its_containerfile_says() -> None:
    root = Path(__file__).parents[3]
    services = {"auth", "biometric", "ballot", "ledger-anchor", "tally"}
    assert set(PARTS) == services | {"tools", "resident", "board", "city", "collector"}
    for name in services:
        part = PARTS[name]
        recipe = (root / "services" / name / "Containerfile").read_text()
        assert f'ENTRYPOINT ["evote-{name}"]' in recipe
        assert part.start.entrypoint == [f"/app/bin/evote-{name}"]
        told = dict(
            pair.split("=", 1)
            for line in recipe.splitlines()
            if line.startswith("ENV PATH=")
            for pair in line.split()[1:]
        )
        assert told.keys() <= part.start.environment.keys()
        assert all(part.start.environment[key] == value for key, value in told.items() if key != "PATH")


def test_an_image_is_unpacked_as_an_engine_would_lay_its_layers(tmp_path: Path) -> None:
    folder(tmp_path / "app", NAMES)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/out").symlink_to("/usr/bin/run")
    (tmp_path / "later").mkdir()
    (tmp_path / "later/a").write_text("later")
    layers = [
        pack_folders({"app": tmp_path / "app", "etc": tmp_path / "etc"}, tmp_path / "1"),
        pack_folders({"app/lib": tmp_path / "later"}, tmp_path / "2"),
    ]
    write_image(tmp_path / "x.tar", "r.example/x:1", layers, Start(["/app/bin/run"]), {})
    root = tmp_path / "root"
    root.mkdir()
    unpack(tmp_path / "x.tar", root)
    assert ((root / "app/lib/a").read_text(), (root / "app/lib/b").read_text()) == ("later", "lib/b")
    assert (root / "app/bin/run").stat().st_mode & 0o777 == 0o755
    assert (root / "etc/out").readlink() == Path("/usr/bin/run")
