"""What no client of ours does to Kafka: batches of any bytes, records that vanish, settings that change. For tests."""

from __future__ import annotations

import struct
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c

Header = tuple[bytes, bytes | None]

_NO_PRODUCER: Final = (-1, -1, -1)
_SEGMENT_LENGTH = struct.Struct(">qi")


def record_bytes(
    value: bytes | None,
    *,
    key: bytes | None = b"key",
    headers: Sequence[Header] = (),
    place: int = 0,
    later_ms: int = 0,
    attributes: int = 0,
) -> bytes:
    """A record as it stands in a batch (Apache Kafka, "Message Format").

    Args:
        place: the offset that it gives itself within its batch.
        later_ms: how far its timestamp is behind its batch's.
    """
    content = bytes([attributes]) + _varint(later_ms) + _varint(place) + _nullable(key) + _nullable(value)
    content += _varint(len(headers)) + b"".join(_nullable(name) + _nullable(text) for name, text in headers)
    return _varint(len(content)) + content


def batch_bytes(records: Sequence[bytes], *, timestamp_ms: int | None = None, attributes: int = 0) -> bytes:
    """A batch (magic 2) with a right checksum around whatever the records are."""
    time_ms = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
    counts = (attributes, len(records) - 1, time_ms, time_ms, *_NO_PRODUCER, len(records))
    checked = struct.pack(">hiqqqhii", *counts) + b"".join(records)
    framed = struct.pack(">ibI", -1, 2, calc_crc32c(checked)) + checked
    return _SEGMENT_LENGTH.pack(0, len(framed)) + framed


async def append(bootstrap_servers: str, topic: str, partition: int, batch: bytes) -> int:
    """Have the broker append a batch as it is; its first offset.

    Raises:
        KafkaError: the broker refuses it.
    """
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        client.add_topic(topic)
        await client.force_metadata_update()
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(None, -1, 5000, [(topic, [(partition, batch)])])
        response = await client.send(leader, request)
        [(_, [(_, code, offset, *_)])] = response.topics
        if code:
            raise for_code(code)(f"{topic}/{partition}")
        return int(offset)
    finally:
        await client.close()


async def delete_head(bootstrap_servers: str, topic: str, partition: int, before: int) -> None:
    """Delete the records before an offset, as an operator's command or a retention would."""
    async with _admin(bootstrap_servers) as admin:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})


async def change_topic(bootstrap_servers: str, topic: str, settings: Mapping[str, str]) -> None:
    """Give a topic these settings of its own, and no others."""
    async with _admin(bootstrap_servers) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, dict(settings))])


def cut_out(data: Path, topic: str, partition: int, offset: int) -> None:
    """Take the batch that begins at ``offset`` out of the file of a broker that is stopped."""
    folder = data / f"{topic}-{partition}"
    [segment] = folder.glob("*.log")
    content, kept, at = segment.read_bytes(), [], 0
    while at < len(content):
        base, length = _SEGMENT_LENGTH.unpack_from(content, at)
        end = at + _SEGMENT_LENGTH.size + length
        if base != offset:
            kept.append(content[at:end])
        at = end
    segment.write_bytes(b"".join(kept))
    for index in folder.glob("*index"):
        index.unlink()  # made again at the start


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _nullable(content: bytes | None) -> bytes:
    return _varint(-1) if content is None else _varint(len(content)) + content


def _varint(number: int) -> bytes:
    rest = ((number << 1) ^ (number >> 63)) & (2**64 - 1)
    encoded = bytearray()
    while rest >= 0x80:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*encoded, rest])
