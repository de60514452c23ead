"""Texts of others on an officer's or a trustee's terminal: no control characters, and no markup of its library."""

from __future__ import annotations

from evote_tlog.display import visible
from rich.markup import escape


def shown(text: object) -> str:
    """On one line, for a printed text that may hold markup of ours."""
    return escape(visible(str(text)))
