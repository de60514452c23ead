"""Whether an image is the same when it is built again: the comparison alone, `make images-check TWICE=1` builds."""

from __future__ import annotations

from pathlib import Path

import pytest
from evote_images import check
from evote_images.build import Built
from evote_images.oci import Start, pack_folders, write_image
from evote_images.parts import PARTS, Part


def _write(into: Path, content: str, registry: str = "r.example/evote") -> str:
    app = into / "app"
    app.mkdir(parents=True, exist_ok=True)
    (app / "run").write_text(content)
    layer = pack_folders({"app": app}, into / "layer")
    return write_image(into / "auth.tar", f"{registry}/auth:0.1.0", (layer,), Start(["/app/run"]), {})


@pytest.mark.parametrize("again", ["x", "y"])
def test_a_second_build_has_to_have_the_digest_of_the_first(
    again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _write(tmp_path, "x")
    monkeypatch.setattr(check, "OUT", tmp_path)
    asked: list[tuple[str, str]] = []

    def build(part: Part, registry: str, into: Path) -> Built:
        asked.append((part.name, registry))
        assert into != tmp_path and not list(into.iterdir()), "from nothing"
        return Built(_write(into, again, registry), into / "root.tar")

    monkeypatch.setattr(check, "build", build)
    fault = check.built_twice_fault(PARTS["auth"])
    assert asked == [("auth", "r.example/evote")]
    assert fault is None if again == "x" else fault is not None and f"and was {first}" in fault
