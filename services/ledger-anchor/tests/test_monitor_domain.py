"""A random intact log, one random tampering: the right kind is found at the right place. Intact: nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from evote_ledger_anchor.domain import grow
from evote_ledger_anchor.monitor.domain import (
    Entry,
    Finding,
    Numbered,
    check_order,
    compare_entries,
    compare_records,
    compare_rows,
    compare_tiles,
)
from evote_ledger_anchor.monitor.task import pause_s
from hypothesis import given
from hypothesis import strategies as st


def leaf(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


def place(number: int) -> tuple[str, int, int]:
    """Each of three partitions in turn."""
    return "ballots", number % 3, number // 3


def log_of(size: int) -> list[Entry]:
    return [Entry(*place(number), leaf(number)) for number in range(size)]


def rows(entries: Sequence[Entry]) -> dict[int, Entry]:
    return dict(enumerate(entries))


def records(size: int) -> dict[int, Numbered]:
    """One partition, in which every other record is in the log."""
    return {2 * number: Numbered(number, leaf(number)) for number in range(size)}


def bodies(size: int) -> dict[int, bytes]:
    return {offset: leaf(offset // 2) if offset % 2 == 0 else leaf(1_000_000 + offset) for offset in range(2 * size)}


def the_finding(findings: Sequence[Finding]) -> tuple[str, str]:
    assert len(findings) == 1
    return findings[0].kind, findings[0].where


sizes = st.integers(1, 40)


@given(sizes)
def test_what_is_intact_has_no_finding(size: int) -> None:
    tiles = grow(0, {}, [entry.leaf for entry in log_of(size)])
    assert check_order(log_of(size), "log") == []
    assert compare_entries(log_of(size), rows(log_of(size)), "entries") == []
    assert compare_records(records(size), bodies(size), "ballots/0", before=2 * size) == []
    assert compare_tiles(tiles, dict(tiles), "tiles") == []
    assert compare_rows({"a": "1"}, {"a": "1"}, "rows") == []


@given(sizes, st.data())
def test_a_changed_leaf_is_found_at_its_index(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    held = rows(log_of(size))
    held[at] = held[at]._replace(leaf=leaf(at + 5000))
    assert the_finding(compare_entries(log_of(size), held, "entries")) == ("entry-changed", f"entries, log index {at}")


@given(sizes, st.data())
def test_an_entry_that_is_another_record_is_found_at_its_index(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    held = rows(log_of(size))
    held[at] = Entry("ballots", 7, 7, leaf(5000))
    assert the_finding(compare_entries(log_of(size), held, "entries")) == ("entry-changed", f"entries, log index {at}")


@given(sizes, st.data())
def test_a_dropped_entry_is_found_at_its_index(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    held = rows(log_of(size))
    del held[at]
    assert the_finding(compare_entries(log_of(size), held, "entries")) == ("entry-dropped", f"entries, log index {at}")


@given(sizes, st.data())
def test_an_entry_whose_gap_was_closed_is_found_at_its_index(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    shifted = log_of(size)
    del shifted[at]
    findings = compare_entries(log_of(size), rows(shifted), "entries")
    assert the_finding(findings) == ("entry-dropped", f"entries, log index {at}")


@given(st.integers(2, 40), st.data())
def test_a_table_that_was_cut_off_is_one_finding_however_far_the_log_goes_on(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    held = rows(log_of(at))
    now = compare_entries(log_of(size), held, "entries")
    later = compare_entries(log_of(size + 9), held, "entries")
    assert the_finding(now) == ("entry-dropped", f"entries, log index {at}")
    assert [finding.id for finding in now] == [finding.id for finding in later]


@given(st.integers(2, 40), st.data())
def test_swapped_entries_are_found_where_they_stand(size: int, data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True)))
    held = rows(log_of(size))
    held[first], held[second] = held[second], held[first]
    findings = compare_entries(log_of(size), held, "entries")
    assert {finding.kind for finding in findings} == {"entries-reordered"}
    expected = [first] if second == first + 1 else [first, second]
    assert [finding.where for finding in findings] == [f"entries, log index {index}" for index in expected]


@given(sizes, st.integers(0, 5))
def test_an_entry_that_nobody_signed_is_found(size: int, beyond: int) -> None:
    held = rows(log_of(size)) | {size + beyond: Entry("ballots", 9, 9, leaf(5000))}
    findings = compare_entries(log_of(size), held, "entries")
    assert the_finding(findings) == ("entry-changed", f"entries, log index {size + beyond}")
    assert findings[0].expected == "nothing"


@given(st.integers(2, 40), st.data())
def test_a_record_that_the_log_lists_twice_is_found_at_its_second_index(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    log = [*log_of(size), log_of(size)[at]]
    assert the_finding(check_order(log, "log")) == ("entries-reordered", f"log index {size}")
    held = {index: entry for index, entry in rows(log).items() if index != at}
    assert the_finding(compare_entries(log, held, "entries")) == ("entry-dropped", f"entries, log index {at}")


@given(sizes, st.data())
def test_a_changed_record_is_found_at_its_offset(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    held = bodies(size) | {2 * at: leaf(5000)}
    finding = the_finding(compare_records(records(size), held, "ballots/0", before=2 * size))
    assert finding == ("entry-changed", f"ballots/0 offset {2 * at} (log index {at})")


@given(sizes, st.data())
def test_a_dropped_record_is_found_at_its_offset(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    held = bodies(size)
    del held[2 * at]
    finding = the_finding(compare_records(records(size), held, "ballots/0", before=2 * size))
    assert finding == ("entry-dropped", f"ballots/0 offset {2 * at} (log index {at})")


@given(st.integers(2, 40), st.data())
def test_swapped_records_are_found_where_they_stand(size: int, data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True)))
    held = bodies(size)
    held[2 * first], held[2 * second] = held[2 * second], held[2 * first]
    findings = compare_records(records(size), held, "ballots/0", before=2 * size)
    assert {finding.kind for finding in findings} == {"entries-reordered"}
    assert findings[0].where == f"ballots/0 offset {2 * first} (log index {first})"


@given(sizes, st.data())
def test_a_record_that_is_not_in_the_log_is_nobodys_concern(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    assert compare_records(records(size), bodies(size) | {2 * at + 1: leaf(5000)}, "ballots/0", before=2 * size) == []


@given(st.integers(1, 600), st.data())
def test_a_changed_tile_is_found_at_its_hash(size: int, data: st.DataObject) -> None:
    tiles = grow(0, {}, [entry.leaf for entry in log_of(size)])
    level, index = data.draw(st.sampled_from(sorted(tiles)))
    content = bytearray(tiles[level, index])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1
    findings = compare_tiles(tiles, tiles | {(level, index): bytes(content)}, "tiles")
    kind, where = the_finding(findings)
    assert (kind, where) == ("entry-changed", f"tiles, tile/{level}/{index:03} hash {at // 32}")


def test_a_tile_that_is_gone_or_that_nobody_needs_is_found() -> None:
    tiles = grow(0, {}, [entry.leaf for entry in log_of(300)])
    missing = {place: content for place, content in tiles.items() if place != (0, 1)}
    assert the_finding(compare_tiles(tiles, missing, "tiles")) == ("entry-dropped", "tiles, tile/0/001 hash 0")
    extra = tiles | {(0, 2): bytes(32)}
    assert the_finding(compare_tiles(tiles, extra, "tiles")) == ("entry-changed", "tiles, tile/0/002 hash 0")


@pytest.mark.parametrize(
    ("held", "kind"), [({}, "entry-dropped"), ({"a": "2"}, "entry-changed"), ({"a": "1", "b": "1"}, "entry-changed")]
)
def test_a_row_that_the_log_does_not_say_is_found(held: dict[str, str], kind: str) -> None:
    assert the_finding(compare_rows({"a": "1"}, held, "rows"))[0] == kind


def test_the_id_of_a_finding_depends_on_what_was_found_and_not_on_when() -> None:
    finding = Finding("entry-changed", "where", "expected", "found", "source")
    assert finding.id == Finding("entry-changed", "where", "expected", "found", "another source").id
    others = [
        Finding("entry-dropped", "where", "expected", "found", "source"),
        Finding("entry-changed", "elsewhere", "expected", "found", "source"),
        Finding("entry-changed", "where", "else", "found", "source"),
        Finding("entry-changed", "where", "expected", "else", "source"),
        Finding("entry-changed", "where", "expectedf", "ound", "source"),
    ]
    assert len({finding.id, *(other.id for other in others)}) == len(others) + 1


@pytest.mark.parametrize(
    ("pass_s", "paused_s"),
    [(0, 60), (0.6, 60), (1, 100), (1.5, 150), (5, 175), (100, 80), (130, 60), (1000, 60)],
)
def test_passes_take_a_hundredth_of_the_time_and_begin_three_intervals_apart_at_most(
    pass_s: float, paused_s: float
) -> None:
    assert pause_s(60, pass_s) == paused_s


@pytest.mark.parametrize(("interval_s", "pass_s", "paused_s"), [(1, 0.5, 2.5), (120, 3, 177), (200, 3, 200)])
def test_no_pause_is_made_longer_than_three_minutes_from_pass_to_pass(
    interval_s: float, pass_s: float, paused_s: float
) -> None:
    """A monitor whose passes are all well must not look blind."""
    assert pause_s(interval_s, pass_s) == paused_s


@given(st.floats(0.1, 3600), st.floats(0, 10_000))
def test_no_pause_between_passes_is_shorter_than_the_interval(interval_s: float, pass_s: float) -> None:
    assert pause_s(interval_s, pass_s) >= interval_s
