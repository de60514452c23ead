"""The columns beside a stored record, from which the next leader takes which ballots and markers the log has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from evote_eventlog.envelope import decode
from evote_eventlog.errors import PoisonError
from evote_tlog.merkle import leaf_hash

from ..domain import Label, Skip, label_of

BLOCK_RECORDS: Final = 128
"""How many records share a hash in the memory: those of one partition whose offset, divided by it, is the same."""

Block = tuple[str, int, int]
"""Topic, partition, and the offsets divided by :data:`BLOCK_RECORDS`."""


@dataclass(frozen=True)
class LabelledRecord:
    """A stored record, and what stands beside it."""

    offset: int
    value: bytes
    label: Label

    @cached_property
    def leaf(self) -> bytes:
        """The record's leaf hash."""
        return leaf_hash(self.value)

    @property
    def said(self) -> bytes:
        """SHA-256 of the record's bytes and of all that its row says of them."""
        digest = None if self.label.ballot_digest is None else self.label.ballot_digest.hex()
        row = [self.offset, self.leaf.hex(), *self.label._replace(ballot_digest=None), digest]
        return hashlib.sha256(json.dumps(row).encode()).digest()


class Labels:
    """Checks labels, each of them once: what a record is follows from its bytes, and those from its leaf hash.

    Whoever takes the label from a ballot makes the next leader admit a copy of it, behind a newer ballot
    of the same voter.

    Of each block the rows that were right are remembered by one hash over them, up to the first that was wrong: a row
    that is changed, taken away or put in has the block's rows judged again, one by one.
    """

    def __init__(self) -> None:
        self._right: dict[Block, tuple[int, bytes]] = {}
        """How many rows of a block, from its beginning, are right, and the hash over them."""

    def wrong(self, block: Block, records: Sequence[LabelledRecord]) -> list[int]:
        """The offsets of a block's records whose labels don't follow from them; their own offsets ascend."""
        said = [record.said for record in records]
        known, over_known = self._right.get(block, (0, b""))
        if _over(said[:known]) != over_known:
            known = 0
        unknown = range(known, len(records))
        wrong = [at for at in unknown if _label_of(records[at].value, block[1]) != records[at].label]
        right = wrong[0] if wrong else len(records)
        self._right[block] = right, _over(said[:right])
        return [records[at].offset for at in wrong]


def _over(said: Sequence[bytes]) -> bytes:
    return hashlib.sha256(b"".join(said)).digest()


def _label_of(value: bytes, partition: int) -> Label | None:
    """The label that the projection gives to a record; None: it stores no such record."""
    try:
        label = label_of(decode(value).data, partition)
    except PoisonError:
        return None
    return None if isinstance(label, Skip) else label
