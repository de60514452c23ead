"""An officer's act."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Act:
    """Who decides, and why; it goes into the sealed evidence."""

    officer: str = field(repr=False)
    """The names of all who signed."""
    reason: str = field(repr=False)
    command: SignedCommand = field(repr=False)


@dataclass(frozen=True)
class SignedCommand:
    """What the officers signed for the act."""

    nonce: str
    sha256: str
    """Of what all of them signed alike (hexadecimal): the same however often it is sent."""
    statements: tuple[str, ...]
    """The exact texts."""
    body: str | None
    """The exact body of the request; None of a roll, which is no evidence: its SHA-256 is in the statements."""
