"""An officer's act."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Act:
    """Who decides, and why; it goes into the sealed evidence."""

    officer: str = field(repr=False)
    reason: str = field(repr=False)
