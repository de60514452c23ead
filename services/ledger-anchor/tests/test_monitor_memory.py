"""What a pass holds of the log, counted by the sizes of its objects at one size and at four times that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from evote_eventlog.envelope import Envelope, decode, encode
from evote_ledger_anchor.domain import Label, grow, label_of
from evote_ledger_anchor.monitor.columns import ByNumber, Entries, First, Hashes, Tiles
from evote_ledger_anchor.monitor.domain import Entry, check_order, compare_records
from evote_ledger_anchor.monitor.labels import BLOCK_RECORDS, LabelledRecord, Labels
from evote_ledger_anchor.monitor.notes import Notes
from evote_ledger_anchor.monitor.served import Comparable, compare_tables, wanted_records
from evote_ledger_anchor.monitor.tables import ServedLog
from evote_local.testbed import begun_cast, bytes_of
from hypothesis import given
from hypothesis import strategies as st

from .signed_logs import KEY, MOMENT, checkpoints, fold, served_by

SIZE = 512
EACH = 32
"""Entries of a checkpoint."""

Weighed = Callable[[], object]


def an_entry(work: Callable[[int], Weighed]) -> tuple[float, float]:
    """Bytes at the peak and bytes kept, by which each further entry makes work larger."""
    (less_peak, less_kept), (more_peak, more_kept) = (bytes_of(work(size)) for size in (SIZE, 4 * SIZE))
    return (more_peak - less_peak) / (3 * SIZE), (more_kept - less_kept) / (3 * SIZE)


def tables_of(entries: dict[int, Entry], roots: dict[int, bytes]) -> ServedLog:
    """What :func:`read_tables` makes of an intact projection."""
    served = ServedLog({("ballots", 0): len(entries), ("ledger", 0): 1000})
    for index, entry in entries.items():
        served.entries.put(index, entry)
        served.records[entry.place[:2]].put(entry.offset, entry.leaf)
    served.tiles = grow(0, {}, [entry.leaf for entry in entries.values()])
    for size, root in roots.items():
        served.checkpoints.put(size, root)
    return served


def a_pass(size: int) -> Weighed:
    """Everything but the clients of Kafka and PostgreSQL, whose buffers are of one size."""
    signed = checkpoints([EACH] * (size // EACH))
    entries, roots = served_by(signed), {event.size: bytes.fromhex(event.root) for event in signed}
    kafka = {entry.offset: entry.leaf for entry in entries.values()}

    def look() -> object:
        served = tables_of(entries, roots)
        log = fold(signed, served.entries)
        wanted = wanted_records(log)
        assert not [*log.findings, *check_order(log.entries, "log")]
        assert not compare_tables(log, served, wanted, Comparable(log.rows.size, whole=True))
        held = ByNumber(Hashes())
        for offset, leaf in kafka.items():
            held.put(offset, leaf)
        assert not compare_records(wanted["ballots", 0], held, "ballots/0", before=size)
        assert log.size == size
        return None

    return look


def test_a_pass_holds_an_entry_in_columns_and_not_as_objects() -> None:
    peak, kept = an_entry(a_pass)
    assert peak < 350
    assert kept < 5


def labelled(number: int, label: Label | None = None) -> LabelledRecord:
    event = begun_cast(1 + number % 8, number + 1)
    value = encode(Envelope.wrap(event, id=f"id-{number}", source="test", time=MOMENT))
    right = label_of(event, 0)
    assert isinstance(right, Label)
    return LabelledRecord(number, value, label or right)


def test_between_passes_a_record_with_right_labels_takes_next_to_nothing() -> None:
    record = labelled(0)

    def judged(size: int) -> Weighed:
        def judge() -> Labels:
            labels = Labels()
            for first in range(0, size, BLOCK_RECORDS):
                block = [LabelledRecord(first + at, record.value, record.label) for at in range(BLOCK_RECORDS)]
                assert labels.wrong(("ballots", 0, first // BLOCK_RECORDS), block) == []
            return labels

        return judge

    assert an_entry(judged)[1] < 8


def test_between_passes_a_checkpoint_takes_a_hash_also_with_cosignatures() -> None:
    def opened(size: int) -> Weighed:
        notes = [event.note for event in checkpoints([1] * (size // 4))]

        def open_all() -> Notes:
            opener = Notes(KEY.verifier)
            for note in notes:
                assert opener.open(note) is not None
                assert opener.open(f"{note}\u2014 witness.example/w {'A' * 44}\n") is not None
            return opener

        return open_all

    assert 4 * an_entry(opened)[1] < 80


def test_a_label_that_was_right_once_is_judged_again_when_it_changes() -> None:
    labels = Labels()
    block = "ballots", 0, 0
    records = [labelled(number) for number in range(6)]
    assert labels.wrong(block, records[:4]) == []
    assert labels.wrong(block, records) == [], "the block has grown"
    changed = [*records[:2], labelled(2, Label()), *records[3:]]
    for _ in range(2):
        assert labels.wrong(block, changed) == [2]
    assert labels.wrong(block, records) == []
    assert labels.wrong(block, [*records[:2], *records[3:]]) == [], "one was taken away"
    other = LabelledRecord(1, records[2].value, records[1].label)
    assert labels.wrong(block, [records[0], other, *records[2:]]) == [1], "another record under its labels"


def test_a_record_of_known_labels_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = Labels()
    records = [labelled(number) for number in range(6)]
    assert labels.wrong(("ballots", 0, 0), records[:5]) == []
    read = list[bytes]()

    def counted(value: bytes) -> Envelope:
        read.append(value)
        return decode(value)

    monkeypatch.setattr("evote_ledger_anchor.monitor.labels.decode", counted)
    assert labels.wrong(("ballots", 0, 0), records) == []
    assert read == [records[5].value]


def test_a_note_is_believed_for_nothing_but_what_was_signed() -> None:
    notes = Notes(KEY.verifier)
    (event,) = checkpoints([3])
    assert notes.open(event.note) is not None
    text, line = event.note.split("\n\n")
    other = line[:-9] + ("A" if line[-9] != "A" else "B") + line[-8:]
    for forged in (f"{text}\nmore\n\n{line}", f"{text}\n{line}\n\u2014 w {'A' * 44}\n", f"{text}\n\n{other}"):
        assert notes.open(forged) is None


numbers = st.integers(-3, 40) | st.just(1 << 70)
hashes = st.binary(min_size=32, max_size=32) | st.binary(max_size=33)


@given(st.lists(st.tuples(numbers, hashes)))
def test_a_column_by_number_is_a_dict_in_ascending_order(puts: list[tuple[int, bytes]]) -> None:
    column, plain = ByNumber(Hashes()), dict[int, bytes]()
    for number, value in puts:
        column.put(number, value)
        plain[number] = value
    assert list(column.items()) == sorted(plain.items())
    assert len(column) == len(plain)
    assert all(number in plain or column.get(number) is None for number in range(-3, 41))


entries = st.builds(Entry, st.sampled_from(["ballots", "tally"]), st.integers(0, 2), numbers, hashes)


@given(st.lists(entries), st.integers(0, 9))
def test_a_column_of_entries_is_a_list(listed: list[Entry], size: int) -> None:
    column = Entries()
    for entry in listed:
        column.append(entry)
    assert list(column) == listed
    first = First(column, size)
    assert (list(first), len(first)) == (listed[:size], len(listed[:size]))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600, 256 * 256 + 3])
def test_tiles_that_are_cut_from_the_column_are_those_that_grow(size: int) -> None:
    column = Entries()
    leaves = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size + 2)]
    for number, leaf in enumerate(leaves):
        column.append(Entry("ballots", 0, number, leaf))
    tiles = Tiles(column, size)
    assert dict(tiles) == grow(0, {}, leaves[:size])
    assert (0, -(-size // 256)) not in tiles
    assert (0, -1) not in tiles
