"""A damaged transaction never becomes another anchor."""

from __future__ import annotations

import asyncio
from functools import cache

from evote_anchors.anchor import Anchor
from evote_anchors.fabric.contract import anchor_call, encode_head
from evote_anchors.fabric.profile import Organisation
from evote_anchors.fabric.proposal import Author
from evote_anchors.fabric.transactions import EvidenceInvalid, Members, Write, read_transaction, verify_evidence
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from .authorities import TestOrganisation
from .channel_stand_in import StandInChannel
from .conftest import NOW

HEAD = Anchor("log.example", 7, b"\x07" * 32)


@cache
def honest() -> tuple[bytes, list[Organisation]]:
    """An anchor's envelope as a block holds it, and the organisations that endorsed it."""
    city, audit = TestOrganisation("CityMSP", NOW), TestOrganisation("AuditMSP", NOW)

    async def make() -> bytes:
        channel = StandInChannel("anchors", "anchor", city, [audit])
        writing = Author(city.client.identity, lambda size: bytes(size), lambda: NOW)
        proposal = channel.receive(writing.call(anchor_call("anchors", "anchor", HEAD)).proposal)
        envelope = await channel.endorse(proposal)
        envelope.signature = writing.sign(envelope.payload)
        encoded: bytes = envelope.SerializeToString()
        return encoded

    return asyncio.run(make()), [Organisation(each.msp_id, (each.authority,)) for each in (city, audit)]


def writes_proven_by(envelope: bytes, chaincode: str = "anchor") -> tuple[Write, ...]:
    """What a reader takes from an envelope; nothing, when it refuses it."""
    try:
        transaction = read_transaction(envelope, "anchors", chaincode)
        if transaction is None:
            return ()
        verify_evidence(transaction, Members(honest()[1]))
    except (EvidenceInvalid, DecodeError, ValueError):
        return ()
    return transaction.writes


def test_an_honest_anchor_proves_its_head() -> None:
    assert writes_proven_by(honest()[0]) == (Write("head/log.example", encode_head(HEAD)),)


def test_it_proves_nothing_for_another_chaincode() -> None:
    assert writes_proven_by(honest()[0], "other") == ()


@given(st.data())
def test_any_changed_byte_leaves_the_head_or_proves_nothing(data: st.DataObject) -> None:
    envelope = bytearray(honest()[0])
    place = data.draw(st.integers(min_value=0, max_value=len(envelope) - 1))
    envelope[place] ^= data.draw(st.integers(min_value=1, max_value=255))

    assert writes_proven_by(bytes(envelope)) in ((), (Write("head/log.example", encode_head(HEAD)),))


@given(st.binary(max_size=300))
def test_any_bytes_prove_nothing(envelope: bytes) -> None:
    assert writes_proven_by(envelope) == ()
