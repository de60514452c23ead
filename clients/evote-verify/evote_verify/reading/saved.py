"""A folder that keeps what an auditor saw, so that it can be verified again without a network, and against later logs.

``checkpoint``, ``checkpoint-witnessed``, ``log-key`` and ``tile/…`` are the log in its own layout: any web server can
publish them. ``checkpoints/`` keeps every signed checkpoint that was ever seen, contradicting ones too: two of them are
proof against the log. ``chains/`` has what the chains said. ``rejected-…/`` has a log that did not hold.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from evote_anchors.anchor import Anchor, AnchoredHead, ChainHead
from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import Fields, Json, dump, load
from evote_tlog.checkpoint import VerifierKey

from ..findings import CHAIN_TIES, Unusable
from .chains import ChainEvidence
from .checkpoints import SignedHead
from .sources import LOG_KEY


@dataclass(frozen=True)
class SavedLog:
    """The folder."""

    folder: Path

    @property
    def incoming(self) -> Path:
        """Where a log is put while nobody knows yet whether it holds."""
        return self.folder / "incoming"

    def begin(self, key: VerifierKey) -> None:
        """Make room for a log of this key; what an interrupted run left is taken away. Raises :class:`Unusable`."""
        try:
            shutil.rmtree(self.incoming, ignore_errors=True)
            self.incoming.mkdir(parents=True)
            (self.incoming / LOG_KEY).write_text(f"{key.text}\n", "utf-8")
        except OSError as error:
            raise Unusable(f"{self.folder} can't be written: {error.strerror}") from error

    def keep_checkpoint(self, head: SignedHead) -> None:
        """Keep a checkpoint as soon as its signature holds: it may be the proof of a fork."""
        name = f"{head.checkpoint.size}-{head.checkpoint.root.hex()[:16]}"
        _write(self.folder / "checkpoints" / name, head.note)

    def kept_checkpoints(self) -> Iterator[tuple[str, bytes]]:
        """Every checkpoint that was seen before, each with its file's name."""
        for path in sorted((self.folder / "checkpoints").glob("*-*")):
            yield f"checkpoints/{path.name}", path.read_bytes()

    def accept(self) -> None:
        """The log holds: put it in the place of the one before. The checkpoint comes last, whatever is interrupted."""
        files = sorted(path for path in self.incoming.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path.parent == self.incoming):
            target = self.folder / path.relative_to(self.incoming)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        shutil.rmtree(self.incoming)

    def reject(self) -> Path:
        """The log does not hold: put it aside as evidence, and leave the one before as it is. Returns where it is."""
        number = next(number for number in count(1) if not (self.folder / f"rejected-{number}").exists())
        return self.incoming.replace(self.folder / f"rejected-{number}")

    def keep_chain(self, evidence: ChainEvidence) -> None:
        """Keep what a chain said."""
        _write(self.folder / "chains" / f"{evidence.chain}.json", (dump(_chain_json(evidence)) + "\n").encode())

    def kept_chains(self) -> list[ChainEvidence]:
        """What the chains said when the log was saved; raises :class:`Unusable`."""
        return [_parse_chain(path) for path in sorted((self.folder / "chains").glob("*.json"))]

    def keep_proof(self, name: str, text: str) -> Path:
        """Keep a receipt's inclusion proof; returns its file."""
        path = self.folder / f"{name}.tlog-proof"
        _write(path, text.encode())
        return path


def _write(path: Path, content: bytes) -> None:
    """In one step: a file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_name(f".{path.name}.part")
    begun.write_bytes(content)
    begun.replace(path)


def _chain_json(evidence: ChainEvidence) -> Json:
    newest = evidence.newest
    return {
        "chain": evidence.chain,
        "ledger": evidence.anchor_contract,
        "origin": evidence.origin,
        "read_at": evidence.read_at,
        "first_block": evidence.first_block,
        "block": evidence.head.block,
        "final_block": evidence.head.final_block,
        "newest": None if newest is None else {"size": newest.size, "root": newest.root.hex()},
        "anchors": [
            {
                "size": anchored.anchor.size,
                "root": anchored.anchor.root.hex(),
                "transaction": anchored.transaction,
                "block": anchored.block,
                "block_hash": anchored.block_hash,
                "block_time": anchored.block_time.isoformat(),
                "anchorer": anchored.anchorer,
            }
            for anchored in evidence.anchors
        ],
    }


def _parse_chain(path: Path) -> ChainEvidence:
    try:
        fields = Fields(load(path.read_text("utf-8")), "the evidence")
        origin, newest = fields.text("origin"), fields.value("newest")
        evidence = ChainEvidence(
            fields.text("chain"),
            fields.text("ledger"),
            origin,
            fields.integer("first_block"),
            ChainHead(fields.integer("block"), fields.integer("final_block")),
            None if newest is None else _anchor(Fields(newest, "newest"), origin),
            tuple(_anchored(item, origin) for item in fields.array("anchors")),
            fields.text("read_at"),
        )
        fields.end()
        if evidence.chain not in CHAIN_TIES:
            raise ValueError(f"no chain is called {evidence.chain!r}")
    except BeleniosError as error:
        raise Unusable(f"{path} is not what was saved of a chain: {error.detail}") from None
    except (OSError, ValueError) as error:
        raise Unusable(f"{path} is not what was saved of a chain: {error}") from error
    return evidence


def _anchored(item: Json, origin: str) -> AnchoredHead:
    fields = Fields(item, "an anchor")
    return AnchoredHead(
        _anchor(fields, origin),
        fields.text("transaction"),
        fields.integer("block"),
        fields.text("block_hash"),
        datetime.fromisoformat(fields.text("block_time")),
        fields.text("anchorer"),
    )


def _anchor(fields: Fields, origin: str) -> Anchor:
    return Anchor(origin, fields.integer("size"), bytes.fromhex(fields.text("root")))
