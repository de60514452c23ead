"""What builds and installs the platform is named exactly, and the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_images_are_built_with_the_uv_that_make_install_installs() -> None:
    installed = re.search(r"^UV_VERSION=(\d+\.\d+\.\d+)$", (ROOT / "deploy/local/install.sh").read_text(), re.M)
    assert installed is not None
    recipes = sorted(ROOT.glob("*/*/Containerfile"))
    assert len(recipes) >= 5
    for recipe in recipes:
        assert re.findall(r"\buv==(\S+)", recipe.read_text()) == [installed[1]], recipe
