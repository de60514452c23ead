"""A peer that lies: what it shows is taken only with the signatures and hashes that make it the channel's."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import ChainUnavailable, WrongContract
from evote_anchors.fabric import reader as reader_module
from evote_anchors.fabric.blocks import header_hash
from evote_anchors.fabric.contract import anchor_call
from evote_anchors.fabric.errors import BlockForged
from evote_anchors.fabric.identity import Identity
from evote_anchors.fabric.profile import Profile
from evote_anchors.fabric.proposal import Author
from evote_anchors.fabric.reader import FabricReader
from evote_anchors.fabric.writer import FabricWriter
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from .authorities import Member, TestOrganisation
from .channel_stand_in import Simulation, StandInChannel, assemble
from .conftest import NOW
from .gateway_stand_in import StandInPeer

ORIGIN = "log.example/2026"
HEAD = Anchor(ORIGIN, 7, b"\x07" * 32)


class Forger:
    """Writes transactions that no honest channel would hold, and puts them into blocks."""

    def __init__(self, channel: StandInChannel, random: Callable[[int], bytes]) -> None:
        self._channel = channel
        self._random = random

    async def put(self, author: Member, endorsers: list[Member], simulate: Callable[[Simulation], object]) -> None:
        """A transaction whose state changes are ``simulate``'s, endorsed by these."""
        writing = Author(author.identity, self._random, lambda: NOW)
        proposal = self._channel.receive(writing.call(anchor_call("anchors", "anchor", HEAD)).proposal)
        simulation = Simulation(self._channel, author.msp_id)
        simulate(simulation)
        envelope = assemble(proposal, simulation, b"", [each.identity for each in endorsers])
        envelope.signature = author.identity.sign(envelope.payload)
        await self._channel.order(envelope)


def writes(key: str, value: bytes) -> Callable[[Simulation], object]:
    return lambda simulation: simulation.writes.update({key: value})


def writes_head(size: int) -> Callable[[Simulation], object]:
    root = "07" * 32
    return writes(f"head/{ORIGIN}", f'{{"origin":"{ORIGIN}","root":"{root}","size":{size}}}'.encode())


@pytest.fixture
def forger(channel: StandInChannel, random: Callable[[int], bytes]) -> Forger:
    return Forger(channel, random)


async def everything(reader: FabricReader) -> list[AnchoredHead]:
    return list(await reader.anchors(ORIGIN, 0, (await reader.head()).block))


async def test_a_rightly_signed_transaction_of_the_forger_is_taken(
    forger: Forger, reader: FabricReader, city: TestOrganisation, audit: TestOrganisation
) -> None:
    await forger.put(city.client, [city.peer, audit.peer], writes_head(7))

    assert [each.anchor for each in await everything(reader)] == [HEAD]


async def test_an_anchor_without_an_organisations_endorsement_is_forged(
    forger: Forger, reader: FabricReader, city: TestOrganisation
) -> None:
    await forger.put(city.client, [city.peer], writes_head(7))

    with pytest.raises(BlockForged, match="no peer of AuditMSP has endorsed it"):
        await everything(reader)


async def test_an_endorsement_of_a_client_is_none_of_its_organisation(
    forger: Forger, reader: FabricReader, city: TestOrganisation, audit: TestOrganisation
) -> None:
    await forger.put(city.client, [city.peer, audit.client], writes_head(7))

    with pytest.raises(BlockForged, match="no peer of AuditMSP has endorsed it"):
        await everything(reader)


async def test_a_certificate_of_another_authority_under_the_same_name_is_forged(
    forger: Forger, reader: FabricReader, city: TestOrganisation
) -> None:
    impostor = TestOrganisation("AuditMSP", NOW)
    await forger.put(city.client, [city.peer, impostor.peer], writes_head(7))

    with pytest.raises(BlockForged, match="a certificate is not AuditMSP's"):
        await everything(reader)


async def test_an_endorser_whose_certificate_had_run_out_is_none(
    forger: Forger, reader: FabricReader, city: TestOrganisation, audit: TestOrganisation
) -> None:
    expired = audit.member("peer", lasts=timedelta(hours=-1))
    await forger.put(city.client, [city.peer, expired], writes_head(7))

    with pytest.raises(BlockForged, match="was not valid at"):
        await everything(reader)


async def test_an_organisation_that_nobody_named_proves_nothing(
    forger: Forger, reader: FabricReader, city: TestOrganisation, audit: TestOrganisation
) -> None:
    await forger.put(city.client, [city.peer, audit.peer, TestOrganisation("OtherMSP", NOW).peer], writes_head(7))

    with pytest.raises(BlockForged, match="OtherMSP is none of the organisations"):
        await everything(reader)


async def test_a_change_by_another_than_the_anchorer_is_not_the_anchor_contracts(
    forger: Forger, reader: FabricReader, city: TestOrganisation, audit: TestOrganisation
) -> None:
    await forger.put(audit.client, [city.peer, audit.peer], writes_head(7))

    with pytest.raises(WrongContract, match="AuditMSP changed the contract's state"):
        await everything(reader)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("other", b"{}"),
        (f"head/{ORIGIN}", b"{}"),
        (f"head/{ORIGIN}", b"\xff"),
        (f"head/{ORIGIN}", b'{"origin":"x","root":"00","size":1}'),
        (f"head/{ORIGIN}", b'{"origin": "' + ORIGIN.encode() + b'", "root": "' + b"07" * 32 + b'", "size": 7}'),
        ("head/other", b'{"origin":"' + ORIGIN.encode() + b'","root":"' + b"07" * 32 + b'","size":7}'),
    ],
)
async def test_state_that_is_no_head_is_not_the_anchor_contracts(
    forger: Forger, reader: FabricReader, city: TestOrganisation, audit: TestOrganisation, key: str, value: bytes
) -> None:
    await forger.put(city.client, [city.peer, audit.peer], writes(key, value))

    with pytest.raises(WrongContract):
        await everything(reader)


async def test_a_transaction_that_the_channel_found_invalid_is_no_anchor(
    forger: Forger, channel: StandInChannel, reader: FabricReader, city: TestOrganisation, audit: TestOrganisation
) -> None:
    channel.verdict = transaction_pb2.ENDORSEMENT_POLICY_FAILURE
    await forger.put(city.client, [city.peer, audit.peer], writes_head(7))

    assert await everything(reader) == []


def without_signature(block: common_pb2.Block) -> None:
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    envelope.signature = b""
    block.data.data[0] = envelope.SerializeToString()


def under_another_author(member: Member) -> Callable[[common_pb2.Block], None]:
    def change(block: common_pb2.Block) -> None:
        envelope = common_pb2.Envelope.FromString(block.data.data[0])
        payload = common_pb2.Payload.FromString(envelope.payload)
        author = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
        writing = Author(member.identity, lambda _: bytes(author.nonce), lambda: NOW)
        proposal = writing.call(anchor_call("anchors", "anchor", HEAD))
        author.creator = member.identity.creator
        payload.header.signature_header = author.SerializeToString()
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        header.tx_id = proposal.transaction
        payload.header.channel_header = header.SerializeToString()
        envelope.payload = payload.SerializeToString()
        envelope.signature = member.identity.sign(envelope.payload)
        block.data.data[0] = envelope.SerializeToString()

    return change


def fit_header(block: common_pb2.Block) -> None:
    block.header.data_hash = hashlib.sha256(b"".join(block.data.data)).digest()


async def show(
    peers: list[StandInPeer], change: Callable[[common_pb2.Block], None], *, number: int, refit: bool = False
) -> None:
    """Let the first peer, which is asked first, show a changed block."""
    peers[0].blocks = copy.deepcopy(peers[0].blocks)
    change(peers[0].blocks[number])
    if refit:
        fit_header(peers[0].blocks[number])


async def test_a_changed_transaction_does_not_fit_its_header(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    await writer.submit(HEAD)
    await show(peers, without_signature, number=1)

    with pytest.raises(BlockForged, match="its transactions are not those of its header"):
        await everything(reader)


async def test_a_transaction_without_its_authors_signature_is_forged(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    await writer.submit(HEAD)
    await show(peers, without_signature, number=1, refit=True)

    with pytest.raises(BlockForged, match="a signature of CityMSP does not verify"):
        await everything(reader)


async def test_endorsements_do_not_move_to_another_authors_proposal(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer], city: TestOrganisation
) -> None:
    await writer.submit(HEAD)
    await show(peers, under_another_author(city.member("client")), number=1, refit=True)

    with pytest.raises(BlockForged, match="what was endorsed is another proposal"):
        await everything(reader)


async def test_a_block_without_validation_codes_is_forged(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    await writer.submit(HEAD)
    await show(peers, lambda block: block.metadata.Clear(), number=1)

    with pytest.raises(BlockForged, match="1 transactions and 0 validation codes"):
        await everything(reader)


async def test_blocks_that_do_not_chain_are_forged(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    for size in (7, 8, 9):
        await writer.submit(Anchor(ORIGIN, size, bytes(32)))
    await show(peers, lambda block: block.data.data.pop(), number=2, refit=True)
    peers[0].blocks[2].metadata.metadata[common_pb2.TRANSACTIONS_FILTER] = b""

    with pytest.raises(BlockForged, match="it follows"):
        await everything(reader)


async def test_a_chain_that_was_rewritten_since_the_last_read_is_seen(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    await writer.submit(HEAD)
    await everything(reader)
    await writer.submit(Anchor(ORIGIN, 9, bytes(32)))
    await show(peers, lambda block: setattr(block.header, "previous_hash", bytes(32)), number=2)

    with pytest.raises(BlockForged, match="it follows"):
        await reader.anchors(ORIGIN, 2, 2)


async def test_a_block_in_another_ones_place_is_seen(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    for size in (7, 9):
        await writer.submit(Anchor(ORIGIN, size, bytes(32)))
    peers[0].blocks = [peers[0].blocks[0], peers[0].blocks[2], peers[0].blocks[1]]

    with pytest.raises(BlockForged, match="the peer showed block 2 in its place"):
        await reader.anchors(ORIGIN, 1, 1)


async def test_after_a_forged_block_the_next_peer_is_read(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    await writer.submit(HEAD)
    await show(peers, without_signature, number=1)
    with pytest.raises(BlockForged):
        await everything(reader)

    assert [each.anchor for each in await everything(reader)] == [HEAD]


async def test_blocks_that_are_left_out_are_missed(
    writer: FabricWriter, reader: FabricReader, peers: list[StandInPeer]
) -> None:
    for size in (7, 9):
        await writer.submit(Anchor(ORIGIN, size, bytes(32)))
    peers[0].blocks = peers[0].blocks[:2]

    with pytest.raises(BlockForged, match="asked for blocks 0 to 2, the peer showed 2"):
        await reader.anchors(ORIGIN, 0, 2)


async def test_a_block_that_is_not_there_yet_is_no_answer(reader: FabricReader) -> None:
    with pytest.raises(ChainUnavailable, match="NOT_FOUND"):
        await reader.anchors(ORIGIN, 5, 6)


async def test_more_blocks_than_fit_one_request_are_read_in_order(
    writer: FabricWriter, reader: FabricReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_BLOCKS_AT_ONCE", 2)
    for size in range(1, 6):
        await writer.submit(Anchor(ORIGIN, size, bytes(32)))

    assert [each.anchor.size for each in await everything(reader)] == [1, 2, 3, 4, 5]


async def test_a_newest_head_of_another_log_is_not_the_contracts(
    profile_of: Callable[[Identity], Profile], channel: StandInChannel, reader: FabricReader
) -> None:
    channel.state[f"head/{ORIGIN}"] = (b'{"origin":"other","root":"' + b"07" * 32 + b'","size":7}', (1, 0))

    with pytest.raises(WrongContract, match="the contract answered for other"):
        await reader.newest(ORIGIN)


def test_a_header_is_hashed_as_fabric_does() -> None:
    # Block 5 of a channel on Fabric 3.1, and the hash that its peer gave for it (qscc GetChainInfo).
    header = common_pb2.BlockHeader(
        number=5,
        previous_hash=bytes.fromhex("21e1a54918deca5acc8175b796b7c20d4a48d91d5bfc07b2b310c36b600535f1"),
        data_hash=bytes.fromhex("bafbfa2fe1d568d3b83483867ab921ddd2bd0eea97b2191a416671908837bdac"),
    )

    assert header_hash(header).hex() == "9c9a444a1e3240dfa8a708649ec3519cca0ad1f39979f28ed88f9e39ae435b5e"
