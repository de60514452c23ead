"""Reads a whole log, and believes nothing that the records themselves don't show.

1. The checkpoint bears the signature of the log's key.
2. Every record up to the checkpoint's size is read and hashed; the tree's head is the checkpoint's root.
3. Every tile that the log serves holds the hashes of these records: what others verify with is the same tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evote_tlog.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from evote_tlog.errors import MalformedNote, MalformedTile, SignatureError
from evote_tlog.merkle import leaf_hash
from evote_tlog.tiles import TILE_WIDTH, Tile, entries_path, split_entries, split_hashes, tiles_of

from .findings import Unusable
from .log_tree import LogTree
from .sources import CHECKPOINT, LogSource, NotServed, read_in_order

OnRecord = Callable[[int, bytes], None]
"""Is given each record with its index, in order."""
Progress = Callable[[int, int], None]
"""Is told how many records of how many have been read."""


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
    """Open a checkpoint (step 1).

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


def read_records(source: LogSource, head: SignedHead, on_record: OnRecord, progress: Progress) -> LogTree:
    """Read every record that a checkpoint covers (steps 2 and 3).

    Raises:
        LogBroken: the records, the tiles and the signed root are not one tree.
        SourceUnavailable: not all of it could be read.
    """
    size, tree = head.checkpoint.size, LogTree()
    try:
        for record in _records(source, size):
            on_record(tree.size, record)
            tree.append(leaf_hash(record))
            progress(tree.size, size)
        _check_tiles(source, tree)
    except NotServed as missing:
        raise LogBroken(f"the log lacks {missing.path}, which its checkpoint of size {size} covers") from None
    if tree.root(size) != head.checkpoint.root:
        raise LogBroken(f"the {size} records agree with the tiles, but not with the signed root")
    return tree


def _records(source: LogSource, size: int) -> Iterator[bytes]:
    bundles = [tile for tile in tiles_of(size) if tile.level == 0]
    for records in read_in_order(lambda bundle: _bundle(source, bundle), bundles):
        yield from records


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
