"""Anchors on a real Hyperledger Fabric network, started by deploy/local from a release's programs."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import AnchorRefused, ChainUnavailable
from evote_anchors.fabric.contract import anchor_call
from evote_anchors.fabric.errors import BlockForged, RefusedByContract
from evote_anchors.fabric.gateway import DEFAULT_TIMEOUTS, Gateway
from evote_anchors.fabric.profile import Organisation, Profile, load_profile
from evote_anchors.fabric.proposal import Author, Call
from evote_anchors.fabric.reader import FabricReader
from evote_anchors.fabric.transactions import read_transaction
from evote_anchors.fabric.writer import FabricWriter
from evote_local.fabric.binaries import FabricMissing, find_binaries
from evote_local.fabric.network import FabricNetwork, FabricPeer
from evote_local.fabric.organisations import AUDIT, CITY
from evote_local.fabric.organisations import Organisation as NetworkOrganisation
from evote_local.fabric.readiness import until_endorsing
from evote_local.nodes.softhsm import SoftToken
from evote_platform.clock import utc_now
from evote_verify.chain_access import add_options, named_chains
from evote_verify.reading.chains import read_chain
from fabric_protos.common import ledger_pb2
from fabric_protos.msp import identities_pb2

pytestmark = pytest.mark.fabric


@pytest.fixture(scope="module")
def network() -> Iterator[FabricNetwork]:
    try:
        binaries = find_binaries()
    except FabricMissing as missing:
        pytest.skip(str(missing))
    directory = Path(tempfile.mkdtemp(prefix="evote-fabric-"))
    with FabricNetwork(directory, binaries) as running:
        asyncio.run(until_endorsing(running))
        yield running
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def whole(network: FabricNetwork) -> AsyncIterator[FabricNetwork]:
    """The network, of which a test stops parts; they are there again after it."""
    yield network
    network.start()
    await until_endorsing(network)


@pytest.fixture
def profile(network: FabricNetwork, tmp_path: Path) -> Callable[[NetworkOrganisation, list[FabricPeer]], Profile]:
    def make(organisation: NetworkOrganisation, peers: list[FabricPeer]) -> Profile:
        path = tmp_path / f"{secrets.token_hex(4)}.json"
        return load_profile(network.write_profile(path, organisation, peers))

    return make


@pytest.fixture
async def new_writer(
    network: FabricNetwork, profile: Callable[[NetworkOrganisation, list[FabricPeer]], Profile]
) -> AsyncIterator[Callable[[], FabricWriter]]:
    """Makes writers of the city, each with an empty memory, as after a restart."""
    made: list[FabricWriter] = []

    def make() -> FabricWriter:
        made.append(FabricWriter(profile(CITY, network.city_peers), secrets.token_bytes, utc_now))
        return made[-1]

    yield make
    for writer in made:
        await writer.close()


@pytest.fixture
async def readers(
    network: FabricNetwork, profile: Callable[[NetworkOrganisation, list[FabricPeer]], Profile]
) -> AsyncIterator[list[FabricReader]]:
    """One for each peer, as a client of the audit office."""
    each = [FabricReader(profile(AUDIT, [peer]), secrets.token_bytes, utc_now) for peer in network.peers]
    yield each
    for reader in each:
        await reader.close()


@pytest.fixture
def origin() -> str:
    """A log of this test alone."""
    return f"log.example/{secrets.token_hex(4)}"


def head(origin: str, size: int) -> Anchor:
    return Anchor(origin, size, size.to_bytes(32))


async def read_from_all(readers: list[FabricReader], origin: str) -> list[AnchoredHead]:
    """What every peer gives alike, once all are as far as the first."""
    last = max([(await reader.head()).block for reader in readers])
    for reader in readers:
        while (await reader.head()).block < last:  # noqa: ASYNC110 - another process moves
            await asyncio.sleep(0.05)
    answers = [list(await reader.anchors(origin, 0, last)) for reader in readers]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


async def test_anchors_are_read_back_alike_from_every_peer(
    new_writer: Callable[[], FabricWriter], readers: list[FabricReader], origin: str
) -> None:
    writer = new_writer()
    for size in (3, 7, 20):
        await writer.submit(head(origin, size))

    anchors = await read_from_all(readers, origin)

    assert [each.anchor for each in anchors] == [head(origin, size) for size in (3, 7, 20)]
    assert {each.anchorer for each in anchors} == {CITY.msp_id}
    assert [await reader.newest(origin) for reader in readers] == [head(origin, 20)] * len(readers)


async def test_only_growing_sizes_get_onto_the_chain(
    network: FabricNetwork,
    profile: Callable[[NetworkOrganisation, list[FabricPeer]], Profile],
    new_writer: Callable[[], FabricWriter],
    readers: list[FabricReader],
    origin: str,
) -> None:
    writer = new_writer()
    await writer.submit(head(origin, 7))
    city = profile(CITY, network.city_peers)
    gateway = Gateway(city.peers, Author(city.identity, secrets.token_bytes, utc_now), DEFAULT_TIMEOUTS)

    for size in (7, 6, 1):
        with pytest.raises(RefusedByContract, match="does not grow") as refused:
            await gateway.endorse(anchor_call(city.channel, city.chaincode, head(origin, size)))
        assert refused.value.status == 409
    with pytest.raises(AnchorRefused, match="two logs have one name"):
        await writer.submit(Anchor(origin, 7, b"\xff" * 32))
    await gateway.close()

    assert [each.anchor for each in await read_from_all(readers, origin)] == [head(origin, 7)]


async def test_only_the_anchorer_anchors(
    network: FabricNetwork, profile: Callable[[NetworkOrganisation, list[FabricPeer]], Profile], origin: str
) -> None:
    stranger = FabricWriter(profile(AUDIT, [network.audit_peer]), secrets.token_bytes, utc_now)

    with pytest.raises(RefusedByContract, match="only CityMSP may anchor"):
        await stranger.submit(head(origin, 7))

    assert await stranger.newest(origin) is None
    await stranger.close()


async def test_both_organisations_have_endorsed_an_anchor(
    network: FabricNetwork,
    profile: Callable[[NetworkOrganisation, list[FabricPeer]], Profile],
    new_writer: Callable[[], FabricWriter],
    origin: str,
) -> None:
    writer = new_writer()
    await writer.submit(head(origin, 7))
    last = (await writer.head()).block
    city = profile(CITY, network.city_peers)
    gateway = Gateway(city.peers, Author(city.identity, secrets.token_bytes, utc_now), DEFAULT_TIMEOUTS)
    (block,) = await gateway.blocks(city.channel, last, last)

    transaction = read_transaction(block.data.data[0], city.channel, city.chaincode)

    assert transaction is not None
    endorsers = [identities_pb2.SerializedIdentity.FromString(each.creator) for each in transaction.endorsements]
    assert {each.mspid for each in endorsers} == {CITY.msp_id, AUDIT.msp_id}
    await gateway.close()


async def test_an_organisation_that_has_not_endorsed_is_missed(
    network: FabricNetwork,
    profile: Callable[[NetworkOrganisation, list[FabricPeer]], Profile],
    new_writer: Callable[[], FabricWriter],
    origin: str,
) -> None:
    await new_writer().submit(head(origin, 7))
    audit = profile(AUDIT, [network.audit_peer])
    third = Organisation("ThirdMSP", audit.organisations[0].authorities)
    wanting = Profile(
        audit.channel, audit.chaincode, audit.peers, (*audit.organisations, third), audit.anchorer, audit.identity
    )
    reader = FabricReader(wanting, secrets.token_bytes, utc_now)

    with pytest.raises(BlockForged, match="no peer of ThirdMSP has endorsed it"):
        await reader.anchors(origin, 0, (await reader.head()).block)
    await reader.close()


async def test_our_block_hash_is_the_peers(
    network: FabricNetwork,
    profile: Callable[[NetworkOrganisation, list[FabricPeer]], Profile],
    new_writer: Callable[[], FabricWriter],
    origin: str,
) -> None:
    writer = new_writer()
    await writer.submit(head(origin, 7))
    city = profile(CITY, network.city_peers)
    gateway = Gateway(city.peers, Author(city.identity, secrets.token_bytes, utc_now), DEFAULT_TIMEOUTS)
    answer = await gateway.evaluate(Call(city.channel, "qscc", (b"GetChainInfo", city.channel.encode())))
    information = ledger_pb2.BlockchainInfo.FromString(answer)

    (anchored,) = await writer.anchors(origin, information.height - 1, information.height - 1)

    assert anchored.block_hash == information.currentBlockHash.hex()
    await gateway.close()


async def test_a_killed_peer_is_passed_over(
    whole: FabricNetwork, new_writer: Callable[[], FabricWriter], readers: list[FabricReader], origin: str
) -> None:
    writer = new_writer()
    await writer.submit(head(origin, 1))

    whole.city_peers[0].kill()
    await _submit_until_taken(writer, head(origin, 2))
    whole.city_peers[0].start()
    whole.city_peers[1].kill()
    await _submit_until_taken(writer, head(origin, 3))
    whole.city_peers[1].start()

    anchors = await read_from_all(readers, origin)
    assert [each.anchor for each in anchors] == [head(origin, size) for size in (1, 2, 3)]


async def test_without_the_audit_office_nothing_is_anchored(
    whole: FabricNetwork, new_writer: Callable[[], FabricWriter], origin: str
) -> None:
    writer = new_writer()
    whole.audit_peer.kill()

    with pytest.raises(ChainUnavailable):
        await writer.submit(head(origin, 7))
    assert await writer.newest(origin) is None

    whole.audit_peer.start()
    await _submit_until_taken(writer, head(origin, 7))
    assert await writer.newest(origin) == head(origin, 7)


async def test_a_submit_in_flight_survives_the_orderers_death(
    whole: FabricNetwork, new_writer: Callable[[], FabricWriter], readers: list[FabricReader], origin: str
) -> None:
    writer = new_writer()
    await writer.submit(head(origin, 1))
    in_flight = asyncio.create_task(writer.submit(head(origin, 2)))
    await asyncio.sleep(0.1)  # within the batch timeout: taken, and in no block

    whole.orderer.kill()
    outcome = (await asyncio.gather(in_flight, return_exceptions=True))[0]
    assert outcome is None or isinstance(outcome, ChainUnavailable)
    whole.orderer.start()
    await _submit_until_taken(writer, head(origin, 2))

    anchors = await read_from_all(readers, origin)
    assert [each.anchor for each in anchors] == [head(origin, 1), head(origin, 2)]


async def test_a_writer_that_dies_in_the_middle_doubles_nothing(
    new_writer: Callable[[], FabricWriter], readers: list[FabricReader], origin: str
) -> None:
    sizes = range(1, 9)
    for size in sizes:
        dying = asyncio.create_task(new_writer().submit(head(origin, size)))
        await asyncio.sleep(0.03 * size)  # from before the endorsement to after the commit
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await new_writer().submit(head(origin, size))

    anchors = await read_from_all(readers, origin)
    assert [each.anchor for each in anchors] == [head(origin, size) for size in sizes]


async def test_two_writers_racing_leave_a_growing_chain(
    new_writer: Callable[[], FabricWriter], readers: list[FabricReader], origin: str
) -> None:
    writers = [new_writer(), new_writer()]

    for size in range(1, 6):
        await asyncio.gather(*(writer.submit(head(origin, size)) for writer in writers))

    anchors = await read_from_all(readers, origin)
    assert [each.anchor.size for each in anchors] == [1, 2, 3, 4, 5]


async def test_a_killed_chaincode_is_connected_again(
    whole: FabricNetwork, new_writer: Callable[[], FabricWriter], origin: str
) -> None:
    writer = new_writer()
    await writer.submit(head(origin, 1))

    for chaincode in whole.chaincodes:
        chaincode.kill()
        chaincode.start()
    await _submit_until_taken(writer, head(origin, 2))

    assert await writer.newest(origin) == head(origin, 2)


async def test_a_key_in_a_token_anchors(
    network: FabricNetwork, soft_token: SoftToken, tmp_path: Path, origin: str
) -> None:
    path = network.write_profile(tmp_path / "connection.json", CITY, network.city_peers)
    document = json.loads(path.read_text())
    soft_token.import_key(Path(document["identity"].pop("key_file")), "network-anchorer")
    document["identity"]["token"] = {
        "module": str(soft_token.module),
        "token_label": soft_token.label,
        "key_label": "network-anchorer",
        "pin_file": str(soft_token.pin_file),
    }
    path.write_text(json.dumps(document))
    writer = FabricWriter(load_profile(path), secrets.token_bytes, utc_now)

    for size in range(1, 6):  # half of a token's signatures have a high s, which a peer would refuse
        await writer.submit(head(origin, size))

    assert await writer.newest(origin) == head(origin, 5)
    await writer.close()


async def test_a_network_that_was_stopped_comes_back_with_its_anchors(
    whole: FabricNetwork, new_writer: Callable[[], FabricWriter], origin: str
) -> None:
    await new_writer().submit(head(origin, 1))

    whole.stop()
    whole.start()
    writer = new_writer()
    await _submit_until_taken(writer, head(origin, 2))

    assert await writer.newest(origin) == head(origin, 2)


async def _submit_until_taken(writer: FabricWriter, anchor: Anchor) -> None:
    """As the service does: submit again until the outcome is known."""
    while True:
        try:
            return await writer.submit(anchor)
        except ChainUnavailable:
            await asyncio.sleep(0.2)


async def test_an_auditor_of_the_audit_office_reads_what_the_city_anchored(
    network: FabricNetwork, new_writer: Callable[[], FabricWriter], origin: str, tmp_path: Path
) -> None:
    """As ``evote-verify --fabric``: through the office's own peer, whose word is checked."""
    writer = new_writer()
    sizes = [3, 5, 9]
    for size in sizes:
        await writer.submit(head(origin, size))
    path = network.write_profile(tmp_path / "audit.json", AUDIT, [network.audit_peer])
    parser = argparse.ArgumentParser()
    add_options(parser)
    (chain,) = named_chains(parser.parse_args(["--fabric", str(path)]))
    while (evidence := await read_chain(chain, origin, utc_now)).newest != head(origin, sizes[-1]):  # noqa: ASYNC110
        await asyncio.sleep(0.1)  # the office's peer takes the block a moment after the city's
    assert [anchored.anchor for anchored in evidence.anchors] == [head(origin, size) for size in sizes]
    assert {anchored.anchorer for anchored in evidence.anchors} == {CITY.msp_id}
    assert evidence.anchor_contract == writer.anchor_contract
