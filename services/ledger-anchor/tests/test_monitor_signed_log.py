"""The fold of ``evote.ledger`` with records damaged, dropped, forged and forked."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import asyncpg
import pytest
from evote_eventlog.errors import PoisonError
from evote_eventlog.events import AnchorVerified, CheckpointAnchored, EventData
from evote_ledger_anchor.monitor.domain import Finding
from evote_ledger_anchor.monitor.signed_log import Claim, SignedLog, judge_claims, judge_end
from hypothesis import given
from hypothesis import strategies as st

from .fake_chain import CHAIN
from .signed_logs import KEY, checkpoints, fold, log_entry, served_by

growths = st.lists(st.integers(1, 5), min_size=2, max_size=8)


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
    assert list(log.entries) == list(fold(whole).entries)


@given(growths, st.data())
def test_a_dropped_checkpoint_is_found(growth: list[int], data: st.DataObject) -> None:
    whole = checkpoints(growth)
    at = data.draw(st.integers(0, len(whole) - 2))
    log = fold([*whole[:at], *whole[at + 1 :]], served_by(whole))
    (finding,) = found_in(log)
    assert (finding.kind, finding.where) == ("entry-dropped", "Kafka ledger/0")
    assert finding.expected == f"a checkpoint that continues size {sum(growth[:at])}"
    assert list(log.entries) == list(fold(whole).entries)


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
    assert list(log.entries) == list(fold(whole).entries)


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


@pytest.mark.stack
@pytest.mark.parametrize("seed", range(8))
async def test_the_fold_keeps_the_anchors_that_the_projection_keeps(log: Any, pool: asyncpg.Pool, seed: int) -> None:
    """Announced, moved, verified and forgotten in a random order."""
    draw = random.Random(seed)
    whole = checkpoints([3, 4, 5])
    events: list[EventData] = [*whole]
    for _ in range(60):
        place, block = draw.choice(whole), draw.randrange(1, 8)
        facts = {
            "origin": KEY.verifier.name,
            "chain": "ethereum",
            "ledger": draw.choice([CHAIN, "fabric:tsukuba:anchor"]),
            "size": place.size,
            "root": draw.choice([place.root, place.root, "0" * 64]),
            "transaction": "0x1",
            "block": block,
            "block_hash": f"0x{block}",
        }
        events.append(CheckpointAnchored(**facts, block_time="2026-11-25T00:00:00.000Z", anchorer="0xabc"))
        if draw.random() < 0.5:
            events.append(AnchorVerified(**facts))
    for event in events:
        with contextlib.suppress(PoisonError):
            await log.apply(log.record(event))
    rows = await pool.fetch("SELECT ledger, size, block_hash FROM anchors WHERE verified")
    folded = {(*place, event.block_hash) for place, event in fold(events).rows.verified.items()}
    assert folded == {tuple(row) for row in rows}
    assert folded
