"""One pass: looks at the chains, then at the tables, then at Kafka, and compares them.

The order makes a race harmless. Whatever a chain or a table shows was in Kafka before it was there; Kafka,
read last, can only have more. How far the tables have come is in them, as the next offset of each partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
from evote_eventlog.batches import BrokenBatch, RawRecord
from evote_eventlog.events import Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.reading import read_raw
from evote_eventlog.record import LogPartition

from .chains import ChainReading, ChainWatch
from .domain import Finding, check_order
from .kafka_log import KafkaLog, Span, open_kafka_log
from .labels import Labels
from .notes import Notes
from .partitions import CORRUPT, PartitionCheck, partition_name
from .served import RECORDS, TABLES, Comparable, compare_tables, wanted_records
from .signed_log import SIGNED, SOURCE, Claim, SignedLog, judge_claims, judge_end
from .tables import ServedLog, read_tables

_LEDGER = LogPartition(Topic.LEDGER, 0)


@dataclass
class PassReport:
    """What one pass looked at, and found."""

    findings: list[Finding] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    """All that was looked at."""
    unreadable_chains: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)
    """Ids of the findings that Kafka holds already."""
    size: int = 0
    note: str | None = None
    """Of the newest checkpoint; None: there is none, or it does not continue what is remembered."""


class Passes:
    """What passes need, and what they keep from one to the next so that the next costs less."""

    def __init__(self, kafka: KafkaSettings, pool: asyncpg.Pool, notes: Notes, watches: Sequence[ChainWatch]) -> None:
        """``pool`` reaches the projection's schema."""
        self._kafka = kafka
        self._pool = pool
        self._notes = notes
        self._watches = watches
        self._labels = Labels()
        self._partitions = PartitionCheck()

    async def run(self, remembered: str | None) -> PassReport:
        """Look at everything once.

        Args:
            remembered: the note of a checkpoint that was seen intact before.

        Raises:
            LogUnavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError: try again later.
        """
        report = PassReport()
        readings = [(watch, await watch.read()) for watch in self._watches]
        served = await read_tables(self._pool, self._notes, self._labels)
        async with open_kafka_log(self._kafka) as kafka_log:
            log, span = await _read_ledger(kafka_log, self._notes, served)
            wanted = await asyncio.to_thread(wanted_records, log)
            forgotten = await asyncio.to_thread(_judge_memory, log, self._notes, remembered)
            report.findings += [*await asyncio.to_thread(_judge_log, log, served), *forgotten]
            comparable = _comparable(log, span, served)
            report.findings += await asyncio.to_thread(compare_tables, log, served, wanted, comparable)
            report.findings += await asyncio.to_thread(_judge_chains, readings, log, served)
            report.findings += [finding for watch in self._watches for finding in watch.judge_answers()]
            served.records.clear()
            for (topic, partition), records in wanted.items():
                place = LogPartition(Topic(topic), partition)
                report.findings += await self._partitions.compare(kafka_log, place, records)
                report.sources |= {partition_name(place), f"{RECORDS} {topic}/{partition}"}
        report.sources |= {
            SOURCE,
            *TABLES,
            *(watch.contract for watch, reading in readings if reading is not None),
        }
        report.unreadable_chains = {watch.contract for watch, reading in readings if reading is None}
        report.raised, report.size = log.raised, log.size
        report.note = None if forgotten or log.blind else log.note
        return report


async def _read_ledger(kafka_log: KafkaLog, notes: Notes, served: ServedLog) -> tuple[SignedLog, Span]:
    projected_to = served.projected_to.get((_LEDGER.topic.value, _LEDGER.partition), 0)
    log = SignedLog(notes, served.entries, projected_to)
    span = await kafka_log.current_span(_LEDGER)
    try:
        async for messages in kafka_log.records(_LEDGER, span):
            await asyncio.to_thread(_take_all, log, messages)
    except BrokenBatch as corrupt:
        where = f"{SOURCE} offset {corrupt.offset}"
        log.findings.append(Finding("entry-changed", where, "records of the log", CORRUPT, SOURCE))
        log.blind = True
    if span.end < projected_to:
        expected = f"offset {projected_to}, before which every record was projected"
        log.findings.append(Finding("log-rolled-back", SOURCE, expected, "a log that ends before", SOURCE))
    elif (newest := max(served.checkpoints, default=0)) > log.size and not log.blind:
        log.restore_tail(newest, served.checkpoints[newest])
    return log, span


def _take_all(log: SignedLog, messages: Sequence[RawRecord]) -> None:
    for message in messages:
        log.take(read_raw(_LEDGER, message))


def _judge_log(log: SignedLog, served: ServedLog) -> list[Finding]:
    """The log against itself, and against the largest head that the tables know to be signed."""
    findings = [*log.findings, *check_order(log.entries, SOURCE), *judge_claims(log, log.claims)]
    if served.checkpoints:
        newest = max(served.checkpoints)
        findings += judge_end(log, Claim(newest, served.checkpoints[newest], "ledger.checkpoints", SIGNED, SOURCE))
    return findings


def _judge_memory(log: SignedLog, notes: Notes, remembered: str | None) -> list[Finding]:
    """The log against what was seen of it before: Kafka and the database may both have been put back."""
    head = None if remembered is None else notes.open(remembered)
    if head is None:
        return []
    claim = Claim(head.size, head.root, "the monitor's memory", SIGNED, SOURCE)
    return [*judge_claims(log, [claim]), *judge_end(log, claim)]


def _comparable(log: SignedLog, span: Span, served: ServedLog) -> Comparable:
    cut = log.blind or span.end < served.projected_to.get((_LEDGER.topic.value, _LEDGER.partition), 0)
    return Comparable(log.rows.size, whole=not cut and span.begin == 0 and not log.findings)


def _judge_chains(
    readings: Sequence[tuple[ChainWatch, ChainReading | None]], log: SignedLog, served: ServedLog
) -> list[Finding]:
    """The tables' checkpoints stand in for those that Kafka lacks: each bears the signature of the log's key."""
    return [
        finding
        for watch, reading in readings
        if reading is not None
        for finding in watch.judge(reading, log, served.checkpoints)
    ]
