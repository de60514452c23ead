"""The witness: decides about a request, remembers, and only then lets a cosignature leave."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection

from evote_tlog.checkpoint import Checkpoint, Note, VerifierKey, parse_note
from evote_tlog.cosignature import Cosigner
from evote_tlog.display import visible
from evote_tlog.errors import ForkedCheckpoint, InconsistentCheckpoint
from evote_tlog.witness import AddCheckpoint, advance, identify, parse_add_checkpoint

from .silence import Silence
from .state import Turn, WitnessState

_log = logging.getLogger(__name__)


class Witness:
    """Cosigns the checkpoints of some logs."""

    def __init__(
        self,
        cosigner: Cosigner,
        logs: Collection[VerifierKey],
        state: WitnessState,
        time_s: Callable[[], int],
        silence: Silence,
    ) -> None:
        """``time_s``: now, in seconds since 1970. A log may have several keys; a key's name is its log's origin."""
        self._cosigner = cosigner
        self._logs = {key.name: [other for other in logs if other.name == key.name] for key in logs}
        self._origins = {hashlib.sha256(origin.encode()).hexdigest(): origin for origin in self._logs}
        self._state = state
        self._time_s = time_s
        self.silence = silence

    def add_checkpoint(self, body: bytes) -> str:
        """The signature line for a checkpoint that continues the last one.

        Raises:
            RefusedCheckpoint: the subclass says why.
            sqlite3.Error: the state can't be stored now; nothing was cosigned.
        """
        request = parse_add_checkpoint(body)
        note = parse_note(request.note)
        checkpoint = identify(note, self._logs)
        self.silence.heard()
        kept = self._kept(checkpoint.origin, note)
        with self._state.turn(checkpoint.origin) as turn:
            answer = self._answer(turn, request, checkpoint, kept)
        # Here the state is on the disk. A crash before this line loses a cosignature that nobody has seen; the
        # log asks again from the stored size. In the other order a crash would forget what the world has seen.
        if isinstance(answer, ForkedCheckpoint):
            origin, reason = visible(checkpoint.origin), visible(answer.reason)
            _log.error("FORK: %s signed two roots: %s; see `evote-witness evidence`", origin, reason)
            raise answer
        return answer

    def newest(self, origin_hash: str) -> str | None:
        """The last cosigned checkpoint of the log whose origin has this SHA-256, in hexadecimal."""
        origin = self._origins.get(origin_hash)
        return None if origin is None else self._state.note(origin)

    def check(self) -> None:
        """Raises ``sqlite3.Error`` when the state can't be read."""
        self._state.check()

    def _answer(self, turn: Turn, request: AddCheckpoint, checkpoint: Checkpoint, kept: str) -> str | ForkedCheckpoint:
        try:
            head = advance(turn.last(), request, checkpoint)
        except ForkedCheckpoint as forked:  # returned and not raised: the evidence is to be stored
            turn.keep_fork(checkpoint, kept)
            return forked
        except InconsistentCheckpoint as refused:
            # Not proof by itself: whoever has a checkpoint of the log can send it with a false proof.
            _log.warning(
                "refused %s at size %d: %s", visible(checkpoint.origin), checkpoint.size, visible(refused.reason)
            )
            raise
        line = self._cosigner.cosign(parse_note(request.note), self._time_s()).line
        turn.remember(head, kept + line)
        return line

    def _kept(self, origin: str, note: Note) -> str:
        """The note with the signatures of the log's trusted keys only: strangers' lines are not ours to pass on."""
        lines = [given.line for key in self._logs[origin] for given in note.of(key.name, key.key_id)]
        return f"{note.text}\n{''.join(lines)}"
