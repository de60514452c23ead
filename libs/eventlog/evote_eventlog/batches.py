"""Kafka's record batches, byte for byte: what stands at every offset, where a consumer only gives what it can read.

A consumer passes by offsets that hold nothing for it, and says neither why nor that it did; and it ends with an error
at bytes that a broker takes, such as a header whose name is no UTF-8. This reader says of each offset what it is.

Source: Apache Kafka, "Message Format" (record batch, magic 2) and "Protocol: Fetch".
"""

from __future__ import annotations

import asyncio
import struct
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.codec import gzip_decode
from aiokafka.conn import CloseReason
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    RequestTimedOutError,
    UnsupportedCodecError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.util import calc_crc32c

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH_FROM = 12  # what ``length`` counts begins here
_CHECKED_FROM = 21  # and what the checksum covers, here: at the attributes
_CODEC, _TRANSACTIONAL, _CONTROL = 0x07, 0x10, 0x20
_GZIP = 1
_MARKER, _ABORT = struct.Struct(">hh"), 0  # a control record's key: version and type
_READ_COMMITTED = 1
_WAIT_MS = 100
_FETCH_BYTES: Final = 4 * 1024 * 1024
_ANSWERS_WITHIN_S: Final = 10.0

_log = structlog.get_logger(__name__)

AbortedTransactions = Collection[tuple[int, int]]
"""The producer id and the first offset of each aborted transaction that a fetch touches."""


class BrokenBatch(Exception):
    """A batch whose checksum does not hold, or that does not have its own form. Field: ``offset``, where it begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"the batch at offset {offset} is damaged")
        self.offset = offset


@dataclass(frozen=True)
class RawRecord:
    """A record at its place. ``misplaced``: it gives itself another offset than the one it stands at."""

    offset: int
    value: bytes | None
    misplaced: bool = False


@dataclass(frozen=True)
class RawBatch:
    """The offsets from ``start`` up to before ``end``; without records: a transaction's marker, or aborted."""

    start: int
    end: int
    leader_epoch: int
    """How often the partition had got another leader, or the same one again, when the batch was written."""
    records: Sequence[RawRecord]
    thinned: bool = False
    """Whether compaction took records out of it, so that nobody knows which are where."""


Found: TypeAlias = Callable[[], Sequence[RawBatch]]
"""What a leader gave of a partition; raises what is wrong with it."""


async def fetch_batches(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, max_bytes: int = _FETCH_BYTES
) -> Sequence[RawBatch]:
    """The committed batches from the one that holds ``offset`` on; empty at the log's end.

    One is given however large it is, more only within ``max_bytes``. A damaged batch ends them.

    Raises:
        BrokenBatch: the first of them is damaged.
        OffsetOutOfRangeError: the partition begins behind ``offset``, or ends before it.
        KafkaError: Kafka is away.
    """
    (found,) = (await fetch_from(consumer, {partition: offset}, max_bytes=max_bytes, wait_ms=_WAIT_MS)).values()
    return found()


async def fetch_from(
    consumer: AIOKafkaConsumer,
    places: Mapping[TopicPartition, int],
    *,
    max_bytes: int = _FETCH_BYTES,
    wait_ms: int = 0,
    within_s: float = _ANSWERS_WITHIN_S,
) -> Mapping[TopicPartition, Found]:
    """As :func:`fetch_batches` of each partition, by one request to each leader, some megabytes in all.

    What is found is read, and what is wrong with a partition raised, when it is called. A partition whose leader does
    not answer is left out, unless none does: one broker that is away keeps nobody from what the others have.

    Args:
        wait_ms: how long each leader waits for something while it has nothing of any of its partitions.
        within_s: how long a leader may take for its answer.

    Raises:
        KafkaError: Kafka is away.
    """
    client = consumer._client
    by_leader: defaultdict[int, dict[TopicPartition, int]] = defaultdict(dict)
    faults: list[BaseException] = []
    for partition, offset in places.items():
        leader = client.cluster.leader_for_partition(partition)
        if leader in (None, -1):
            faults.append(LeaderNotAvailableError(partition))
        else:
            by_leader[leader][partition] = offset
    asked = [
        _answer(client, leader, _request(theirs, max_bytes, wait_ms), within_s) for leader, theirs in by_leader.items()
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    faults += [answer for answer in answers if isinstance(answer, BaseException)]
    found: dict[TopicPartition, Found] = {}
    for answer in answers:
        if not isinstance(answer, BaseException):
            for topic, partitions in answer.topics:
                for number, *rest in partitions:
                    partition = TopicPartition(topic, number)
                    found[partition] = partial(_read_answer, partition, answer.API_VERSION, *rest)
    for fault in faults:
        if not isinstance(fault, KafkaError):
            raise fault
    if faults:
        looking = client.force_metadata_update()
        if not found:
            await looking
            raise faults[0]
    return found


async def _answer(client: AIOKafkaClient, leader: int, request: FetchRequest, within_s: float) -> Any:
    try:
        async with asyncio.timeout(within_s):
            return await client.send(leader, request)
    except TimeoutError:
        _log.warning("leader-does-not-answer", leader=leader, within_s=within_s)
        # As aiokafka does after a patience of its own, which is longer: a connection that died without a word (a node
        # that is gone, a broker that moved) would be asked again until the kernel gives it up.
        connection = client._conns.get((leader, ConnectionGroup.DEFAULT))
        if connection is not None:
            connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
        raise RequestTimedOutError from None


def _request(places: Mapping[TopicPartition, int], max_bytes: int, wait_ms: int) -> FetchRequest:
    topics: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for partition, offset in places.items():
        topics[partition.topic].append((partition.partition, offset, max_bytes))
    return FetchRequest(wait_ms, 1, _FETCH_BYTES, _READ_COMMITTED, list(topics.items()))


def _read_answer(partition: TopicPartition, version: int, code: int, _: int, *answer: Any) -> Sequence[RawBatch]:
    if code:
        error = for_code(code)
        raise error({partition: answer}) if error is OffsetOutOfRangeError else error(partition)
    # Versions 4 to 10 end with (aborted transactions, batches); from 11 on the preferred replica stands between them.
    aborted = answer[2] if version >= 11 else answer[-2]
    batches: list[RawBatch] = []
    try:
        for batch in parse_batches(answer[-1] or b"", aborted or []):
            batches.append(batch)
    except BrokenBatch:
        if not batches:
            raise
    return batches


def parse_batches(data: bytes, aborted: AbortedTransactions) -> Iterator[RawBatch]:
    """Every whole batch of what Kafka answered; the last one is often cut off.

    Raises:
        BrokenBatch: after those before it.
    """
    upcoming, skipped = sorted(aborted, key=lambda transaction: transaction[1]), set[int]()
    at = 0
    while len(data) - at >= _HEADER.size:
        header = _BatchHeader(*_HEADER.unpack_from(data, at))
        end = at + _LENGTH_FROM + header.length
        if header.length < _HEADER.size - _LENGTH_FROM:
            raise BrokenBatch(header.base_offset)
        if end > len(data):
            return
        checked = data[at + _CHECKED_FROM : end]
        if header.magic != 2 or calc_crc32c(checked) != header.crc:
            raise BrokenBatch(header.base_offset)
        while upcoming and upcoming[0][1] <= header.base_offset:
            skipped.add(upcoming.pop(0)[0])
        yield _read_batch(header, data[at + _HEADER.size : end], skipped)
        at = end


class SeenBatches:
    """What a consumer does not tell of the batches that it fetches: where transactions' markers stand, which it goes on
    behind as behind what was lost, and under which leader each batch was written.

    Both are taken from the broker's own answers, as these pass: no offset is a marker's because one is missed there.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        """``consumer`` is started; what it fetches from here on is looked at."""
        self._seen: Mapping[TopicPartition, dict[int, SeenBatch]] = {}
        client = consumer._client
        send = client.send

        async def send_and_look(node: Any, request: Any, **options: Any) -> Any:
            answer = await send(node, request, **options)
            if isinstance(request, FetchRequest):
                self._look(answer)
            return answer

        client.send = send_and_look

    def expect(self, places: Mapping[TopicPartition, int]) -> None:
        """From these places on they are asked for; what is remembered of others is forgotten."""
        self._seen = {
            partition: {at: batch for at, batch in self._seen.get(partition, {}).items() if batch.end > place}
            for partition, place in places.items()
        }

    def markers(self, partition: TopicPartition, start: int, end: int) -> Collection[int]:
        """The offsets of the markers that were seen from ``start`` up to before ``end``."""
        return {at for at, batch in self._seen.get(partition, {}).items() if start <= at < end and batch.is_marker}

    def leader_epoch(self, partition: TopicPartition, end: int) -> int | None:
        """That of the batch that holds the offset before ``end``; None: it came before it was expected."""
        seen = self._seen.get(partition, {})
        at = max((at for at in seen if at < end), default=None)
        return seen[at].leader_epoch if at is not None and seen[at].end >= end else None

    def _look(self, answer: Any) -> None:
        for topic, partitions in answer.topics:
            for number, code, *rest in partitions:
                seen = self._seen.get(TopicPartition(topic, number))
                if seen is not None and not code:
                    seen.update(batches_in(rest[-1] or b""))


class SeenBatch(NamedTuple):
    """What the header of a batch says."""

    is_marker: bool
    leader_epoch: int
    end: int
    """The offset behind its last one."""


def batches_in(data: bytes) -> Iterator[tuple[int, SeenBatch]]:
    """Each batch in what Kafka answered by the offset that it begins at, up to what is damaged or cut off."""
    at = 0
    while len(data) - at >= _HEADER.size:
        header = _BatchHeader(*_HEADER.unpack_from(data, at))
        end = at + _LENGTH_FROM + header.length
        if header.length < _HEADER.size - _LENGTH_FROM or end > len(data) or header.magic != 2:
            return
        is_marker = bool(header.attributes & _CONTROL) and header.last_offset_delta == 0
        if is_marker and calc_crc32c(data[at + _CHECKED_FROM : end]) != header.crc:
            return
        batch_end = header.base_offset + header.last_offset_delta + 1
        yield header.base_offset, SeenBatch(is_marker, header.leader_epoch, batch_end)
        at = end


@dataclass(frozen=True)
class _BatchHeader:
    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int


def _read_batch(header: _BatchHeader, body: bytes, skipped: set[int]) -> RawBatch:
    start, end = header.base_offset, header.base_offset + header.last_offset_delta + 1
    codec = header.attributes & _CODEC
    if codec not in (0, _GZIP):
        raise UnsupportedCodecError(f"compression {codec}; our topics are uncompressed")
    try:
        records = list(_read_records(header, gzip_decode(body) if codec else body))
        if header.attributes & _CONTROL:
            if any(_MARKER.unpack_from(key)[1] == _ABORT for key, _ in records):
                skipped.discard(header.producer_id)
            return RawBatch(start, end, header.leader_epoch, ())
    except (IndexError, ValueError, OSError, EOFError, struct.error) as error:
        raise BrokenBatch(start) from error
    if header.attributes & _TRANSACTIONAL and header.producer_id in skipped:
        return RawBatch(start, end, header.leader_epoch, ())
    found = [record for _, record in records]
    return RawBatch(start, end, header.leader_epoch, found, thinned=len(found) != end - start)


def _read_records(header: _BatchHeader, body: bytes) -> Iterator[tuple[bytes, RawRecord]]:
    """Each record's key and content. Its timestamp and headers are passed by: any bytes may be there."""
    at = 0
    for index in range(header.count):
        length, at = _varint(body, at)
        end = at + length
        _, at = _varint(body, at + 1)  # the timestamp, behind the attributes
        delta, at = _varint(body, at)
        key, at = _nullable_bytes(body, at)
        value, at = _nullable_bytes(body, at)
        if length < 0 or not at <= end <= len(body):
            raise ValueError("a record that is longer than its batch")
        yield key or b"", RawRecord(header.base_offset + index, value, misplaced=delta != index)
        at = end


def _nullable_bytes(body: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(body, at)
    return (None, at) if length < 0 else (body[at : at + length], at + length)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A zigzag varint and where it ends; ``IndexError`` beyond the end."""
    number = shift = 0
    while True:
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
