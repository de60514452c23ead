"""What can be wrong with a proof, a tile or a checkpoint, with the facts in fields."""

from __future__ import annotations

from collections.abc import Collection


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


class MalformedPolicy(TlogError):
    """A text is not a C2SP tlog-policy. Field: ``line``, counted from 1; 0: the text as a whole."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line


class QuorumMissed(TlogError):
    """Too few witnesses cosigned a checkpoint. Fields: ``cosigned`` and ``missing``, by their names in the policy."""

    def __init__(self, quorum: str, cosigned: Collection[str], missing: Collection[str]) -> None:
        super().__init__(
            f"the quorum {quorum!r} is not reached: cosigned by {', '.join(cosigned) or 'nobody'},"
            f" not by {', '.join(missing)}"
        )
        self.cosigned = tuple(cosigned)
        self.missing = tuple(missing)


class MalformedProof(TlogError):
    """A text is not a C2SP tlog-proof."""


class RefusedCheckpoint(TlogError):
    """A witness does not cosign a checkpoint; the subclasses say why (C2SP tlog-witness, "add-checkpoint")."""


class MalformedRequest(RefusedCheckpoint):
    """The body is no add-checkpoint request, or its old size is larger than its checkpoint."""


class UnknownLog(RefusedCheckpoint):
    """The witness does not watch the log of this origin."""


class UntrustedCheckpoint(RefusedCheckpoint):
    """No signature of a key that the witness trusts for the origin, or one that does not hold."""


class SizeConflict(RefusedCheckpoint):
    """The request starts from another size than the witness cosigned last. Field: ``size``, the witness's."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the last cosigned checkpoint has size {size}")
        self.size = size


class InconsistentCheckpoint(RefusedCheckpoint):
    """The checkpoint is not shown to continue the one that was cosigned last."""


class ForkedCheckpoint(InconsistentCheckpoint):
    """The log signed two roots for one size: with the note cosigned before, this is proof of misbehaviour."""
