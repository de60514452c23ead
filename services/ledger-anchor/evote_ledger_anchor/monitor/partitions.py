"""The records that the log names, as Kafka holds them; and the public ones that the log should name and does not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from evote_eventlog.batches import BrokenBatch, RawRecord
from evote_eventlog.reading import read_raw
from evote_eventlog.record import LogPartition, Record
from evote_tlog.merkle import leaf_hash

from ..domain import Sequenced, examined
from .columns import ByNumber, Hashes
from .domain import Finding, Numbered, compare_records
from .kafka_log import KafkaLog, Span

CORRUPT: Final = "a batch whose checksum does not hold"


class PartitionCheck:
    """Compares source partitions with the log, pass after pass."""

    def __init__(self) -> None:
        self._kept_out: set[bytes] = set()

    async def compare(self, kafka_log: KafkaLog, place: LogPartition, wanted: Mapping[int, Numbered]) -> list[Finding]:
        """Every difference between a partition and what the log says of its records, by offset.

        Raises:
            LogUnavailable: Kafka stopped answering.
        """
        name = partition_name(place)
        span = await kafka_log.current_span(place)
        findings: list[Finding] = []
        held = ByNumber(Hashes())
        readable = span.end
        try:
            async for messages in kafka_log.records(place, span):
                for message in messages:
                    held.put(message.offset, leaf_hash(message.value or b""))
        except BrokenBatch as corrupt:
            readable = corrupt.offset
            where = f"{name} offset {readable}"
            findings.append(Finding("entry-changed", where, "records of the log", CORRUPT, name))
        findings += _rolled_back(wanted, span, name)
        findings += await asyncio.to_thread(compare_records, wanted, held, name, readable)
        if not findings:
            findings += await self._omitted(kafka_log, place, span, wanted, held)
        return findings

    async def _omitted(
        self,
        kafka_log: KafkaLog,
        place: LogPartition,
        span: Span,
        wanted: Mapping[int, Numbered],
        held: Mapping[int, bytes],
    ) -> list[Finding]:
        """Records that the sequencer passed by, although no rule keeps them out of the log.

        The log takes the records of a partition in their order, so that what stands before the newest that
        is listed has had its turn. Few are not listed, and each has to be judged once: what keeps a record
        out is in the log before it.
        """
        turn = max(wanted)
        unlisted = {offset: leaf for offset, leaf in held.items() if offset < turn and offset not in wanted}
        if self._kept_out.issuperset(unlisted.values()):
            return []
        rules, omitted = Sequenced(), set[int]()
        async for messages in kafka_log.records(place, Span(span.begin, turn)):
            offsets = await asyncio.to_thread(_admitted, rules, place, messages)
            omitted |= offsets.intersection(unlisted)
        self._kept_out |= {leaf for offset, leaf in unlisted.items() if offset not in omitted}
        name = partition_name(place)
        return [
            Finding(
                "entry-dropped",
                f"{name} offset {offset}",
                f"a place in the log for leaf {unlisted[offset].hex()}",
                "none, though no rule keeps it out",
                name,
            )
            for offset in sorted(omitted)
        ]


def _admitted(rules: Sequenced, place: LogPartition, messages: Sequence[RawRecord]) -> set[int]:
    """The offsets of those that the sequencing rules let into the log."""
    read = [read_raw(place, message) for message in messages]
    records = [record for record in read if isinstance(record, Record)]
    events = examined([record.envelope.data for record in records])
    return {
        record.position.offset
        for record, event in zip(records, events, strict=True)
        if rules.admit(event, place.partition) is None
    }


def partition_name(place: LogPartition) -> str:
    """How findings name a partition of Kafka."""
    return f"Kafka {place.topic.value}/{place.partition}"


def _rolled_back(wanted: Mapping[int, Numbered], span: Span, name: str) -> list[Finding]:
    beyond = [offset for offset in wanted if offset >= span.end]
    if not beyond:
        return []
    index, leaf = wanted[min(beyond)]
    expected = f"offset {min(beyond)} (log index {index}), leaf {leaf.hex()}"
    return [Finding("log-rolled-back", name, expected, "a partition that ends before", name)]
