"""Who looks for many ballots at once believes of the log what leads up to its signed head, and nothing else."""

from __future__ import annotations

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_local.people.log_lookup import PublicLog
from evote_tlog.checkpoint import Checkpoint, SigningKey, VerifierKey
from evote_tlog.errors import TlogError
from evote_tlog.merkle import Frontier, leaf_hash
from evote_tlog.tiles import TILE_WIDTH, Tile, join_hashes

KEY = Ed25519PrivateKey.generate()
NAME = "log.example"


def log_of(
    entries: list[bytes], *, shown: list[bytes] | None = None, key: Ed25519PrivateKey = KEY
) -> httpx.MockTransport:
    """Serves the tiles of ``shown`` under a checkpoint over ``entries``."""
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    root = frontier.root() if entries else bytes(32)
    files = {"/checkpoint": SigningKey(NAME, key).sign(Checkpoint(NAME, len(entries), root)).encode()}
    leaves = [leaf_hash(entry) for entry in (entries if shown is None else shown)]
    for first in range(0, len(leaves), TILE_WIDTH):
        tile = leaves[first : first + TILE_WIDTH]
        files[f"/{Tile(0, first // TILE_WIDTH, len(tile)).path}"] = join_hashes(tile)
    return httpx.MockTransport(lambda asked: httpx.Response(200, content=files[asked.url.path]))


async def leaves(transport: httpx.MockTransport) -> frozenset[bytes]:
    async with httpx.AsyncClient(transport=transport) as client:
        return await PublicLog("http://log", VerifierKey(NAME, KEY.public_key())).leaves(client)


@pytest.mark.parametrize("size", [1, 256, 257, 700])
async def test_all_leaves_under_the_signed_head_are_found(size: int) -> None:
    entries = [str(number).encode() for number in range(size)]
    assert await leaves(log_of(entries)) == {leaf_hash(entry) for entry in entries}


async def test_a_leaf_that_the_signed_head_does_not_cover_is_not_believed() -> None:
    entries = [b"one", b"two", b"three"]
    with pytest.raises(ValueError, match="signed head"):
        await leaves(log_of(entries, shown=[b"one", b"planted", b"three"]))


async def test_a_head_that_another_key_signed_is_not_believed() -> None:
    with pytest.raises(TlogError):
        await leaves(log_of([b"one"], key=Ed25519PrivateKey.generate()))
