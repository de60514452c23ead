"""Opening signed notes again and again, verifying what the log's key signed only once."""

from __future__ import annotations

import hashlib

from evote_tlog.checkpoint import Checkpoint, VerifierKey, open_checkpoint, parse_checkpoint, parse_note
from evote_tlog.errors import TlogError

from .columns import ByNumber, Hashes


class Notes:
    """The log's notes that were verified before: a pass reads the same ones as the pass before it.

    By the size that each is of, SHA-256 of what the key signed and of its signatures: other signers' lines on the same
    checkpoint change nothing in that.
    """

    def __init__(self, key: VerifierKey) -> None:
        """``key`` is the log's own."""
        self.key = key
        self._verified = ByNumber(Hashes())

    def open(self, note: str) -> Checkpoint | None:
        """What the log's key signed; None: this is no checkpoint that it signed."""
        try:
            parsed = parse_note(note)
            stated = parse_checkpoint(parsed)
            own = [given.line for given in parsed.of(self.key.name, self.key.key_id)]
            # No line of a checkpoint is empty, so that what is signed ends at the first that is.
            digest = hashlib.sha256("\n".join([parsed.text, *own]).encode()).digest()
            if self._verified.get(stated.size) == digest:
                return stated
            checkpoint = open_checkpoint(note, self.key)
        except TlogError:
            return None
        self._verified.put(checkpoint.size, digest)
        return checkpoint
