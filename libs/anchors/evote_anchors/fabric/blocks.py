"""A channel's blocks: the chain of their hashes, and which of their transactions count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from .errors import BlockForged


@dataclass(frozen=True)
class ReadBlock:
    """A block whose data fits its header.

    Args:
        number: its place in the chain, from 0.
        hash: of its header.
        previous_hash: of the header before it.
        valid: the envelopes that the peer has marked valid, in order. The marks are the peer's word: no hash covers
            them.
    """

    number: int
    hash: bytes
    previous_hash: bytes
    valid: tuple[bytes, ...]


def read_block(block: common_pb2.Block) -> ReadBlock:
    """Take a block apart.

    Raises:
        BlockForged: its data doesn't hash to what the header says, or marks are missing.
    """
    header, envelopes = block.header, list(block.data.data)
    if hashlib.sha256(b"".join(envelopes)).digest() != header.data_hash:
        raise BlockForged(header.number, "its transactions are not those of its header")
    metadata = list(block.metadata.metadata)
    marks = metadata[common_pb2.TRANSACTIONS_FILTER] if len(metadata) > common_pb2.TRANSACTIONS_FILTER else b""
    if len(marks) != len(envelopes):
        raise BlockForged(header.number, f"{len(envelopes)} transactions and {len(marks)} validation codes")
    valid = tuple(envelope for envelope, mark in zip(envelopes, marks, strict=True) if mark == transaction_pb2.VALID)
    return ReadBlock(header.number, header_hash(header), header.previous_hash, valid)


def verify_follows(block: ReadBlock, number: int, previous_hash: bytes | None) -> None:
    """See that a block is the one asked for, and follows the one before it; None: that one isn't known.

    Raises:
        BlockForged: it isn't, or doesn't.
    """
    if block.number != number:
        raise BlockForged(number, f"the peer showed block {block.number} in its place")
    if previous_hash is not None and block.previous_hash != previous_hash:
        raise BlockForged(number, f"it follows {block.previous_hash.hex()}, and the chain's was {previous_hash.hex()}")


def header_hash(header: common_pb2.BlockHeader) -> bytes:
    """SHA-256 of the header in DER: number, previous hash and data hash (Fabric's ``protoutil.BlockHeaderHash``)."""
    number = header.number.to_bytes(header.number.bit_length() // 8 + 1)  # a leading zero bit: not negative
    content = _der(0x02, number) + _der(0x04, header.previous_hash) + _der(0x04, header.data_hash)
    return hashlib.sha256(_der(0x30, content)).digest()


def _der(tag: int, content: bytes) -> bytes:
    # Two hashes and a number stay below 128 bytes, where a length is one byte.
    if len(content) >= 0x80:
        raise BlockForged(0, f"a header field of {len(content)} bytes")
    return bytes([tag, len(content)]) + content
