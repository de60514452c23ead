"""Submitting, through every failure: an anchor is on the chain once, or the caller knows that it may not be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import AnchorRefused, ChainUnavailable
from evote_anchors.fabric.contract import anchor_call
from evote_anchors.fabric.errors import InvalidatedByChannel, RefusedByContract
from evote_anchors.fabric.identity import Identity
from evote_anchors.fabric.profile import Profile
from evote_anchors.fabric.reader import FabricReader
from evote_anchors.fabric.writer import FabricWriter
from fabric_protos.peer import transaction_pb2

from .authorities import TestOrganisation
from .channel_stand_in import StandInChannel
from .conftest import NOW, SHORT_TIMEOUTS, TIMEOUTS
from .gateway_stand_in import Fault, StandInPeer

ORIGIN = "log.example/2026"


def head(size: int, root: int | None = None) -> Anchor:
    return Anchor(ORIGIN, size, bytes([root if root is not None else size % 256]) * 32)


async def everything(reader: FabricReader) -> list[AnchoredHead]:
    return list(await reader.anchors(ORIGIN, 0, (await reader.head()).block))


async def test_what_is_submitted_is_read_back(writer: FabricWriter, reader: FabricReader) -> None:
    await writer.submit(head(7))
    await writer.submit(head(9))

    anchors = await everything(reader)

    assert [each.anchor for each in anchors] == [head(7), head(9)]
    assert await reader.newest(ORIGIN) == head(9)
    assert [each.block for each in anchors] == [1, 2]
    assert {each.anchorer for each in anchors} == {"CityMSP"}
    assert {each.block_time for each in anchors} == {NOW}


async def test_a_log_that_was_never_anchored_has_no_newest_head(writer: FabricWriter, reader: FabricReader) -> None:
    await writer.submit(head(7))

    assert await reader.newest("other.example") is None
    assert list(await reader.anchors("other.example", 0, 1)) == []


@pytest.mark.parametrize("size", [7, 6])
async def test_a_head_that_is_held_is_not_sent_again(writer: FabricWriter, peers: list[StandInPeer], size: int) -> None:
    await writer.submit(head(7))
    sent = peers[0].calls.count("Submit")

    await writer.submit(head(size))

    assert peers[0].calls.count("Submit") == sent


async def test_a_second_root_at_one_size_is_refused(writer: FabricWriter, reader: FabricReader) -> None:
    await writer.submit(head(7))

    with pytest.raises(AnchorRefused, match="two logs have one name"):
        await writer.submit(head(7, root=99))

    assert [each.anchor for each in await everything(reader)] == [head(7)]


async def test_another_organisation_is_refused_by_the_contract(
    profile_of: Callable[[Identity], Profile], audit: TestOrganisation, random: Callable[[int], bytes]
) -> None:
    stranger = FabricWriter(profile_of(audit.client.identity), random, lambda: NOW, TIMEOUTS)

    with pytest.raises(RefusedByContract, match="only CityMSP may anchor") as refused:
        await stranger.submit(head(7))

    assert refused.value.status == 403
    await stranger.close()


async def submit_until_taken(writer: FabricWriter, anchor: Anchor) -> None:
    """As the service does."""
    while True:
        try:
            return await writer.submit(anchor)
        except ChainUnavailable:
            await asyncio.sleep(0.1)


FAULTS = [
    *(
        (method, fault)
        for method in ("Evaluate", "Endorse", "Submit", "CommitStatus")
        for fault in (Fault.LOST, Fault.SILENT)
    ),
    # Only this one changes anything when it lands.
    ("Submit", Fault.LANDED_BUT_REPORTED_FAILED),
    ("Submit", Fault.LANDED_BUT_SILENT),
]


@pytest.mark.parametrize("timeouts", [SHORT_TIMEOUTS])
@pytest.mark.parametrize(("method", "fault"), FAULTS)
async def test_one_peer_failing_is_made_good_by_the_other(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer], method: str, fault: Fault
) -> None:
    peers[0].fail(method, fault)

    # A status that doesn't come in time is no answer: then the caller submits again.
    for _ in range(2):
        try:
            await writer.submit(head(7))
        except ChainUnavailable:
            continue

    assert [each.anchor for each in await everything(reader)] == [head(7)]


@pytest.mark.parametrize("timeouts", [SHORT_TIMEOUTS])
@pytest.mark.parametrize(("method", "fault"), FAULTS)
async def test_both_peers_failing_leaves_the_outcome_open_and_a_new_submit_settles_it(
    new_writer: Callable[[], FabricWriter], reader: FabricReader, peers: list[StandInPeer], method: str, fault: Fault
) -> None:
    for peer in peers:
        peer.fail(method, fault)
    writer = new_writer()
    with pytest.raises(ChainUnavailable):
        await writer.submit(head(7))

    await submit_until_taken(writer, head(7))

    assert [each.anchor for each in await everything(reader)] == [head(7)]


@pytest.mark.parametrize("timeouts", [SHORT_TIMEOUTS])
@pytest.mark.parametrize(("method", "fault"), FAULTS)
async def test_a_crash_after_any_failure_doubles_nothing(
    new_writer: Callable[[], FabricWriter], reader: FabricReader, peers: list[StandInPeer], method: str, fault: Fault
) -> None:
    for peer in peers:
        peer.fail(method, fault)
    with pytest.raises(ChainUnavailable):
        await new_writer().submit(head(7))

    await submit_until_taken(new_writer(), head(7))  # another process: it remembers nothing

    assert [each.anchor for each in await everything(reader)] == [head(7)]


@pytest.mark.parametrize("timeouts", [SHORT_TIMEOUTS])
async def test_a_head_on_its_way_is_waited_for_and_not_sent_twice(
    writer: FabricWriter, reader: FabricReader, channel: StandInChannel, peers: list[StandInPeer]
) -> None:
    channel.hold = True
    with pytest.raises(ChainUnavailable, match="is in no block yet"):
        await writer.submit(head(7))
    await channel.cut()

    await submit_until_taken(writer, head(7))

    assert sum(peer.calls.count("Submit") for peer in peers) == 1
    assert [each.anchor for each in await everything(reader)] == [head(7)]


async def test_of_two_transactions_of_one_head_in_a_block_one_counts(
    new_writer: Callable[[], FabricWriter], reader: FabricReader, channel: StandInChannel
) -> None:
    channel.hold = True
    first, restarted = new_writer(), new_writer()
    submits = [asyncio.create_task(each.submit(head(7))) for each in (first, restarted)]
    await channel.until_waiting(2)
    channel.hold = False
    await channel.cut()

    await asyncio.gather(*submits)

    codes = sorted(code for code, _ in channel.codes.values())
    assert codes == [transaction_pb2.VALID, transaction_pb2.MVCC_READ_CONFLICT]
    assert [each.anchor for each in await everything(reader)] == [head(7)]


async def test_a_head_overtaken_by_a_larger_one_is_content(
    new_writer: Callable[[], FabricWriter], reader: FabricReader, channel: StandInChannel
) -> None:
    channel.hold = True
    larger = asyncio.create_task(new_writer().submit(head(9)))
    await channel.until_waiting(1)
    smaller = asyncio.create_task(new_writer().submit(head(7)))
    await channel.until_waiting(2)
    channel.hold = False
    await channel.cut()

    await asyncio.gather(larger, smaller)

    assert [each.anchor for each in await everything(reader)] == [head(9)]


async def test_a_transaction_that_every_peer_marks_invalid_is_reported(
    writer: FabricWriter, channel: StandInChannel, peers: list[StandInPeer]
) -> None:
    channel.verdict = transaction_pb2.ENDORSEMENT_POLICY_FAILURE

    with pytest.raises(InvalidatedByChannel) as invalid:
        await writer.submit(head(7))

    assert invalid.value.code == "ENDORSEMENT_POLICY_FAILURE"


async def test_a_peer_that_is_down_is_passed_over_and_used_again_when_the_other_goes(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    await peers[0].stop()
    await writer.submit(head(7))
    await peers[0].start()
    await peers[1].stop()

    await submit_until_taken(writer, head(9))  # gRPC tries a lost connection again only after a while

    assert [each.anchor for each in await everything(reader)] == [head(7), head(9)]


async def test_every_peer_that_failed_is_named(writer: FabricWriter, peers: list[StandInPeer]) -> None:
    for peer in peers:
        await peer.stop()

    with pytest.raises(ChainUnavailable) as unavailable:
        await writer.submit(head(7))

    for peer in peers:
        assert peer.address in unavailable.value.reason


async def test_a_contract_refusal_is_not_asked_of_another_peer(writer: FabricWriter, peers: list[StandInPeer]) -> None:
    with pytest.raises(RefusedByContract) as refused:
        await writer._gateway.evaluate(anchor_call("anchors", "anchor", head(0)))

    assert refused.value.status == 400
    assert peers[1].calls == []
