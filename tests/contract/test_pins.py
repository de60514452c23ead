"""What builds and installs the platform is named exactly, and the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_images_are_built_with_the_uv_that_make_install_installs() -> None:
    installed = re.search(r"^UV_VERSION=(\d+\.\d+\.\d+)$", (ROOT / "deploy/local/install.sh").read_text(), re.M)
    assert installed is not None
    for recipe in _recipes():
        assert re.findall(r"\buv==(\S+)", recipe.read_text()) == [installed[1]], recipe


def test_images_are_built_on_what_a_digest_names_and_on_nothing_by_default() -> None:
    for recipe in _recipes():
        lines = [line for line in recipe.read_text().splitlines() if not line.startswith("#")]
        # Before the first stage and without a value: only the one who builds gives it, once for all stages.
        assert lines[0] == "ARG PYTHON_SHA256", recipe
        assert not [line for line in lines[1:] if line.startswith("ARG")], recipe
        bases = [line.split()[1] for line in lines if line.startswith("FROM")]
        assert bases == ["docker.io/library/python@sha256:${PYTHON_SHA256}"] * 2, recipe


def _recipes() -> list[Path]:
    recipes = sorted(ROOT.glob("*/*/Containerfile"))
    assert len(recipes) >= 5
    return recipes
