"""Opening signed notes again and again, verifying each only once."""

from __future__ import annotations

import hashlib

from evote_tlog.checkpoint import Checkpoint, VerifierKey, open_checkpoint, parse_checkpoint, parse_note
from evote_tlog.errors import TlogError


class Notes:
    """The log's notes that were verified before: a pass reads the same ones as the pass before it."""

    def __init__(self, key: VerifierKey) -> None:
        """``key`` is the log's own."""
        self.key = key
        self._verified: set[bytes] = set()

    def open(self, note: str) -> Checkpoint | None:
        """What the log's key signed; None: this is no checkpoint that it signed."""
        digest = hashlib.sha256(note.encode()).digest()
        if digest in self._verified:
            return parse_checkpoint(parse_note(note))
        try:
            checkpoint = open_checkpoint(note, self.key)
        except TlogError:
            return None
        self._verified.add(digest)
        return checkpoint
