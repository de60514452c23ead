from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.events import EventData, LogEntry, Topic
from evote_ledger_anchor.domain import (
    MAX_ENTRIES,
    Sequenced,
    Skip,
    frontier_of,
    grow,
    partial_tiles,
    root_of,
    sign_checkpoints,
)
from evote_tlog.checkpoint import SigningKey, open_checkpoint
from evote_tlog.merkle import Frontier, leaf_hash
from evote_tlog.tiles import Tile, tiles_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_a_ballot_is_logged_once_and_its_first_position_stands(events: Any) -> None:
    rules = Sequenced()
    assert rules.admit(events.ballot(1), 0) is None
    assert rules.admit(events.ballot(2), 0) is None
    assert rules.admit(events.ballot(1), 0) is Skip.DUPLICATE
    assert rules.admit(events.ballot(1), 1) is Skip.DUPLICATE
    assert rules.admit(events.ballot(1, election=events.other_election), 0) is None


def test_the_close_marker_shuts_its_election_in_its_partition_only(events: Any) -> None:
    rules = Sequenced()
    assert rules.admit(events.marker(0), 0) is None
    assert rules.admit(events.ballot(1), 0) is Skip.AFTER_CLOSE
    assert rules.admit(events.ballot(2), 1) is None
    assert rules.admit(events.ballot(3, election=events.other_election), 0) is None
    assert rules.admit(events.marker(0), 0) is None, "a repeated marker is harmless"
    assert rules.admit(events.marker(1), 2) is Skip.MISLABELLED
    assert rules.admit(events.ballot(4), 2) is None


def test_a_ballot_refused_after_the_close_takes_no_place_from_the_same_ballot_elsewhere(events: Any) -> None:
    rules = Sequenced()
    rules.admit(events.marker(0), 0)
    assert rules.admit(events.ballot(1), 0) is Skip.AFTER_CLOSE
    assert rules.admit(events.ballot(1), 1) is None


def test_a_false_tracker_takes_nobodys_place(events: Any) -> None:
    rules = Sequenced()
    victim = events.ballot(1)
    assert rules.admit(events.ballot(2, tracker=victim.tracker), 0) is Skip.MISLABELLED
    assert rules.admit(victim, 0) is None


def test_a_withheld_ballot_does_not_supersede_a_newer_one(events: Any) -> None:
    rules = Sequenced()
    withheld, newer = events.ballot(1, 1), events.ballot(1, 2)
    assert rules.admit(newer, 0) is None
    assert rules.admit(withheld, 0) is Skip.OLDER
    assert rules.admit(events.ballot(1, 3), 0) is None


def test_a_number_that_the_credential_did_not_sign_has_no_place(events: Any) -> None:
    rules = Sequenced()
    victim, other = events.ballot(1), events.ballot(2)
    highest = victim.order.model_copy(update={"number": 2**53 - 1})
    assert rules.admit(victim.model_copy(update={"order": highest}), 0) is Skip.UNSIGNED
    assert rules.admit(victim.model_copy(update={"order": other.order}), 0) is Skip.UNSIGNED
    assert rules.admit(victim.model_copy(update={"credential": other.credential}), 0) is Skip.MISLABELLED
    assert rules.admit(victim, 0) is None


def test_events_about_a_voter_never_enter_the_public_log(events: Any) -> None:
    rules = Sequenced()
    assert rules.admit(events.authenticated(1), 0) is Skip.NOT_PUBLIC
    assert rules.admit(events.credentials(0), 0) is None
    assert rules.admit(events.closed(), 0) is None


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-2, 5)), max_size=60), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_new_leader_decides_as_the_old_one_would_have(
    events: Any, script: list[tuple[int, int]], data: st.DataObject
) -> None:
    """However the partitions interleave and wherever the log is cut, the same records are admitted."""

    def event_of(partition: int, number: int) -> EventData:
        # Ballots of one credential keep to one partition, as Kafka's keys do.
        return events.marker(partition) if number < 0 else events.ballot(partition + 3 * (number % 2), 1 + number // 2)

    log = [(partition, event_of(partition, number)) for partition, number in script]
    uninterrupted, expected = Sequenced(), []
    for place, (partition, event) in enumerate(log):
        if uninterrupted.admit(event, partition) is None:
            expected.append(place)
    cut = data.draw(st.integers(0, len(expected)))
    restarted, last = Sequenced(), defaultdict(lambda: -1)
    for place in expected[:cut]:
        partition, event = log[place]
        assert restarted.admit(event, partition) is None
        last[partition] = place
    remaining = [(place, *log[place]) for place in range(len(log)) if place > last[log[place][0]]]
    order = data.draw(st.permutations([partition for _, partition, _ in remaining]))
    queues = {p: iter([item for item in remaining if item[1] == p]) for p in range(3)}
    admitted = set(expected[:cut])
    for partition in order:
        place, _, event = next(queues[partition])
        if restarted.admit(event, partition) is None:
            admitted.add(place)
    assert admitted == set(expected)


def leaf(number: int) -> bytes:
    return leaf_hash(number.to_bytes(4, "big"))


@settings(max_examples=40)
@given(st.lists(st.sampled_from([1, 2, 3, 100, 255, 256, 257, 600, 2048]), min_size=1, max_size=12))
def test_tiles_grow_as_the_tree_does(steps: list[int]) -> None:
    plain, stored, size = Frontier(), {}, 0
    for step in steps:
        leaves = [leaf(size + number) for number in range(step)]
        partial = {tile: stored[tile.level, tile.index] for tile in partial_tiles(size)}
        stored.update(grow(size, partial, leaves))
        for given_leaf in leaves:
            plain.append(given_leaf)
        size += step
        after = {tile: stored[tile.level, tile.index] for tile in partial_tiles(size)}
        assert root_of(size, after) == plain.root()
        assert frontier_of(size, after).hashes == plain.hashes
        assert {place: len(content) // 32 for place, content in stored.items()} == {
            (tile.level, tile.index): tile.width for tile in tiles_of(size)
        }


def test_the_partial_tiles_of_the_specs_example() -> None:
    assert partial_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert partial_tiles(0) == []
    assert partial_tiles(65_536) == [Tile(2, 0, 1)]


@pytest.mark.parametrize("count", [0, 1, MAX_ENTRIES, MAX_ENTRIES + 1, 3 * MAX_ENTRIES])
def test_checkpoints_state_each_growth_and_stay_small(key: SigningKey, count: int) -> None:
    entries = [
        LogEntry(topic=Topic.DEAD_LETTER, partition=10**3, offset=10**12 + number, leaf_hash=leaf(number).hex())
        for number in range(count)
    ]
    frontier = Frontier(1, [leaf(10**6)])
    size, listed = 1, []
    for event in sign_checkpoints(frontier, entries, key):
        assert event.previous_size == size
        size = event.size
        listed += event.entries
        checkpoint = open_checkpoint(event.note, key.verifier)
        assert (checkpoint.size, checkpoint.root.hex()) == (event.size, event.root)
        envelope = Envelope.wrap(event, id="x" * 36, source="ledger-anchor", time=datetime.now(UTC))
        assert len(encode(envelope)) < 900_000
    assert listed == entries
    assert size == frontier.size == 1 + count
