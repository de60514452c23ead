"""Where what is downloaded stays."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """``$XDG_CACHE_HOME/tsukuba-evote``, else ``~/.cache/tsukuba-evote``: and for what a user's processes share."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tsukuba-evote"
