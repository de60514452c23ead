"""How many credentials a second an election's key gives, in a token (SoftHSM) and from a file.

``make bench-keys [CREDENTIALS=5000]`` prints a table. A release derives one; the freeze derives the whole roll's, one
after the other, and then computes the public ones in processes of their own, which is not measured here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from evote_auth.keys.room import KeyRoom
from evote_auth.keys.store import FileKeys, KeyStore
from evote_auth.keys.token import TokenDesk, TokenKeys, TokenSettings
from evote_belenios.groups import ED25519
from evote_local.nodes.softhsm import SoftToken
from evote_local.referendum.taken import taken_by

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

ELECTION = "4yP2vbZnkbxpPG"


async def measure(name: str, store: KeyStore, credentials: int) -> Row:
    """One line: alone, as a release derives it, and all, as a freeze does."""
    room = KeyRoom(store)
    refs = [secrets.token_hex(16) for _ in range(credentials)]
    alone = []
    for ref in refs[:500]:
        begun = time.perf_counter()
        await room.private_credentials(ED25519, ELECTION, [ref])
        alone.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    await room.private_credentials(ED25519, ELECTION, refs)
    took = time.perf_counter() - begun
    room.close()
    return [name, 1000 * statistics.median(alone), credentials / took]


def main() -> None:
    """Measure both places."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--credentials", type=int, default=5000)
    credentials = parser.parse_args().credentials
    taken = taken_by(f"make bench-keys CREDENTIALS={credentials}")
    with tempfile.TemporaryDirectory() as folder:
        token = SoftToken(Path(folder) / "softhsm")
        os.environ.update(token.environment)  # before the library is loaded, which reads it once
        settings = TokenSettings(token.module, token.label, token.pin_file)
        with closing(TokenDesk(settings)) as desk:
            desk.make(ELECTION)
        rows = [asyncio.run(measure("a token (SoftHSM)", TokenKeys(settings), credentials))]
    rows.append(asyncio.run(measure("a file", FileKeys(secrets.token_bytes(32)), credentials)))
    tell("keys", taken, Table(["key in", "one credential, median ms", "credentials a second"], rows))


if __name__ == "__main__":
    main()
