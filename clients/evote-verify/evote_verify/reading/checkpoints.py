"""Signed checkpoints: the only word of the log that is taken for what it says, and only as its key's."""

from __future__ import annotations

from dataclasses import dataclass

from evote_tlog.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from evote_tlog.errors import MalformedNote, SignatureError

from ..findings import Unusable
from .sources import CHECKPOINT, WITNESSED, LogSource, NotServed


class LogBroken(Exception):
    """The log is not what it signed. Field: ``reason``, which names the place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class SignedHead:
    """A checkpoint whose signature holds, with the note that bears it."""

    checkpoint: Checkpoint
    note: bytes


def signed_head(note: bytes, key: VerifierKey, where: str) -> SignedHead:
    """Open a checkpoint.

    Raises:
        Unusable: it is no signed note.
        LogBroken: the key did not sign it.
    """
    try:
        return SignedHead(open_checkpoint(note, key), note)
    except SignatureError as error:
        raise LogBroken(f"{where} is not signed by the log's key ({error})") from error
    except MalformedNote as error:
        raise Unusable(f"{where} is not a checkpoint: {error.reason}") from error


def newest_head(source: LogSource, key: VerifierKey) -> SignedHead:
    """The checkpoint that the log gives now; raises as :func:`signed_head`, and ``SourceUnavailable``."""
    try:
        note = source.read(CHECKPOINT)
    except NotServed:
        raise Unusable(f"{source.place} has no checkpoint: it is not a log, or an empty one") from None
    return signed_head(note, key, f"the checkpoint of {source.place}")


def witnessed_head(source: LogSource, key: VerifierKey) -> SignedHead | None:
    """The newest checkpoint that witnesses cosigned, if the log gives one; raises as :func:`newest_head`."""
    try:
        note = source.read(WITNESSED)
    except NotServed:
        return None
    return signed_head(note, key, "the cosigned checkpoint")
