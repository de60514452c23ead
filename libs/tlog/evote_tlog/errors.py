"""What can be wrong with a proof, a tile or a checkpoint, with the facts in fields."""

from __future__ import annotations


class TlogError(Exception):
    """Anything about the log that does not hold. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProofError(TlogError):
    """A proof does not lead to the root that it claims, or can't exist for these sizes."""


class MalformedTile(TlogError):
    """A tile path, a tile or an entry bundle is not what C2SP tlog-tiles describes."""


class MissingTile(TlogError):
    """The source has no such tile, or a shorter one. Field: ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no tile {path}")
        self.path = path


class EntryTooLarge(TlogError):
    """An entry does not fit the 16-bit length of an entry bundle. Fields: ``size`` and ``limit``, bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"an entry of {size} bytes; a bundle takes {limit}")
        self.size = size
        self.limit = limit


class MalformedNote(TlogError):
    """A text is not a signed note, not a checkpoint, or not a verifier key."""


class SignatureError(TlogError):
    """A note lacks a valid signature of the key that is trusted. Field: ``key_name``."""

    def __init__(self, key_name: str, reason: str) -> None:
        super().__init__(f"{key_name}: {reason}")
        self.key_name = key_name
