"""The columns beside a stored record, from which the next leader takes which ballots and markers the log has."""

from __future__ import annotations

import hashlib
import json

from evote_eventlog.envelope import decode
from evote_eventlog.errors import PoisonError
from evote_tlog.merkle import leaf_hash

from ..domain import Label, Skip, label_of


class Labels:
    """Checks labels, each of them once: what a record is follows from its bytes, and those from its leaf hash.

    Whoever takes the label from a ballot makes the next leader admit a copy of it, behind a newer ballot
    of the same voter.
    """

    def __init__(self) -> None:
        self._right: set[bytes] = set()

    def leaf(self, value: bytes, partition: int, label: Label) -> tuple[bytes, bool]:
        """The leaf hash of a stored record, and whether its label is right."""
        leaf = leaf_hash(value)
        digest = None if label.ballot_digest is None else label.ballot_digest.hex()
        said = json.dumps([leaf.hex(), partition, *label._replace(ballot_digest=None), digest])
        seen = hashlib.sha256(said.encode()).digest()
        if seen not in self._right:
            if _label_of(value, partition) != label:
                return leaf, False
            self._right.add(seen)
        return leaf, True


def _label_of(value: bytes, partition: int) -> Label | None:
    """The label that the projection gives to a record; None: it stores no such record."""
    try:
        label = label_of(decode(value).data, partition)
    except PoisonError:
        return None
    return None if isinstance(label, Skip) else label
