"""Whether the log that is here is all that witnesses hold: asked before a tenure signs anything.

An older copy of Kafka's volumes that was put back looks whole to everybody inside. A leader that went on from it would
sign another history at sizes that witnesses have cosigned, and the log's key would be worth nothing from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import asyncpg
import structlog
from evote_eventlog.projection import TRANSIENT
from evote_platform.logging import exception_facts
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.merkle import EMPTY_ROOT
from evote_tlog.policy import NO_QUORUM, Policy
from evote_tlog.proof import consistency_ranges

from .store import StoredCheckpoint, newest_checkpoint, range_hashes
from .witness_client import Outcome, WitnessClient, WitnessFailed, open_http

PATIENCE_S: Final = 2.0
"""How long a new leader waits for witnesses: nobody can vote to the end while there is none."""

_log = structlog.get_logger(__name__)


class LogRolledBack(Exception):
    """Enough witnesses for the quorum have cosigned more than there is here. Field: ``witnesses``, by name."""

    def __init__(self, witnesses: Iterable[str]) -> None:
        self.witnesses = sorted(witnesses)
        super().__init__(
            f"{', '.join(self.witnesses)} cosigned more entries than this log has: it lost some, and must not go on;"
            " see docs/runbooks/incidents.md, Restore"
        )


async def require_continuation(policy: Policy, pool: asyncpg.Pool, key: SigningKey) -> None:
    """Ask all witnesses for the newest checkpoint that is here.

    A witness's word for its size is not signed, so one alone stops nothing; a quorum is who a checkpoint is believed
    by. Who is away or slow says nothing: the log goes on without witnesses too.

    Raises:
        LogRolledBack: a quorum is ahead.
    """
    if policy.quorum == NO_QUORUM:
        return
    empty = Checkpoint(key.verifier.name, 0, EMPTY_ROOT)
    newest = await newest_checkpoint(pool) or StoredCheckpoint(0, key.sign(empty))

    async def prove(first: int, second: int) -> Sequence[bytes]:
        return await range_hashes(pool, consistency_ranges(first, second), second)

    async def is_ahead(client: WitnessClient) -> bool:
        try:
            await client.cosign(newest, prove)
        except WitnessFailed as failed:
            if failed.outcome is Outcome.AHEAD:
                _log.error("witness-ahead", witness=client.name, size=newest.size, reason=failed.reason)
                return True
        except TRANSIENT:
            raise
        except Exception as error:  # an answer may be made to break whoever reads it
            _log.error("witness-not-understood", witness=client.name, **exception_facts(error))
        return False

    async with open_http() as http, asyncio.TaskGroup() as group:
        asked = {
            group.create_task(is_ahead(WitnessClient(witness, http))): witness.name for witness in policy.witnesses
        }
        ahead = await _ahead(policy, asked)
    if policy.satisfied_by(ahead):
        raise LogRolledBack(ahead)


async def _ahead(policy: Policy, asked: Mapping[asyncio.Task[bool], str]) -> set[str]:
    """Who is: until a quorum is, or those who are left can't make one, or patience ends."""
    waiting, ahead = set(asked), set[str]()
    deadline = time.monotonic() + PATIENCE_S
    while not policy.satisfied_by(ahead) and policy.satisfied_by(ahead | {asked[task] for task in waiting}):
        patience = max(0.0, deadline - time.monotonic())
        done, waiting = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            break
        ahead |= {asked[task] for task in done if task.result()}
    for task in waiting:
        task.cancel()
    return ahead
