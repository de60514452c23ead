"""What a voter's device believes of the log: nothing that it has not hashed up to the log's signed head."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import httpx
from evote_tlog.checkpoint import VerifierKey, open_checkpoint
from evote_tlog.merkle import leaf_hash
from evote_tlog.proof import verify_inclusion
from evote_tlog.tiles import TILE_WIDTH, entries_path

_PROOF_WITHIN_S = 60
_PROOF_POLL_S = 0.1


@dataclass(frozen=True)
class PublicLog:
    """The public log, by its address and its key."""

    url: str
    key: VerifierKey

    async def record(self, index: int, client: httpx.AsyncClient) -> bytes:
        """The record at an index, with its inclusion in the newest signed checkpoint verified.

        The log's service may learn of its own newest checkpoint a moment after the service that told the index.

        Raises ``httpx.HTTPError`` when it can't be had, ``TlogError`` or ``ValueError`` when it doesn't hold.
        """
        answer = await client.get(f"{self.url}/proofs/inclusion", params={"index": index})
        gives_up_at = time.monotonic() + _PROOF_WITHIN_S
        while answer.status_code in (404, 503) and time.monotonic() < gives_up_at:
            await asyncio.sleep(_PROOF_POLL_S)
            answer = await client.get(f"{self.url}/proofs/inclusion", params={"index": index})
        proof = answer.raise_for_status().json()
        checkpoint = open_checkpoint(proof["checkpoint"], self.key)
        start = index - index % TILE_WIDTH
        path = entries_path(index // TILE_WIDTH, min(TILE_WIDTH, checkpoint.size - start))
        bundle = await client.get(f"{self.url}/{path.replace('entries', 'records')}")
        record = _records(bundle.raise_for_status().content)[index - start]
        hashes = [bytes.fromhex(text) for text in proof["hashes"]]
        verify_inclusion(leaf_hash(record), index, checkpoint.size, hashes, checkpoint.root)
        return record


def _records(bundle: bytes) -> list[bytes]:
    """A bundle is each record behind its length in four bytes."""
    records, at = [], 0
    while at < len(bundle):
        end = at + 4 + int.from_bytes(bundle[at : at + 4], "big")
        records.append(bundle[at + 4 : end])
        at = end
    return records
