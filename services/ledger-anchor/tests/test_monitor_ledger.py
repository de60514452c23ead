"""The fold of ``evote.ledger`` with records damaged, dropped, forged and forked; and chains that disagree with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_anchors.anchor import Anchor, AnchoredHead, ChainHead
from evote_anchors.errors import ChainUnavailable
from evote_eventlog.envelope import Envelope
from evote_eventlog.events import AnchorVerified, CheckpointAnchored, CheckpointSigned, EventData, LogEntry, Topic
from evote_eventlog.record import PoisonRecord, Record, RecordPosition
from evote_ledger_anchor.domain import sign_checkpoints
from evote_ledger_anchor.monitor.chains import PATIENCE, READ_ALL_EVERY, ChainWatch
from evote_ledger_anchor.monitor.domain import Entry, Finding
from evote_ledger_anchor.monitor.ledger import Claim, SignedLog, judge_claims, judge_end
from evote_ledger_anchor.monitor.notes import Notes
from evote_tlog.checkpoint import SigningKey
from evote_tlog.merkle import Frontier
from hypothesis import given
from hypothesis import strategies as st

KEY = SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
MOMENT = datetime(2026, 11, 24, tzinfo=UTC)
CHAIN = "eip155:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3"

growths = st.lists(st.integers(1, 5), min_size=2, max_size=8)


def log_entry(number: int, salt: str = "") -> LogEntry:
    leaf = hashlib.sha256(f"{salt}{number}".encode()).hexdigest()
    return LogEntry(topic="ballots", partition=0, offset=number, leaf_hash=leaf)


def checkpoints(growth: Sequence[int], salt: str = "", shared: int = 0) -> list[CheckpointSigned]:
    """One for each growth; with ``salt``, of another log that shares the first entries."""
    frontier = Frontier()
    events: list[CheckpointSigned] = []
    for count in growth:
        numbers = range(frontier.size, frontier.size + count)
        entries = [log_entry(number, salt if number >= shared else "") for number in numbers]
        events += sign_checkpoints(frontier, entries, KEY)
    return events


def served_by(events: Sequence[CheckpointSigned]) -> dict[int, Entry]:
    """What the projection makes of them."""
    entries = [entry for event in events for entry in event.entries]
    return {
        index: Entry(entry.topic, entry.partition, entry.offset, bytes.fromhex(entry.leaf_hash))
        for index, entry in enumerate(entries)
    }


def fold(events: Sequence[EventData | None], served: Mapping[int, Entry] | None = None) -> SignedLog:
    """None is a record that can't be read; a record that is gone is left out."""
    log = SignedLog(Notes(KEY.verifier), served or {}, projected_to=1000)
    for offset, event in enumerate(events):
        position = RecordPosition(Topic.LEDGER, 0, offset)
        if event is None:
            log.take(PoisonRecord(position, b"", "not JSON"))
        else:
            log.take(Record(position, Envelope.wrap(event, id="1", source="test", time=MOMENT), b"", MOMENT))
    return log


def found_in(log: SignedLog) -> list[Finding]:
    return [*log.findings, *judge_claims(log, log.claims)]


@given(growths)
def test_an_intact_log_has_no_finding(growth: list[int]) -> None:
    log = fold(checkpoints(growth))
    assert (found_in(log), log.size, log.blind) == ([], sum(growth), False)


@given(growths, st.data())
def test_a_damaged_checkpoint_is_found_and_does_not_blind_the_monitor(growth: list[int], data: st.DataObject) -> None:
    events: list[EventData | None] = list(checkpoints(growth))
    at = data.draw(st.integers(0, len(events) - 2))
    whole = checkpoints(growth)
    damages: list[EventData | None] = [
        None,
        whole[at].model_copy(update={"root": "0" * 64}),
        whole[at].model_copy(update={"note": whole[at].note.replace("\u2014", "-")}),
        whole[at].model_copy(update={"entries": (log_entry(9999), *whole[at].entries[1:])}),
    ]
    events[at] = data.draw(st.sampled_from(damages))
    log = fold(events, served_by(whole))
    (finding,) = found_in(log)
    assert (finding.kind, finding.where) == ("entry-changed", f"Kafka ledger/0 offset {at}")
    assert log.entries == fold(whole).entries


@given(growths, st.data())
def test_a_dropped_checkpoint_is_found(growth: list[int], data: st.DataObject) -> None:
    whole = checkpoints(growth)
    at = data.draw(st.integers(0, len(whole) - 2))
    log = fold([*whole[:at], *whole[at + 1 :]], served_by(whole))
    (finding,) = found_in(log)
    assert (finding.kind, finding.where) == ("entry-dropped", "Kafka ledger/0")
    assert finding.expected == f"a checkpoint that continues size {sum(growth[:at])}"
    assert log.entries == fold(whole).entries


@given(growths)
def test_a_gap_that_nothing_bridges_ends_what_can_be_judged(growth: list[int]) -> None:
    whole = checkpoints(growth)
    log = fold(whole[1:])
    assert [finding.kind for finding in found_in(log)] == ["entry-dropped"]
    assert (log.blind, log.size) == (True, 0)
    assert judge_end(log, Claim(sum(growth), b"", "memory", "signed", "source")) == []


@given(growths)
def test_the_projection_can_not_bridge_a_gap_with_other_entries(growth: list[int]) -> None:
    whole = checkpoints(growth)
    log = fold(whole[1:], served_by(checkpoints(growth, salt="other")))
    assert log.blind


@given(growths, st.data())
def test_a_fork_that_the_logs_key_signed_is_found(growth: list[int], data: st.DataObject) -> None:
    whole = checkpoints(growth)
    at = data.draw(st.integers(0, len(whole) - 1))
    fork = checkpoints(growth, salt="fork", shared=whole[at].previous_size)[at]
    log = fold([*whole, fork])
    (finding,) = found_in(log)
    assert (finding.kind, finding.where) == ("log-forked", f"Kafka ledger/0 offset {len(whole)}, size {fork.size}")
    assert whole[at].root in finding.expected
    assert fork.root in finding.found
    assert log.entries == fold(whole).entries


@given(growths)
def test_a_fork_that_reaches_beyond_the_log_is_found_once_however_the_log_goes_on(growth: list[int]) -> None:
    whole = checkpoints(growth)
    longer = checkpoints([*growth[:-1], growth[-1] + 3], salt="fork")[-1]
    before, after = fold([*whole, longer]), fold([*whole, longer, *checkpoints([*growth, 9])[-1:]])
    assert [finding.kind for finding in found_in(before)] == ["log-forked"]
    assert [finding.id for finding in found_in(before)] == [finding.id for finding in found_in(after)]
    assert after.size == sum(growth) + 9


def test_a_forged_checkpoint_is_found_when_it_claims_another_root_for_a_size_of_the_log() -> None:
    whole = checkpoints([3, 4])
    forged = checkpoints([3], salt="forged")[0].model_copy(update={"note": whole[0].note})
    (finding,) = found_in(fold([*whole, forged]))
    assert (finding.kind, "not signed by the log's key" in finding.found) == ("log-forked", True)
    ahead = forged.model_copy(update={"size": 20, "previous_size": 17})
    assert found_in(fold([*whole, ahead])) == []


@given(growths, st.data())
def test_a_log_that_is_smaller_than_what_was_seen_was_rolled_back(growth: list[int], data: st.DataObject) -> None:
    whole = checkpoints(growth)
    left = data.draw(st.integers(0, len(whole) - 1))
    seen = Claim(whole[-1].size, bytes.fromhex(whole[-1].root), "the monitor's memory", "signed", "source")
    assert judge_end(fold(whole), seen) == []
    (finding,) = judge_end(fold(whole[:left]), seen)
    assert finding.kind == "log-rolled-back"


class FakeChain:
    """A chain as a list of anchors: stands for a node where none runs."""

    chain, ledger = "ethereum", CHAIN

    def __init__(self) -> None:
        self.anchored: list[AnchoredHead] = []
        self.block = self.final_block = 0
        self.contract: Anchor | None = None
        self.down = False
        self.asked: list[tuple[int, int]] = []

    def anchor(self, size: int, root: str) -> AnchoredHead:
        self.block += 1
        self.final_block = self.block
        self.contract = Anchor(KEY.verifier.name, size, bytes.fromhex(root))
        block_hash, transaction = f"0x{self.block:064x}", f"0x{size:064x}"
        self.anchored.append(AnchoredHead(self.contract, transaction, self.block, block_hash, MOMENT, "0xabc"))
        return self.anchored[-1]

    async def head(self) -> ChainHead:
        if self.down:
            raise ChainUnavailable("down")
        return ChainHead(self.block, self.final_block)

    async def newest(self, origin: str) -> Anchor | None:
        if self.down:
            raise ChainUnavailable("down")
        return self.contract

    async def anchors(self, origin: str, first_block: int, last_block: int) -> list[AnchoredHead]:
        self.asked.append((first_block, last_block))
        return [held for held in self.anchored if first_block <= held.block <= last_block]


def announced(held: AnchoredHead) -> CheckpointAnchored:
    return CheckpointAnchored(
        origin=held.anchor.origin,
        chain="ethereum",
        ledger=CHAIN,
        size=held.anchor.size,
        root=held.anchor.root.hex(),
        transaction=held.transaction,
        block=held.block,
        block_hash=held.block_hash,
        block_time="2026-11-25T00:00:00.000Z",
        anchorer=held.anchorer,
    )


def verified(held: AnchoredHead) -> list[EventData]:
    event = announced(held)
    return [event, AnchorVerified(**event.model_dump(exclude={"block_time", "anchorer"}))]


def test_the_fold_keeps_the_anchors_that_the_projection_keeps(chain: FakeChain) -> None:
    whole = checkpoints([3, 4, 5])
    first = chain.anchor(3, whole[0].root)
    moved = replace(first, block=2, block_hash="0x22")
    lost, last = chain.anchor(7, whole[1].root), replace(chain.anchor(12, whole[2].root), block=5)
    late = replace(lost, block=6, block_hash="0x66")
    other = replace(first, block=9, block_hash="0x99")
    log = fold(
        [
            *whole,
            announced(first),
            *verified(moved),
            announced(lost),
            *verified(last),
            verified(lost)[1],
            *verified(other),
            *verified(late),
        ]
    )
    assert [(event.size, event.block) for event in log.rows.verified.values()] == [(3, 2), (12, 5), (7, 6)]
    assert [event.block for event in log.verified] == [2, 5, 6]


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def watch(chain: FakeChain) -> ChainWatch:
    return ChainWatch(chain, KEY.verifier.name)


async def look(watch: ChainWatch, log: SignedLog, lost: Mapping[int, bytes] | None = None) -> list[Finding]:
    reading = await watch.read()
    assert reading is not None
    return watch.judge(reading, log, lost or {})


async def test_anchors_of_signed_checkpoints_are_no_finding(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = [chain.anchor(event.size, event.root) for event in whole]
    log = fold([*whole, *(event for anchor in held for event in verified(anchor))])
    assert [await look(watch, log) for _ in range(2 * READ_ALL_EVERY)] == [[]] * (2 * READ_ALL_EVERY)
    assert chain.asked.count((0, 2)) == 2


async def test_an_anchor_of_a_size_that_was_never_signed_was_not_asked_for(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = chain.anchor(5, "5" * 64)
    (finding,) = await look(watch, fold(whole))
    where = f"{CHAIN} block 1 transaction {held.transaction}"
    assert (finding.kind, finding.where) == ("anchor-unrequested", where)


async def test_an_anchor_with_another_root_disagrees(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    chain.anchor(3, "5" * 64)
    (finding,) = await look(watch, fold(whole))
    assert (finding.kind, finding.expected) == ("chain-disagrees", f"root {whole[0].root}")


async def test_an_anchor_beyond_the_log_says_what_is_known_of_it(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    chain.anchor(7, whole[1].root)
    (unknown,) = await look(watch, fold(whole[:1]))
    assert unknown.kind == "anchor-unrequested"
    assert "cut off, or never was so large" in unknown.found
    (known,) = await look(watch, fold(whole[:1]), {7: bytes.fromhex(whole[1].root)})
    assert known.kind == "log-rolled-back"


async def test_an_anchor_in_a_block_that_is_not_final_is_not_judged_yet(chain: FakeChain, watch: ChainWatch) -> None:
    chain.anchor(5, "5" * 64)
    chain.final_block = 0
    assert await look(watch, fold(checkpoints([3, 4]))) == []
    chain.final_block = 1
    assert [finding.kind for finding in await look(watch, fold(checkpoints([3, 4])))] == ["anchor-unrequested"]


async def test_a_verified_anchor_that_left_its_block_disagrees(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = chain.anchor(3, whole[0].root)
    log = fold([*whole, *verified(held)])
    chain.anchored[0] = AnchoredHead(held.anchor, held.transaction, 1, "0x" + "f" * 64, MOMENT, "0xabc")
    (finding,) = await look(watch, log)
    assert (finding.kind, finding.where) == ("chain-disagrees", f"{CHAIN} block 1")
    assert held.block_hash in finding.expected


async def test_a_final_anchor_that_is_gone_when_all_blocks_are_read_again_disagrees(
    chain: FakeChain, watch: ChainWatch
) -> None:
    whole = checkpoints([3, 4])
    for event in whole:
        chain.anchor(event.size, event.root)
    found = [await look(watch, fold(whole))]
    del chain.anchored[0]
    found += [await look(watch, fold(whole)) for _ in range(READ_ALL_EVERY)]
    assert [finding.kind for findings in found for finding in findings] == ["chain-disagrees"]


@pytest.mark.parametrize("contract", [None, Anchor(KEY.verifier.name, 3, bytes(32)), Anchor("", 900, bytes(32))])
async def test_a_contract_that_forgot_its_newest_anchor_disagrees_when_it_does_so_for_long(
    chain: FakeChain, watch: ChainWatch, contract: Any
) -> None:
    whole = checkpoints([3, 4])
    for event in whole:
        chain.anchor(event.size, event.root)
    chain.contract = contract
    found = [await look(watch, fold(whole)) for _ in range(PATIENCE)]
    assert found[:-1] == [[]] * (PATIENCE - 1)
    assert [(finding.kind, finding.where) for finding in found[-1]] == [("chain-disagrees", f"{CHAIN} newest anchor")]


async def test_a_node_that_lags_behind_for_a_moment_is_no_finding(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = [chain.anchor(event.size, event.root) for event in whole]
    log = fold([*whole, *(event for anchor in held for event in verified(anchor))])
    for _ in range(3):
        chain.block = chain.final_block = 1
        chain.contract = held[0].anchor
        assert await look(watch, log) == []
        chain.block = chain.final_block = 2
        chain.contract = held[1].anchor
        assert await look(watch, log) == []


async def test_a_chain_that_is_down_is_not_judged(chain: FakeChain, watch: ChainWatch) -> None:
    chain.down = True
    assert await watch.read() is None
