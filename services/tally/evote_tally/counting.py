"""Computes the encrypted tally of a closed election from the logged ballots."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from evote_belenios.box import recall_ballots
from evote_belenios.election import parse_election
from evote_belenios.errors import BeleniosError
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_eventlog.events import EncryptedTallyComputed
from evote_platform.processes import WorkerProcesses

from . import store
from .domain.counting import box_complete_at
from .domain.election import Election
from .domain.roll import weight_of

_PAGE = 200


async def encrypted_tally(
    connection: store.Connection, worker: WorkerProcesses, election: Election
) -> EncryptedTallyComputed | None:
    """The encrypted tally, or None while a partition's close marker isn't logged or a ballot not examined.

    Needs an open transaction, for its cursor.

    Raises:
        LogDisagrees: the tables don't show what the log says.
    """
    complete_at = box_complete_at(await store.close_markers(connection, election.uuid))
    if complete_at is None:
        return None
    opened = election.opened
    credentials = await store.frozen_credentials(connection, election.uuid, opened.credentials_sha256)
    if credentials is None:
        return None
    log_size = await store.checkpoint_over(connection, complete_at)
    # The examination has compared them before. What was changed since must not be counted.
    await store.demand_agreement(connection, 0, log_size)
    if await store.unexamined(connection, election.uuid, log_size) is not None:
        return None
    weights = {credential.partition(",")[0]: weight_of(credential) for credential in credentials}
    with TemporaryDirectory(prefix="evote-tally-") as folder:
        path = Path(folder) / "ballots.jsonl"
        await _write_ballots(connection, election.uuid, log_size, weights, path)
        tally, sized_tally = await worker.run(_multiply, opened.election_json, str(path))
    return EncryptedTallyComputed(
        election_uuid=election.uuid,
        sized_encrypted_tally=sized_tally,
        encrypted_tally=tally,
        log_size=log_size,
    )


async def _write_ballots(
    connection: store.Connection, election_uuid: str, log_size: int, weights: Mapping[str, int], path: Path
) -> None:
    """A file hands the ballots to the worker: neither process ever holds them all."""
    with path.open("w", encoding="utf-8") as file:
        async for page in store.counted_ballots(connection, election_uuid, before=log_size, page=_PAGE):
            lines = [json.dumps([weights[counted.credential], counted.ballot]) + "\n" for counted in page]
            await asyncio.to_thread(file.writelines, lines)


def _multiply(election_json: str, path: str) -> tuple[str, str]:
    """Runs in the worker process."""
    election = parse_election(election_json)
    accumulator = EncryptedTallyAccumulator(election)
    with Path(path).open(encoding="utf-8") as file:
        while lines := list(islice(file, _PAGE)):
            counted = [json.loads(line) for line in lines]
            # The examination has verified them; every trustee does before the sum is decrypted.
            recalled = recall_ballots(election, [text for _, text in counted])
            for (weight, _), ballot in zip(counted, recalled, strict=True):
                if isinstance(ballot, BeleniosError):
                    raise ballot
                accumulator.add_ciphertexts(ballot.ciphertexts, weight)
    return accumulator.encrypted_tally_json(), accumulator.sized_json()
