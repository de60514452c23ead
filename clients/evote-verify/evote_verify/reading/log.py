"""Reads a whole log, and believes nothing that the records themselves don't show: the tie ``records - checkpoint``.

Every record up to the size of a signed checkpoint is read and hashed, and the tree's head is the checkpoint's root.
Every tile that the log serves holds the hashes of these records: what others verify with is the same tree.

Until an election has closed, the log gives its ballots' records to auditors alone. The public gets an empty record in
the place of each, whose hash is the tile's word: the tree is checked as a whole, and what stands there can't be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from evote_tlog.checkpoint import VerifierKey
from evote_tlog.errors import MalformedTile
from evote_tlog.merkle import leaf_hash
from evote_tlog.tiles import TILE_WIDTH, Tile, entries_path, split_entries, split_hashes, tiles_of

from .checkpoints import LogBroken, SignedHead, newest_head, witnessed_head
from .elections import LoggedElections
from .log_tree import LogTree
from .saved import SavedLog
from .sources import LogSource, NotServed, RecordingSource, read_in_order
from .verified import VerifiedLog

OnRecord = Callable[[int, bytes], None]
"""Is given each record with its index, in order; an empty one is withheld."""
Progress = Callable[[int, int], None]
"""Is told how much of how much has been read."""


@dataclass(frozen=True)
class ReadLog:
    """A log whose records hash to its signed root."""

    key: VerifierKey
    head: SignedHead
    witnessed: SignedHead | None
    tree: LogTree
    elections: LoggedElections
    mentions: Mapping[int, bytes]
    """Records that mention the tracker that was looked for."""


def read_log(
    source: LogSource,
    key: VerifierKey,
    tracker: str,
    save: SavedLog | None,
    verified: VerifiedLog | None,
    progress: Progress,
) -> ReadLog:
    """Read a log up to its newest signed checkpoint; raises as :func:`read_records` and :func:`newest_head`.

    Args:
        tracker: records that mention it are kept; none are for an empty one.
        save: where what is read is put aside on its way, so that a log that does not hold can be shown.
        verified: the beginning of it that was verified before; ``LogBroken`` when the log has another one.
    """
    if save is not None:
        save.begin(key)
        source = RecordingSource(source, save.incoming)
    witnessed, newest = witnessed_head(source, key), newest_head(source, key)
    heads = [newest] if witnessed is None else [witnessed, newest]
    if save is not None:
        for head in heads:
            save.keep_checkpoint(head)
    # One replica may be a moment behind the other that gave the cosigned checkpoint.
    head = max(heads, key=lambda head: head.checkpoint.size)
    if verified is not None and verified.size > head.checkpoint.size:
        raise LogBroken(f"{verified.size} records were verified before, and now there are {head.checkpoint.size}")
    elections = LoggedElections(0 if verified is None else verified.size)
    mentions, looked_for = dict[int, bytes](), tracker.encode()

    def take(index: int, value: bytes) -> None:
        elections.add(index, value)
        if looked_for and looked_for in value:
            mentions[index] = value

    tree = read_records(source, head, take, progress)
    # Before anything is made of records that were not looked at as closely as others.
    if verified is not None and tree.root(verified.size).hex() != verified.root:
        raise LogBroken(f"the first {verified.size} records are not those that were verified before")
    return ReadLog(key, head, witnessed, tree, elections, mentions)


def read_records(source: LogSource, head: SignedHead, on_record: OnRecord, progress: Progress) -> LogTree:
    """Read every record that a checkpoint covers, and every tile over them.

    Raises:
        LogBroken: the records, the tiles and the signed root are not one tree.
        SourceUnavailable: not all of it could be read.
    """
    size, tree = head.checkpoint.size, LogTree()
    try:
        for record, leaf in _records(source, size):
            on_record(tree.size, record)
            tree.append(leaf)
            progress(tree.size, size)
        _check_tiles(source, tree)
    except NotServed as missing:
        raise LogBroken(f"the log lacks {missing.path}, which its checkpoint of size {size} covers") from None
    if tree.root(size) != head.checkpoint.root:
        raise LogBroken(f"the {size} records agree with the tiles, but not with the signed root")
    return tree


def _records(source: LogSource, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Each record with its leaf hash."""
    bundles = [tile for tile in tiles_of(size) if tile.level == 0]
    for records in read_in_order(lambda bundle: _with_leaves(source, bundle), bundles):
        yield from records


def _with_leaves(source: LogSource, bundle: Tile) -> list[tuple[bytes, bytes]]:
    records = _bundle(source, bundle)
    if all(records):
        return [(record, leaf_hash(record)) for record in records]
    try:
        hashes = split_hashes(source.read(bundle.path), bundle.width)
    except MalformedTile as error:
        raise LogBroken(f"{bundle.path}: {error.reason}") from error
    # No record of a log is empty: one that is stands for what isn't public yet.
    return [(record, leaf_hash(record) if record else leaf) for record, leaf in zip(records, hashes, strict=True)]


def _bundle(source: LogSource, bundle: Tile) -> list[bytes]:
    """The records under a tile of level 0: as C2SP has it, or from where records too long for that are served."""
    path = entries_path(bundle.index, bundle.width)
    try:
        try:
            return split_entries(source.read(path), bundle.width)
        except NotServed:
            path = path.replace("tile/entries/", "tile/records/", 1)
            return split_records(source.read(path), bundle.width)
    except MalformedTile as error:
        raise LogBroken(f"{path}: {error.reason}") from error


def split_records(content: bytes, width: int) -> list[bytes]:
    """The records of a bundle with big-endian 32-bit lengths; ``MalformedTile`` unless they are ``width`` in number."""
    records, at = [], 0
    while at < len(content):
        end = at + 4 + int.from_bytes(content[at : at + 4], "big")
        if at + 4 > len(content) or end > len(content):
            raise MalformedTile("a record bundle that breaks off")
        records.append(content[at + 4 : end])
        at = end
    if len(records) != width:
        raise MalformedTile(f"a bundle of {len(records)} records, not {width}")
    return records


def _check_tiles(source: LogSource, tree: LogTree) -> None:
    tiles = list(tree.tiles())
    for tile, served in zip(tiles, read_in_order(lambda tile: source.read(tile.path), tiles), strict=True):
        ours = tree.tile(tile)
        if served == ours:
            continue
        if len(served) != len(ours):
            raise LogBroken(f"{tile.path} has {len(served)} bytes; {tile.width} hashes have {len(ours)}")
        pairs = zip(split_hashes(served, tile.width), split_hashes(ours, tile.width), strict=True)
        first = next(at for at, (theirs, right) in enumerate(pairs) if theirs != right)
        if tile.level == 0:
            index = tile.index * TILE_WIDTH + first
            raise LogBroken(f"record {index} is not the one whose hash stands in {tile.path}")
        raise LogBroken(f"hash {first} of {tile.path} is not that of the tiles below it")
