"""The contract's rules, against a fake peer."""

from __future__ import annotations

import json

import pytest
from evote_anchor_chaincode.contract import ANCHORED, AnchorContract
from evote_anchor_chaincode.errors import Refused
from hypothesis import given
from hypothesis import strategies as st

from .fake_transaction import FakeTransaction

ANCHORER = "CityMSP"
ORIGIN = "log.example/2026"
ROOT = "ab" * 32


class Channel:
    """A committed state and the contract on it."""

    def __init__(self) -> None:
        self.state: dict[str, bytes] = {}
        self.contract = AnchorContract(ANCHORER)

    async def call(self, *arguments: str | bytes, by: str = ANCHORER) -> tuple[bytes, FakeTransaction]:
        transaction = FakeTransaction(self.state, by)
        encoded = [each.encode() if isinstance(each, str) else each for each in arguments]
        result = await self.contract.call(encoded, transaction)
        transaction.commit()
        return result, transaction


@pytest.fixture
def channel() -> Channel:
    return Channel()


async def test_an_anchor_is_the_newest_head_and_an_event(channel: Channel) -> None:
    result, transaction = await channel.call("Anchor", ORIGIN, "7", ROOT)

    assert result == b""
    newest, _ = await channel.call("Newest", ORIGIN)
    assert json.loads(newest) == {"origin": ORIGIN, "size": 7, "root": ROOT}
    assert transaction.event == (ANCHORED, newest)


@pytest.mark.parametrize("size", ["7", "6", "1"])
async def test_a_size_that_does_not_grow_is_refused_and_writes_nothing(channel: Channel, size: str) -> None:
    await channel.call("Anchor", ORIGIN, "7", ROOT)
    before = dict(channel.state)

    with pytest.raises(Refused) as refused:
        await channel.call("Anchor", ORIGIN, size, "cd" * 32)

    assert refused.value.status == 409
    assert channel.state == before


async def test_an_anchor_reads_what_it_replaces_so_that_one_of_two_in_a_block_is_dropped(channel: Channel) -> None:
    _, transaction = await channel.call("Anchor", ORIGIN, "7", ROOT)

    assert set(transaction.writes) <= set(transaction.reads)


async def test_only_the_anchorers_organisation_may_anchor(channel: Channel) -> None:
    with pytest.raises(Refused) as refused:
        await channel.call("Anchor", ORIGIN, "7", ROOT, by="AuditMSP")

    assert refused.value.status == 403
    assert channel.state == {}


async def test_anyone_may_read(channel: Channel) -> None:
    await channel.call("Anchor", ORIGIN, "7", ROOT)

    assert (await channel.call("Newest", ORIGIN, by="AuditMSP"))[0]
    assert (await channel.call("Anchorer", by="AuditMSP"))[0] == ANCHORER.encode()


async def test_logs_do_not_touch_each_other(channel: Channel) -> None:
    await channel.call("Anchor", ORIGIN, "7", ROOT)
    await channel.call("Anchor", "other.example", "3", ROOT)

    assert json.loads((await channel.call("Newest", ORIGIN))[0])["size"] == 7
    assert (await channel.call("Newest", "third.example"))[0] == b""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("Delete", ORIGIN),
        ("Anchor", ORIGIN, "7"),
        ("Anchor", "", "7", ROOT),
        ("Anchor", "two\nlines", "7", ROOT),
        ("Anchor", "あ" * 86, "7", ROOT),
        ("Anchor", ORIGIN, "0", ROOT),
        ("Anchor", ORIGIN, "07", ROOT),
        ("Anchor", ORIGIN, "+7", ROOT),
        ("Anchor", ORIGIN, "７", ROOT),
        ("Anchor", ORIGIN, "7\n", ROOT),
        ("Anchor", ORIGIN, str(2**63), ROOT),
        ("Anchor", ORIGIN, "7", ROOT.upper()),
        ("Anchor", ORIGIN, "7", ROOT[:-2]),
        ("Anchor", ORIGIN, "7", ROOT + "\n"),
        ("Anchor", b"\xff", "7", ROOT),
    ],
)
async def test_what_is_malformed_is_refused_with_a_reason(channel: Channel, arguments: tuple[str | bytes, ...]) -> None:
    with pytest.raises(Refused) as refused:
        await channel.call(*arguments)

    assert refused.value.status == 400
    assert refused.value.reason
    assert channel.state == {}


@given(st.lists(st.integers(min_value=1, max_value=50), max_size=20))
async def test_whatever_is_sent_sizes_only_grow(sizes: list[int]) -> None:
    channel = Channel()
    taken = []
    for size in sizes:
        try:
            await channel.call("Anchor", ORIGIN, str(size), ROOT)
        except Refused:
            continue
        taken.append(size)

    assert taken == sorted(set(taken))
    assert (max(sizes) if sizes else None) == (taken[-1] if taken else None)


@given(st.text(max_size=20), st.integers(min_value=1, max_value=2**63 - 1), st.binary(min_size=32, max_size=32))
async def test_two_peers_write_the_same_bytes(origin: str, size: int, root: bytes) -> None:
    written = []
    for channel in (Channel(), Channel()):
        try:
            _, transaction = await channel.call("Anchor", origin, str(size), root.hex())
        except Refused as refused:
            written.append(refused.reason)
        else:
            written.append(repr((transaction.writes, transaction.event)))

    assert written[0] == written[1]
