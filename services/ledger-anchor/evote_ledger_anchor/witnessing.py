"""Getting the newest checkpoint cosigned by the witnesses of the policy, and saying so when enough have done it.

Nothing waits for the witnesses: when they are down, voting goes on, the lag grows and is shown, and the
first checkpoint that they cosign again covers everything before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from math import nan
from typing import Final

import asyncpg
import structlog
from evote_eventlog.events import CheckpointWitnessed
from evote_eventlog.producer import EventProducer
from evote_eventlog.projection import TRANSIENT
from evote_platform.clock import Clock
from evote_platform.logging import exception_facts
from evote_platform.tracing import asking, span
from evote_tlog.checkpoint import NoteSignature
from evote_tlog.policy import Policy, verify_policy
from evote_tlog.proof import consistency_ranges
from pydantic import SecretStr

from .leadership import keep_leading
from .metrics import WitnessMetrics
from .store import StoredCheckpoint, newest_checkpoint, newest_counted, range_hashes
from .wakes import woken
from .witness_client import Outcome, Prove, WitnessClient, WitnessFailed, open_http

GRACE_S: Final = 0.2
"""How long witnesses beyond the quorum may still add their cosignatures: some readers trust just them."""

_PROJECTION_PATIENCE_S = 5.0

_log = structlog.get_logger(__name__)


class Witnessing:
    """Stands by until no other replica asks the witnesses, then asks them, checkpoint after checkpoint."""

    def __init__(
        self,
        *,
        database_url: SecretStr,
        pool: asyncpg.Pool,
        producer: EventProducer,
        policy: Policy,
        clock: Clock,
        metrics: WitnessMetrics,
        interval_s: float,
        wake: asyncio.Event,
    ) -> None:
        """Nothing is asked yet.

        Args:
            policy: every witness has a URL.
            interval_s: seconds from one round of questions to the next, at least.
            wake: set when the tables show another checkpoint, or that one counts.
        """
        self._database_url = database_url
        self._pool = pool
        self._producer = producer
        self._policy = policy
        self._clock = clock
        self._metrics = metrics
        self._interval_s = interval_s
        self._wake = wake
        self._busy: dict[str, asyncio.Task[None]] = {}
        """Who has been asked and has not answered, by name."""
        for witness in policy.witnesses:
            metrics.last_success.labels(witness.name)

    async def run(self) -> None:
        """Run until cancelled; outages of Kafka, the database and the witnesses are waited out."""
        await keep_leading(self._database_url, "witnessing", self._lead)

    async def _lead(self) -> None:
        try:
            async with open_http() as http:
                await self._rounds([WitnessClient(witness, http) for witness in self._policy.witnesses])
        finally:
            await _cancel(self._busy.values())
            self._busy.clear()
            self._metrics.lag.set(nan)  # the replica that leads shows it

    async def _rounds(self, clients: Sequence[WitnessClient]) -> None:
        cosigned = _Cosigned()
        while True:
            due = time.monotonic() + self._interval_s
            try:
                cosigned = await self._round(clients, cosigned)
            except TRANSIENT:
                raise
            except Exception as error:
                # An answer may be made to break whoever reads it: that must not stop the sequencer beside this task.
                _log.error("witnessing-failed", **exception_facts(error))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await woken(self._wake)

    async def _round(self, clients: Sequence[WitnessClient], cosigned: _Cosigned) -> _Cosigned:
        """Ask for the newest checkpoint; returns the cosignatures so far, which are not asked for again."""
        target = await newest_checkpoint(self._pool)
        if target is None:
            return cosigned
        counted = await newest_counted(self._pool, self._policy)
        lag = target.size - (counted.size if counted else 0)
        self._metrics.lag.set(lag)
        if lag <= 0 or cosigned.said(target):
            return cosigned
        if cosigned.size != target.size:
            cosigned = _Cosigned(target.size)
        await self._collect(clients, target, cosigned)
        if self._policy.satisfied_by(cosigned.signatures):
            await self._publish(target, cosigned)
        return cosigned

    async def _collect(self, clients: Iterable[WitnessClient], target: StoredCheckpoint, cosigned: _Cosigned) -> None:
        """Ask all at once; once the quorum is reached, the rest have :data:`GRACE_S` left for this checkpoint."""
        waiting = {self._start(client, target, cosigned) for client in clients if self._may_ask(client, cosigned)}
        deadline = None
        while waiting:
            if deadline is None and self._policy.satisfied_by(cosigned.signatures):
                deadline = time.monotonic() + GRACE_S
            patience = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, waiting = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._busy.pop(task.get_name()).result()
            if not done:
                return  # a late witness may finish: it is not asked again before

    def _may_ask(self, client: WitnessClient, cosigned: _Cosigned) -> bool:
        busy = self._busy.get(client.name)
        if busy is not None:
            if not busy.done():
                return False
            self._busy.pop(client.name).result()
        return client.name not in cosigned.signatures and client.backoff.until <= time.monotonic()

    def _start(self, client: WitnessClient, target: StoredCheckpoint, cosigned: _Cosigned) -> asyncio.Task[None]:
        task = asyncio.create_task(self._ask(client, target, cosigned), name=client.name)
        self._busy[client.name] = task
        return task

    async def _ask(self, client: WitnessClient, target: StoredCheckpoint, cosigned: _Cosigned) -> None:
        try:
            with asking("ask witness", {"server.address": client.name, "evote.log.size": target.size}):
                signature = await client.cosign(target, self._proving(cosigned))
        except WitnessFailed as failed:
            self._failed(client, failed.outcome, failed.reason)
            return
        cosigned.signatures[client.name] = signature
        client.backoff.succeeded()
        self._metrics.requests.labels(client.name, Outcome.COSIGNED.value).inc()
        self._metrics.last_success.labels(client.name).set(self._clock().timestamp())

    def _failed(self, client: WitnessClient, outcome: Outcome, reason: str) -> None:
        client.backoff.failed(time.monotonic())
        self._metrics.requests.labels(client.name, outcome.value).inc()
        grave = outcome in (Outcome.INCONSISTENT, Outcome.AHEAD, Outcome.FORGED)
        log = _log.error if grave else _log.warning
        log("witness-failed", witness=client.name, outcome=outcome.value, reason=reason)

    def _proving(self, cosigned: _Cosigned) -> Prove:
        """Witnesses that cosigned the same size need the same proof: it is made once."""

        async def prove(first: int, second: int) -> Sequence[bytes]:
            async with cosigned.proving:
                if (first, second) not in cosigned.proofs:
                    ranges = consistency_ranges(first, second)
                    cosigned.proofs[first, second] = await range_hashes(self._pool, ranges, second)
            return cosigned.proofs[first, second]

        return prove

    async def _publish(self, target: StoredCheckpoint, cosigned: _Cosigned) -> None:
        """Say that the checkpoint counts."""
        lines = [given.line for _, given in sorted(cosigned.signatures.items())]
        note = target.note + "".join(lines)
        checkpoint = verify_policy(note, self._policy)  # what is published holds for every reader of this policy
        with span("announce cosignatures", {"evote.log.size": target.size}):
            await self._producer.publish(CheckpointWitnessed(origin=checkpoint.origin, size=checkpoint.size, note=note))
        cosigned.said_at = time.monotonic()


class _Cosigned:
    """The cosignatures on the checkpoint of one size, by the witnesses' names in the policy."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.signatures: dict[str, NoteSignature] = {}
        self.proofs: dict[tuple[int, int], Sequence[bytes]] = {}
        self.proving = asyncio.Lock()
        self.said_at: float | None = None
        """When the log was told, in seconds of the monotonic clock."""

    def said(self, target: StoredCheckpoint) -> bool:
        """Whether it need not be said (again) that this checkpoint counts: the tables will show it any moment."""
        if self.said_at is None or self.size != target.size:
            return False
        return time.monotonic() < self.said_at + _PROJECTION_PATIENCE_S


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)
