"""What a voter's device believes of the log: nothing that doesn't lead up to the log's signed head."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
import rfc8785
from evote_belenios.ballots import tracker_of
from evote_belenios.order import OrderStatement
from evote_tlog.checkpoint import VerifierKey, open_checkpoint
from evote_tlog.merkle import Frontier, leaf_hash
from evote_tlog.proof import verify_inclusion
from evote_tlog.tiles import TILE_WIDTH, Tile, split_hashes


@dataclass(frozen=True)
class KnownBallot:
    """What a voter knows of a ballot of their own: its text, its order statement, and the receipt's time."""

    election_uuid: str
    credential: str
    """The public one."""
    ballot: str
    order: OrderStatement
    accepted_at: str

    def record(self) -> bytes:
        """The ballot's record in the log, made anew: before the close the log shows no more than its hash."""
        signature = self.order.signature
        tracker = tracker_of(self.ballot)
        event: dict[str, Any] = {
            "election_uuid": self.election_uuid,
            "credential": self.credential,
            "tracker": tracker,
            "ballot": self.ballot,
            "order": {
                "number": self.order.number,
                "signature": {"challenge": str(signature.challenge), "response": str(signature.response)},
            },
        }
        return rfc8785.dumps(
            {
                "specversion": "1.0",
                "id": tracker,
                "source": "ballot",
                "type": "jp.tsukuba.evote.ballots.BallotAccepted.v2",
                "time": self.accepted_at,
                "datacontenttype": "application/json",
                "data": event,
            }
        )


@dataclass(frozen=True)
class PublicLog:
    """The public log, by its address and its key."""

    url: str
    key: VerifierKey

    async def holds(self, record: bytes, client: httpx.AsyncClient) -> bool:
        """Whether the record is in the newest signed checkpoint, verified; False: not yet.

        Raises ``httpx.HTTPError`` when nothing can be had, ``TlogError`` or ``ValueError`` when it doesn't hold.
        """
        leaf = leaf_hash(record)
        answer = await client.get(f"{self.url}/proofs/inclusion", params={"leaf_hash": leaf.hex()})
        if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE):
            # The log's service may learn of its own newest checkpoint a moment after the service that told of it.
            return False
        proof = answer.raise_for_status().json()
        checkpoint = open_checkpoint(proof["checkpoint"], self.key)
        hashes = [bytes.fromhex(text) for text in proof["hashes"]]
        verify_inclusion(leaf, proof["log_index"], checkpoint.size, hashes, checkpoint.root)
        return True

    async def leaves(self, client: httpx.AsyncClient) -> frozenset[bytes]:
        """The hashes of all records under the newest signed checkpoint: for who looks for many.

        Raises ``httpx.HTTPError`` when they can't be had, ``TlogError`` or ``ValueError`` when they don't lead there.
        """
        checkpoint = open_checkpoint(await self._read("checkpoint", client), self.key)
        frontier, found = Frontier(), set[bytes]()
        for first in range(0, checkpoint.size, TILE_WIDTH):
            width = min(TILE_WIDTH, checkpoint.size - first)
            tile = await self._read(Tile(0, first // TILE_WIDTH, width).path, client)
            for leaf in split_hashes(tile, width):
                frontier.append(leaf)
                found.add(leaf)
        if checkpoint.size and frontier.root() != checkpoint.root:
            raise ValueError("the log's tiles don't lead up to its signed head")
        return frozenset(found)

    async def _read(self, path: str, client: httpx.AsyncClient) -> bytes:
        return (await client.get(f"{self.url}/{path}")).raise_for_status().content
