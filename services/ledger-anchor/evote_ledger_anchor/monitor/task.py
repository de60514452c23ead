"""The monitor as a task: one replica looks, again and again, and raises what it finds until it is durable."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from typing import Final, get_args

import asyncpg
import structlog
from evote_eventlog.errors import LogGap, LogTruncated, LogUnavailable
from evote_eventlog.events import TamperingDetected, TamperingKind, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.projection import TRANSIENT
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_platform.clock import Clock, rfc3339
from evote_platform.logging import exception_facts
from evote_tlog.checkpoint import VerifierKey
from pydantic import SecretStr

from ..leadership import keep_leading
from ..metrics import MonitorMetrics
from .chains import ChainWatch, WatchedContract
from .domain import Finding
from .memory import Memory, load_memory, save_memory
from .notes import Notes
from .passes import Passes, PassReport

MAX_RAISED_A_PASS: Final = 100
"""Whoever changes a whole table must not fill the log with findings: the rest come with the passes after it."""

_RETRY_S = 1.0
_LAST_ATTEMPTS = 3
_PAUSES_A_PASS: Final = 100
_LONGEST, _LONGEST_S = 3, 180.0
"""From the beginning of one pass to the next, intervals and seconds, where a pass and an interval aren't longer
themselves: EvoteMonitorBlind fires after 300 s."""

_log = structlog.get_logger(__name__)


class Monitor:
    """Stands by until no other replica monitors, then makes pass after pass."""

    def __init__(
        self,
        *,
        kafka: KafkaSettings,
        database_url: SecretStr,
        pool: asyncpg.Pool,
        producer: EventProducer,
        key: VerifierKey,
        contracts: Sequence[WatchedContract],
        clock: Clock,
        metrics: MonitorMetrics,
        interval_s: float,
        state_file: Path | None,
    ) -> None:
        """Load what was seen intact before.

        Args:
            pool: reaches the schema of :class:`evote_ledger_anchor.projection.LedgerProjection`.
            key: the log's own.
            interval_s: the time between two passes, in seconds, while they are short (:func:`pause_s`).
            state_file: where the memory is kept, outside of Kafka and of the database; None: in this process only.

        Raises:
            UnusableMonitorState, OSError: the memory can't be read.
        """
        self._kafka = kafka
        self._database_url = database_url
        self._pool = pool
        self._producer = producer
        self._origin = key.name
        self._clock = clock
        self._metrics = metrics
        self._interval_s = interval_s
        self._state_file = state_file
        self._notes = Notes(key)
        self._memory = Memory() if state_file is None else load_memory(state_file, self._notes)
        self._watches = [ChainWatch(contract, key.name) for contract in contracts]
        self._look = Passes(kafka, pool, self._notes, self._watches)
        self._counted: set[str] = set()
        self._unpublished: dict[str, TamperingDetected] = {}
        self._leads = False

    async def run(self) -> None:
        """Run until cancelled; outages are waited out, and shown by a last pass that grows old."""
        await keep_leading(self._database_url, "monitor", self._lead)

    async def reporting_losses(self, projection: Awaitable[None]) -> None:
        """Await the projection, which ends for good when Kafka lost records: raise that before.

        The service's work ends with the projection, and no pass may come to its end before.

        Raises:
            LogTruncated, LogGap: what the projection raised, when the finding is in Kafka or can't get there.
        """
        try:
            await projection
        except (LogTruncated, LogGap) as loss:
            await self._raise_at_the_end(_finding_of(loss))
            raise

    async def publish_what_is_left(self) -> None:
        """While another replica leads, go on with what this one found and Kafka didn't take; until cancelled.

        The one that leads may not find it: each has a memory of its own.
        """
        while True:
            if self._unpublished and not self._leads:
                try:
                    for finding in await self._raised():
                        self._unpublished.pop(finding, None)
                    await self._publish()
                except Exception as error:  # as of a pass: a log that was written to break its readers
                    _log.error("findings-not-published", **exception_facts(error))
            await asyncio.sleep(_RETRY_S)

    async def _lead(self) -> None:
        self._say_what_is_remembered()
        self._leads = True
        self._metrics.leading.set(1)
        try:
            await self._passes()
        finally:
            self._leads = False
            self._metrics.leading.set(0)
            self._metrics.show_no_pass()  # the replica that leads shows its own

    def _say_what_is_remembered(self) -> None:
        """An operator has to see a memory that is gone, or that is a copy of long ago: a rollback hides behind it."""
        size = self._remembered_size()
        self._metrics.remembered.set(size)
        if size:
            _log.info("monitor-remembers", size=size, intact_at=self._memory.intact_at)
        elif self._state_file is None:
            _log.warning("monitor-without-memory", reason="EVOTE_MONITOR_STATE_FILE is not set")
        else:
            reason = "no checkpoint was ever saved there, or the file is gone"
            _log.warning("monitor-without-memory", reason=reason, state_file=str(self._state_file))

    def _remembered_size(self) -> int:
        remembered = None if self._memory.note is None else self._notes.open(self._memory.note)
        return 0 if remembered is None else remembered.size

    async def _passes(self) -> None:
        while True:
            took_s = 0.0  # who couldn't look looks again as soon as may be
            try:
                took_s = await self._pass()
            except Exception as error:
                # What is looked at may have been written to break the looking: that must not stop the sequencer.
                self._fail(error)
            await self._publish_until(time.monotonic() + pause_s(self._interval_s, took_s))

    def _fail(self, error: Exception) -> None:
        self._metrics.failures.labels(type(error).__name__).inc()
        log = _log.warning if isinstance(error, TRANSIENT) else _log.error
        log("monitor-pass-failed", **exception_facts(error))

    async def _pass(self) -> float:
        """How many seconds it took."""
        began, started = self._clock(), time.monotonic()
        report = await self._look.run(self._memory.note)
        self._raise(finding for finding in report.findings if finding.id not in report.raised)
        await self._remember(report, rfc3339(began))
        took_s = time.monotonic() - started
        self._show(report, began.timestamp(), took_s)
        return took_s

    def _raise(self, findings: Iterable[Finding]) -> None:
        """Say it at once where Kafka is not needed, and queue it for Kafka."""
        new = {finding.id: finding for finding in findings if finding.id not in self._unpublished}
        for finding in list(new.values())[:MAX_RAISED_A_PASS]:
            event = self._event(finding)
            self._unpublished[finding.id] = event
            if finding.id not in self._counted:
                self._counted.add(finding.id)
                self._metrics.detected.labels(finding.kind).inc()
                _log.error("tampering-detected", **event.model_dump(exclude={"origin"}))
        self._metrics.unpublished.set(len(self._unpublished))

    def _event(self, finding: Finding) -> TamperingDetected:
        return TamperingDetected(
            origin=self._origin,
            finding=finding.id,
            kind=finding.kind,
            where=finding.where,
            expected=finding.expected,
            found=finding.found,
            intact_at=self._memory.intact_at.get(finding.source),
        )

    async def _remember(self, report: PassReport, moment: str) -> None:
        """What is intact moves the memory on.

        The note moves also when another part of the log is damaged for good: a rollback must still be seen.
        """
        touched = {finding.source for finding in report.findings}
        self._memory.intact_at |= dict.fromkeys(report.sources - touched, moment)
        if report.note is not None:
            self._memory.note = report.note
        if self._state_file is not None:
            await asyncio.to_thread(save_memory, self._state_file, self._memory)

    def _show(self, report: PassReport, began: float, seconds: float) -> None:
        self._metrics.last_pass.set(began)
        self._metrics.seconds.set(seconds)
        self._metrics.entries.set(report.size)
        self._metrics.remembered.set(self._remembered_size())
        if not report.findings:
            self._metrics.intact.set(began)
        kinds = Counter(finding.kind for finding in report.findings)
        for kind in get_args(TamperingKind):
            self._metrics.standing.labels(kind).set(kinds[kind])
        for watch in self._watches:
            self._metrics.chain_readable.labels(watch.contract).set(int(watch.contract not in report.unreadable_chains))

    async def _publish_until(self, deadline: float) -> None:
        """Wait for the next pass; until every finding is in Kafka, go on trying."""
        await self._publish()
        while (remaining := deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(_RETRY_S, remaining) if self._unpublished else remaining)
            await self._publish()

    async def _publish(self) -> None:
        for finding, event in list(self._unpublished.items()):
            try:
                await self._producer.publish(event)
            except LogUnavailable as error:
                _log.error("finding-not-published", finding=finding, reason=error.reason)
                break
            self._unpublished.pop(finding, None)  # a projection that ends publishes at the same time
        self._metrics.unpublished.set(len(self._unpublished))

    async def _raise_at_the_end(self, finding: Finding) -> None:
        """For a service that is about to end: a restart comes here again, so a few attempts are enough."""
        for _ in range(_LAST_ATTEMPTS):
            try:
                if finding.id in await self._raised():
                    return
                self._raise([finding])
                await self._publish()
            except LogUnavailable as error:
                _log.error("finding-not-published", finding=finding.id, reason=error.reason)
            if not self._unpublished:
                return
            await asyncio.sleep(_RETRY_S)

    async def _raised(self) -> set[str]:
        """The ids of all findings in Kafka."""
        tail = EventTail(self._kafka, [Topic.LEDGER])
        return {
            record.envelope.data.finding
            async for record in tail.read("earliest", until=await tail.end_offsets())
            if isinstance(record, Record) and isinstance(record.envelope.data, TamperingDetected)
        }


def pause_s(interval_s: float, pass_s: float) -> float:
    """From a pass that took ``pass_s`` seconds to the next one: the interval, or more while the log is large.

    A pass looks at all of the log, so that passes at a fixed distance take the more of a processor the more there is.
    They take a hundredth of the time, until that would leave an alteration unseen for too long: passes begin no more
    than three intervals apart, nor three minutes.
    """
    return max(interval_s, min(_PAUSES_A_PASS * pass_s, min(_LONGEST * interval_s, _LONGEST_S) - pass_s))


def _finding_of(loss: LogTruncated | LogGap) -> Finding:
    source = f"Kafka {loss.topic}/{loss.partition}"
    if isinstance(loss, LogGap):
        where, expected = f"{source} offset {loss.first}", f"the records before offset {loss.behind}"
        return Finding("entry-dropped", where, expected, f"none: {loss.reason}", source)
    expected = f"offset {loss.applied}, before which every record was projected"
    return Finding("log-rolled-back", source, expected, "a log that ends before", source)
