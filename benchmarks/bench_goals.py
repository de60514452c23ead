"""The goals of the services on two quiet cores, held against one run on one stack (``make load-goals``).

Nobody comes for a minute, then 200 fetch their credentials by card, then ballots come at 50 a second for ten minutes
and at 150 a second for one. Ballots and the credentials for them are made beforehand, for which no release is asked: a
stack of our own has its key at hand. Behind the last phase the election is closed, counted by its trustees and
verified, and each receipt is looked for in the archive. What the crowd uses is left out of all that is counted, but it
shares the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from evote_auth.domain.credentials import private_credential
from evote_auth.keys.store import FileKeys
from evote_belenios.groups import ED25519
from evote_jpki.authority import TestAuthority
from evote_loadtests.goals import RUNS, people_of
from evote_local.people.target import write_target
from evote_local.people.voters import open_client
from evote_local.referendum.concluding import Concluded, NobodyVoted, conclude, forget
from evote_local.referendum.load import add_to_figures, let_in, target_of
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.taken import taken_by
from evote_local.stack.stack import Stack
from evote_platform.clock import utc_now

LOOK_EVERY_S = 5.0
"""A look takes a tenth of a second of a processor."""


async def hold(stack: Stack, directory: Path, time: str, out: Path, options: Sequence[str]) -> tuple[int, Concluded]:
    """An election from its draft to its count, at which the crowd of that run votes; the crowd's exit status, and what
    became of its ballots."""
    by_card, ready = people_of(RUNS[time])
    async with open_client(timeout_s=300) as client:
        referendum = Referendum(
            stack, client, directory=directory, group=ED25519.name, voters=by_card + ready, seed=secrets.randbits(32)
        )
        await referendum.prepare()
        await asyncio.to_thread(referendum.issue_cards, lambda: None, by_card)
        numbers = [referendum.voter_id(number) for number in range(by_card, by_card + ready)]
        credentials = await credentials_of(stack, referendum.officers.election_uuid, numbers)
        folder = directory / "target"
        cards = [voter.card for voter in referendum.voters]
        write_target(folder, target_of(stack, referendum), cards, credentials)
        print("the ballots are made", flush=True)
        told = ["--goals", time, *options]
        status = await asyncio.to_thread(let_in, stack, folder, out, told, look_every_s=LOOK_EVERY_S)
        # Behind the last phase, and so in none of its figures.
        print("closed; the trustees count, and the archive is verified", flush=True)
        concluded, verification = await conclude(stack, client, referendum, out)
        print(verification, flush=True)
    return status, concluded


async def credentials_of(stack: Stack, election: str, voter_ids: Sequence[str]) -> list[str]:
    """What auth would release to these voters: its secret is this stack's, and so are its tables."""
    key = FileKeys(base64.b64decode(stack.identities.master_key_file.read_bytes())).key_of(election)
    connection = await asyncpg.connect(stack.database_url)
    try:
        rows = await connection.fetch(
            "SELECT voter_id, voter_ref FROM auth.vault_voters WHERE election_uuid = $1", election
        )
    finally:
        await connection.close()
    refs = {row["voter_id"]: row["voter_ref"] for row in rows}
    return [private_credential(key, ED25519, election, refs[number]) for number in voter_ids]


def main() -> int:
    """Returns the crowd's exit status; 1 also when what was acknowledged isn't what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--time", choices=sorted(RUNS), default="full", help="short: a trial; flood: far more than is borne"
    )
    parser.add_argument("--out", type=Path, default=Path("load-out"))
    parser.add_argument("options", nargs="*", help="after --: what evote-load is told besides")
    arguments = parser.parse_args()
    taken = taken_by("make load-goals" if arguments.time == "full" else f"make load-goals TIME={arguments.time}")
    forget(arguments.out)
    with tempfile.TemporaryDirectory(prefix="tsukuba-evote-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with Stack(directory, TestAuthority(utc_now, secrets.token_bytes), announce=print) as stack:
            try:
                status, concluded = asyncio.run(
                    hold(stack, directory, arguments.time, arguments.out, arguments.options)
                )
            except NobodyVoted:
                print("FAILED nobody got a receipt")
                return 1
    add_to_figures(arguments.out, taken=taken, concluded=concluded)
    print(
        f"{concluded.acknowledged} ballots acknowledged, {concluded.lost} of them not in the archive of "
        f"{concluded.archived}; close to result {concluded.close_to_result_s:.1f} s, evote-verify "
        f"{concluded.verify_s:.1f} s"
    )
    for fault in concluded.faults:
        print(f"FAILED {fault}")
    return status or bool(concluded.faults)


if __name__ == "__main__":
    sys.exit(main())
