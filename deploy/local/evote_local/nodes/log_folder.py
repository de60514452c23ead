"""A log without a service: the files that ledger-anchor and a witness would publish, for tests of their readers."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, SigningKey, parse_note
from evote_tlog.cosignature import Cosigner
from evote_tlog.merkle import leaf_hash
from evote_tlog.policy import Policy, PolicyLog, PolicyWitness, format_policy
from evote_tlog.tiles import TILE_WIDTH, entries_path, join_entries
from evote_verify.reading.log_tree import LogTree

_ORIGIN, _WITNESS = "log.test.example/log", "witness.test.example/w1"


class LogFolder:
    """A log of whatever records it is given, in the layout that ``evote-verify --save`` writes."""

    def __init__(self, folder: Path) -> None:
        """Make the keys of the log and of its one witness."""
        self.folder = folder
        self.key = SigningKey(_ORIGIN, Ed25519PrivateKey.generate())
        self.witness = Cosigner(_WITNESS, Ed25519PrivateKey.generate())

    @property
    def policy(self) -> str:
        """The text of the policy that asks for the witness."""
        witness = PolicyWitness("w1", self.witness.verifier)
        return format_policy(Policy((PolicyLog(self.key.verifier),), (witness,), (), "w1"))

    def publish(self, records: Sequence[bytes], *, cosigned: int | None = None, withheld: Collection[int] = ()) -> None:
        """Write the log of these records.

        Args:
            cosigned: how many of them the witness has seen; all of them when None.
            withheld: the indices of those that the public doesn't get yet.
        """
        tree = LogTree()
        for record in records:
            tree.append(leaf_hash(record))
        files = {tile.path: tree.tile(tile) for tile in tree.tiles()}
        for index, start in enumerate(range(0, len(records), TILE_WIDTH)):
            bundle = records[start : start + TILE_WIDTH]
            path = entries_path(index, len(bundle))
            if withheld:
                (self.folder / path).unlink(missing_ok=True)
                shown = [b"" if at in withheld else record for at, record in enumerate(bundle, start)]
                path = path.replace("entries", "records")
                files[path] = b"".join(len(record).to_bytes(4, "big") + record for record in shown)
            else:
                files[path] = join_entries(bundle)
        files["checkpoint"] = self._note(tree, tree.size).encode()
        witnessed = self._note(tree, tree.size if cosigned is None else cosigned)
        files["checkpoint-witnessed"] = self._cosigned(witnessed).encode()
        files["log-key"] = f"{self.key.verifier.text}\n".encode()
        for path, content in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)

    def _note(self, tree: LogTree, size: int) -> str:
        return self.key.sign(Checkpoint(_ORIGIN, size, tree.root(size)))

    def _cosigned(self, note: str) -> str:
        return note + self.witness.cosign(parse_note(note), int(time.time())).line
