"""The sequencing rules and the growth of the tree: no I/O, no clock, no randomness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from evote_belenios import admission
from evote_belenios.admission import Admissions, ExaminedCast, ballot_digests, examine_cast, examine_casts
from evote_belenios.errors import BeleniosError
from evote_eventlog.events import (
    BallotAccepted,
    BallotBoxClosed,
    CheckpointSigned,
    CredentialsPublished,
    EventData,
    LogEntry,
    Topic,
)
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.merkle import HASH_BYTES, Frontier, complete_subtrees
from evote_tlog.proof import tree_head
from evote_tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, TileTree, roll_up, split_hashes, tile_source

SOURCE_TOPICS = frozenset({Topic.ELECTIONS, Topic.IDENTITY, Topic.BALLOTS, Topic.TALLY})
"""Where public events stand."""

MAX_ENTRIES = 2048
"""How many entries one CheckpointSigned may carry: about 300 KB of JSON."""


class Skip(StrEnum):
    """Why a record gets no place in the log."""

    NOT_PUBLIC = "not-public"
    """An identity event about one voter."""
    DUPLICATE = "duplicate"
    """The ballot is in the log already: its first position stands."""
    AFTER_CLOSE = "after-close"
    """The ballot stands behind the close marker of its partition."""
    OLDER = "older"
    """The ballot's number is not above that of its credential's last ballot in the log."""
    MISLABELLED = "mislabelled"
    """The event contradicts itself: its ballot says otherwise, or its partition is not where it stands."""
    UNSIGNED = "unsigned"
    """The ballot's credential did not sign its number."""


_SKIPS: Final = {
    admission.DUPLICATE: Skip.DUPLICATE,
    admission.AFTER_CLOSE: Skip.AFTER_CLOSE,
    admission.OLDER: Skip.OLDER,
    admission.TRACKER: Skip.MISLABELLED,
    admission.BALLOT: Skip.MISLABELLED,
}
"""By the rule that is broken; what is wrong with the signature or its numbers is not told apart."""


class Label(NamedTuple):
    """What is kept beside a public record, for the leader who takes the log over."""

    ballot_election: str | None = None
    ballot_digest: bytes | None = None
    """SHA-256 of the ballot's text."""
    ballot_credential: str | None = None
    ballot_number: int | None = None
    closes_election: str | None = None
    """The election whose box this marker closes in its partition."""


def label_of(event: EventData, partition: int) -> Label | Skip:
    """The label of an event that stands in ``partition``, or why it can never be in the log."""
    return labels_of([(event, partition)])[0]


def labels_of(events: Sequence[tuple[EventData, int]]) -> list[Label | Skip]:
    """:func:`label_of` for many; the ballots are hashed in one call."""
    digests = iter(ballot_digests([event for event, _ in events if isinstance(event, BallotAccepted)]))
    return [
        _label_of_ballot(event, next(digests))
        if isinstance(event, BallotAccepted)
        else _label_of_other(event, partition)
        for event, partition in events
    ]


def _label_of_ballot(event: BallotAccepted, digest: bytes | BeleniosError) -> Label | Skip:
    if isinstance(digest, BeleniosError):
        return Skip.MISLABELLED  # a false tracker must not take the place of another's ballot
    return Label(event.election_uuid, digest, event.credential, event.order.number)


def _label_of_other(event: EventData, partition: int) -> Label | Skip:
    if event.topic not in SOURCE_TOPICS:
        return Skip.NOT_PUBLIC
    if event.topic is Topic.IDENTITY and not isinstance(event, CredentialsPublished):
        return Skip.NOT_PUBLIC
    if isinstance(event, BallotBoxClosed):
        return Label(closes_election=event.election_uuid) if event.partition == partition else Skip.MISLABELLED
    return Label()


def examined(events: Sequence[EventData]) -> list[EventData | ExaminedCast]:
    """The events, of ballots with what each says by itself: to be asked of many at once, beside other work."""
    casts = iter(examine_casts([event for event in events if isinstance(event, BallotAccepted)]))
    return [next(casts) if isinstance(event, BallotAccepted) else event for event in events]


@dataclass
class Sequenced:
    """What is in the log, as far as the rules look back."""

    ballots: defaultdict[str, Admissions] = field(default_factory=lambda: defaultdict(Admissions))
    """By election."""
    closed: set[tuple[str, int]] = field(default_factory=set)
    """(election, partition) whose close marker is in the log."""

    def admit(self, event: EventData | ExaminedCast, partition: int) -> Skip | None:
        """Decide about the next record of ``partition``; one that is admitted counts from here on.

        Records of a partition must come in their order; a ballot's may come as :func:`examined` found it. The decision
        depends on nothing but the log before it, so that another leader, after any crash, decides the same.
        """
        if isinstance(event, BallotAccepted):
            event = examine_cast(event)
        if isinstance(event, ExaminedCast):
            return self._admit_ballot(event, partition)
        label = _label_of_other(event, partition)
        if isinstance(label, Skip):
            return label
        if label.closes_election is not None:
            self.closed.add((label.closes_election, partition))
        return None

    def _admit_ballot(self, event: ExaminedCast, partition: int) -> Skip | None:
        election_uuid = event.cast.election_uuid
        box_closed = (election_uuid, partition) in self.closed
        try:
            self.ballots[election_uuid].admit(event, box_closed=box_closed)
        except BeleniosError as refusal:
            return _SKIPS.get(refusal.rule, Skip.UNSIGNED)
        return None


def sign_checkpoints(frontier: Frontier, entries: Sequence[LogEntry], key: SigningKey) -> Iterator[CheckpointSigned]:
    """Append the entries to ``frontier`` and state each growth, at most :data:`MAX_ENTRIES` at a time."""
    for start in range(0, len(entries), MAX_ENTRIES):
        part = tuple(entries[start : start + MAX_ENTRIES])
        previous_size = frontier.size
        for entry in part:
            frontier.append(bytes.fromhex(entry.leaf_hash))
        checkpoint = Checkpoint(key.verifier.name, frontier.size, frontier.root())
        yield CheckpointSigned(
            origin=checkpoint.origin,
            previous_size=previous_size,
            size=checkpoint.size,
            root=checkpoint.root.hex(),
            note=key.sign(checkpoint),
            entries=part,
        )


def partial_tiles(size: int) -> list[Tile]:
    """The partial tiles of a tree: all that its growth and its root need."""
    tiles = []
    level = 0
    while count := size >> (TILE_HEIGHT * level):
        if width := count % TILE_WIDTH:
            tiles.append(Tile(level, count // TILE_WIDTH, width))
        level += 1
    return tiles


def grow(size: int, partial: Mapping[Tile, bytes], leaves: Iterable[bytes]) -> dict[tuple[int, int], bytes]:
    """Append leaf hashes to a tree of ``size``, given the contents of its :func:`partial_tiles`.

    Returns:
        the content of every tile that is new or wider, by (level, index).
    """
    begun = {tile.level: content for tile, content in partial.items()}
    changed: dict[tuple[int, int], bytes] = {}
    level, count, hashes = 0, size, list(leaves)
    while hashes:
        index, full = count // TILE_WIDTH, []
        content = bytearray(begun.get(level, b""))
        for given in hashes:
            content += given
            if len(content) == TILE_WIDTH * HASH_BYTES:
                changed[level, index] = bytes(content)
                full.append(roll_up(split_hashes(changed[level, index], TILE_WIDTH)))
                index, content = index + 1, bytearray()
        if content:
            changed[level, index] = bytes(content)
        level, count, hashes = level + 1, count // TILE_WIDTH, full
    return changed


def root_of(size: int, partial: Mapping[Tile, bytes]) -> bytes:
    """The head of a tree, given the contents of its :func:`partial_tiles`."""
    return tree_head(TileTree(size, tile_source(partial)), size)


def frontier_of(size: int, partial: Mapping[Tile, bytes]) -> Frontier:
    """The tree ready for appending, given the contents of its :func:`partial_tiles`."""
    tree = TileTree(size, tile_source(partial))
    return Frontier(size, [tree.subtree(height, index) for height, index in complete_subtrees(size)])
