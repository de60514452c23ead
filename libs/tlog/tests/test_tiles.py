from __future__ import annotations

import pytest
from evote_tlog.errors import EntryTooLarge, MalformedTile, MissingTile
from evote_tlog.merkle import leaf_hash, node_hash
from evote_tlog.proof import (
    make_consistency_proof,
    make_inclusion_proof,
    tree_head,
    verify_consistency,
    verify_inclusion,
)
from evote_tlog.tiles import (
    MAX_ENTRY_BYTES,
    Tile,
    TileTree,
    entries_path,
    index_path,
    join_entries,
    join_hashes,
    parse_index,
    parse_level,
    roll_up,
    split_entries,
    split_hashes,
    tile_source,
    tiles_between,
    tiles_for,
    tiles_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

LEAVES = [leaf_hash(index.to_bytes(4, "big")) for index in range(70_000)]


def level_hashes(level: int) -> list[bytes]:
    """The heads of all full subtrees of 256**level leaves, computed without tiles."""
    hashes = LEAVES
    for _ in range(8 * level):
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes) - 1, 2)]
    return hashes


LEVELS = [level_hashes(level) for level in range(3)]


def content(tile: Tile) -> bytes:
    start = tile.index * 256
    return join_hashes(LEVELS[tile.level][start : start + tile.width])


def test_the_specs_example_of_70000_leaves() -> None:
    tiles = list(tiles_of(70_000))
    assert [tile for tile in tiles if tile.level == 0] == [*(Tile(0, n) for n in range(273)), Tile(0, 273, 112)]
    assert [tile for tile in tiles if tile.level > 0] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


def test_paths_are_spelt_as_the_spec_says() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(1, 5, 17).path == "tile/1/005.p/17"
    assert entries_path(0) == "tile/entries/000"
    assert entries_path(1000, 3) == "tile/entries/x001/000.p/3"


@given(st.integers(0, 2**63), st.integers(1, 256))
def test_a_path_is_read_back(index: int, width: int) -> None:
    suffix = "" if width == 256 else f".p/{width}"
    assert parse_index(index_path(index) + suffix) == (index, width)


@pytest.mark.parametrize(
    "path",
    [
        "", "0", "00", "0000", "x000/000", "000/000", "x001", "x001/x002", "001/002", "x001/2", "-01", "+01", " 01",
        "000.p/0", "000.p/256", "000.p/01", "000.p/", "000.p/1000", "000.p/1/2", "000.p", "0a0", "０００", "000\n",
        "000.p/1\n", "x001/000/", "/000", "x" * 5000, "/".join(["x999"] * 4000 + ["999"]),
    ],
)  # fmt: skip
def test_no_other_spelling_of_a_path_is_taken(path: str) -> None:
    with pytest.raises(MalformedTile):
        parse_index(path)


@given(st.text(alphabet="x0123456789/.p", max_size=20))
def test_whatever_is_taken_as_a_path_is_its_only_spelling(path: str) -> None:
    try:
        index, width = parse_index(path)
    except MalformedTile:
        return
    assert path == index_path(index) + ("" if width == 256 else f".p/{width}")


@pytest.mark.parametrize("text", ["", "00", "01", "64", "100", "-1", "a", "1\n", "１"])
def test_no_other_level_is_taken(text: str) -> None:
    with pytest.raises(MalformedTile):
        parse_level(text)
    assert [parse_level(level) for level in ("0", "9", "63")] == [0, 9, 63]


@settings(max_examples=30)
@given(st.data(), st.integers(1, 70_000))
def test_proofs_from_tiles_verify(data: st.DataObject, size: int) -> None:
    tree = TileTree(size, content)
    root = tree_head(tree, size)
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(LEAVES[index], index, size, make_inclusion_proof(tree, index, size), root)
    first = data.draw(st.integers(1, size))
    proof = make_consistency_proof(tree, first, size)
    verify_consistency(first, size, proof, tree_head(tree, first), root)


def test_tree_heads_from_tiles_are_those_of_the_plain_tree() -> None:
    for size in (1, 255, 256, 257, 511, 512, 1000, 65_535, 65_536):
        expected, start = None, size
        for height in range(size.bit_length()):
            if size >> height & 1:
                start -= 1 << height
                subtree = roll_up(LEAVES[start : start + (1 << height)])
                expected = subtree if expected is None else node_hash(subtree, expected)
        assert tree_head(TileTree(size, content), size) == expected


@given(st.integers(0, 70_000), st.integers(0, 3_000))
def test_growth_touches_exactly_the_tiles_that_are_new_or_wider(old: int, growth: int) -> None:
    before = {(tile.level, tile.index): tile.width for tile in tiles_of(old)}
    after = {(tile.level, tile.index): tile.width for tile in tiles_of(old + growth)}
    changed = {(tile.level, tile.index): tile.width for tile in tiles_between(old, old + growth)}
    assert changed == {place: width for place, width in after.items() if before.get(place) != width}


def test_a_source_that_lacks_a_tile_is_named() -> None:
    tree = TileTree(300, tile_source({Tile(0, 0): content(Tile(0, 0))}))
    assert tiles_for([(7, 0), (8, 0)], 300) == {Tile(0, 0), Tile(1, 0, 1)}
    assert tree.subtree(7, 0) == roll_up(LEAVES[:128])
    with pytest.raises(MissingTile) as missing:
        tree.subtree(0, 299)
    assert missing.value.path == "tile/0/001.p/44"
    with pytest.raises(MissingTile):
        tree.subtree(0, 300)
    with pytest.raises(MissingTile):
        tree.subtree(2, 75)


def test_a_tile_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(MalformedTile):
        split_hashes(b"\x00" * 33, 1)
    with pytest.raises(MalformedTile):
        TileTree(2, lambda tile: b"\x00" * 32).subtree(0, 0)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_is_read_back(entries: list[bytes]) -> None:
    assert split_entries(join_entries(entries), len(entries)) == entries


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.data())
def test_a_bundle_that_breaks_off_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    content = join_entries(entries)
    with pytest.raises(MalformedTile):
        split_entries(content[: data.draw(st.integers(0, len(content) - 1))], len(entries))


def test_a_bundle_holds_entries_up_to_65535_bytes() -> None:
    largest = b"x" * MAX_ENTRY_BYTES
    assert split_entries(join_entries([largest]), 1) == [largest]
    with pytest.raises(EntryTooLarge) as refused:
        join_entries([b"", largest + b"x"])
    assert (refused.value.size, refused.value.limit) == (65_536, 65_535)
