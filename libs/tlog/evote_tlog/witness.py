"""C2SP tlog-witness, ``add-checkpoint``: the request, and what a witness that remembers one checkpoint answers.

Pure: a witness program reads its state, calls :func:`advance` and stores the new state in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from .checkpoint import MAX_NOTE_BYTES, Checkpoint, Note, VerifierKey, parse_checkpoint, parse_note
from .errors import (
    ForkedCheckpoint,
    InconsistentCheckpoint,
    MalformedNote,
    MalformedRequest,
    ProofError,
    SignatureError,
    SizeConflict,
    UnknownLog,
    UntrustedCheckpoint,
)
from .merkle import EMPTY_ROOT, HASH_BYTES
from .proof import verify_consistency
from .text import decode_base64, encode_base64, parse_decimal

MAX_PROOF_LINES: Final = 63
MAX_REQUEST_BYTES: Final = MAX_NOTE_BYTES + 4096
"""A note, 63 hashes of 45 bytes and the line with the old size."""


@dataclass(frozen=True)
class AddCheckpoint:
    """A request to cosign ``note``, whose tree begins with the tree of ``old_size``."""

    old_size: int
    proof: tuple[bytes, ...]
    """The consistency proof (RFC 9162, section 2.1.4)."""
    note: str


@dataclass(frozen=True)
class LogHead:
    """The last checkpoint of a log that a witness cosigned."""

    size: int
    root: bytes


NOTHING_SEEN: Final = LogHead(0, EMPTY_ROOT)
"""Where a witness begins with a log: every tree continues the empty one."""


def format_add_checkpoint(request: AddCheckpoint) -> bytes:
    """The body of the request."""
    lines = [f"old {request.old_size}", *(encode_base64(given) for given in request.proof)]
    return ("\n".join(lines) + f"\n\n{request.note}").encode()


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """The inverse of :func:`format_add_checkpoint`; the note's form is checked too.

    Raises:
        MalformedRequest: it is none.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise MalformedRequest(f"a request of more than {MAX_REQUEST_BYTES} bytes")
    try:
        head, separator, note = body.decode().partition("\n\n")
        old, *lines = head.split("\n")
        if not separator or not old.startswith("old "):
            raise MalformedRequest("a request has a line 'old <size>', and an empty line before its checkpoint")
        if len(lines) > MAX_PROOF_LINES:
            raise MalformedRequest(f"more than {MAX_PROOF_LINES} lines of proof")
        proof = tuple(decode_base64(line) for line in lines)
        if any(len(given) != HASH_BYTES for given in proof):
            raise MalformedRequest("a hash that is not 32 bytes long")
        parse_checkpoint(parse_note(note))
        return AddCheckpoint(parse_decimal(old.removeprefix("old ")), proof, note)
    except UnicodeError as error:
        raise MalformedRequest("a request is UTF-8") from error
    except MalformedNote as error:
        raise MalformedRequest(error.reason) from error


def identify(note: Note, logs: Mapping[str, Collection[VerifierKey]]) -> Checkpoint:
    """The checkpoint in a note, once a key that is trusted for its origin has signed it.

    Args:
        logs: the keys of each log, by its origin: more than one while a log changes its key.

    Raises:
        MalformedNote: the note's text is no checkpoint.
        UnknownLog: no key is trusted for the origin.
        UntrustedCheckpoint: none of the keys signed, or a signature of one of them does not hold.
    """
    checkpoint = parse_checkpoint(note)
    keys = logs.get(checkpoint.origin)
    if not keys:
        raise UnknownLog(f"the log {checkpoint.origin} is not watched here")
    signed = [key for key in keys if note.of(key.name, key.key_id)]
    if not signed:
        raise UntrustedCheckpoint("no signature of a key of this log")
    try:
        for key in signed:
            key.verify(note)
    except SignatureError as error:
        raise UntrustedCheckpoint(error.reason) from error
    return checkpoint


def advance(last: LogHead, request: AddCheckpoint, checkpoint: Checkpoint) -> LogHead:
    """What a witness remembers from now on, if it may cosign; in the order of tlog-witness, "add-checkpoint".

    Args:
        last: what it cosigned last for this log, :data:`NOTHING_SEEN` before the first time. Nobody else
            may change it until the result is stored.
        checkpoint: the request's own, from :func:`identify`.

    Raises:
        MalformedRequest: the old size is larger than the checkpoint's.
        SizeConflict: the request does not start from ``last``.
        ForkedCheckpoint: another root for the size of ``last``.
        InconsistentCheckpoint: the proof does not lead from ``last`` to the checkpoint.
    """
    if request.old_size > checkpoint.size:  # "The old size MUST be equal to or lower than"
        raise MalformedRequest("the old size is larger than the checkpoint's")
    if request.old_size != last.size:  # "MUST check that the old size matches"
        raise SizeConflict(last.size)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:  # "A checkpoint of size zero"
        raise InconsistentCheckpoint("a log without entries has the root of the empty tree")
    if checkpoint.size == last.size and checkpoint.root != last.root:  # "the root hashes are also identical"
        raise ForkedCheckpoint(f"another root for size {last.size}")
    try:  # "a Merkle Consistency Proof from the old size to the checkpoint size"
        verify_consistency(last.size, checkpoint.size, request.proof, last.root, checkpoint.root)
    except ProofError as error:
        raise InconsistentCheckpoint(error.reason) from error
    return LogHead(checkpoint.size, checkpoint.root)
