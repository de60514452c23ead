"""Reading a roll, without any service."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from evote_jpki.roll import COLUMNS, MOST_FAULTS, RollRejected, decode_roll, match_key, parse_roll
from hypothesis import given
from hypothesis import strategies as st

HEADER = ",".join(COLUMNS)
TODAY = date(2026, 11, 24)
GOOD = "000001,齋藤　花子,茨城県つくば市研究学園１丁目１番地１,1990-04-01,2"


def faults_of(*rows: str) -> list[tuple[int, str, str]]:
    with pytest.raises(RollRejected) as caught:
        parse_roll("\n".join([HEADER, *rows]), TODAY)
    return [(fault.line, fault.column, fault.code) for fault in caught.value.faults]


words = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\ufffd"), min_size=1, max_size=20)
people = st.lists(
    st.tuples(words, words, words, st.dates(date(1900, 1, 1), TODAY).map(str), st.sampled_from("123")),
    min_size=1,
    max_size=8,
    unique_by=(lambda row: row[0], lambda row: match_key(*row[1:])),
)


@given(people, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_a_roll_is_read_as_it_was_written(rows, line_end: str, quoting: int) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end, quoting=quoting)
    writer.writerows([COLUMNS, *rows])
    for encoding in ("utf-8", "utf-8-sig"):
        entries = parse_roll(decode_roll(text.getvalue().encode(encoding), "utf-8"), TODAY)
        assert [(e.voter_id, e.name, e.address, e.birth_date, e.sex) for e in entries] == rows


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from(["utf-8", "shift_jis"]))
def test_any_bytes_are_a_roll_or_are_refused_with_lines_of_the_file(content: bytes, charset: str) -> None:
    try:
        parse_roll(decode_roll(HEADER.encode() + b"\n" + content, charset), TODAY)
    except RollRejected as rejected:
        lines = content.count(b"\n") + content.count(b"\r") + 2
        assert rejected.faults
        assert all(1 <= fault.line <= lines and fault.reason for fault in rejected.faults)


def test_shift_jis_as_windows_writes_it_is_read() -> None:
    person = "000001,髙橋　①郎,つくば市～町,1990-04-01,1"
    entry = parse_roll(decode_roll(f"{HEADER}\r\n{person}\r\n".encode("cp932"), "shift_jis"), TODAY)[0]
    assert (entry.name, entry.address) == ("髙橋　①郎", "つくば市～町")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("000002,山本 湊,つくば市,1990-04-01", (3, "", "columns")),
        ("000002,山本 湊,つくば市,1990-04-01,1,x", (3, "", "columns")),
        (",山本 湊,つくば市,1990-04-01,1", (3, "voter_id", "missing")),
        ("000002,　,つくば市,1990-04-01,1", (3, "name", "missing")),
        ("000002,山本 湊,,1990-04-01,1", (3, "address", "missing")),
        ("000002,山本 湊,つくば市,1990-02-30,1", (3, "birth_date", "date")),
        ("000002,山本 湊,つくば市,1990/04/01,1", (3, "birth_date", "date")),
        ("000002,山本 湊,つくば市,19900401,1", (3, "birth_date", "date")),
        ("000002,山本 湊,つくば市,2026-11-25,1", (3, "birth_date", "date")),
        ("000002,山本 湊,つくば市,0990-04-01,1", (3, "birth_date", "date")),
        ("000002,山本 湊,つくば市,1990-04-01,男", (3, "sex", "sex")),
        ("000002,山本\x00湊,つくば市,1990-04-01,1", (3, "name", "control")),
        ("000002,山本\ufffd湊,つくば市,1990-04-01,1", (3, "name", "unreadable")),
        ("000002," + "山" * 201 + ",つくば市,1990-04-01,1", (3, "name", "too-long")),
        ("000001,山本 湊,つくば市,1990-04-01,1", (3, "voter_id", "duplicate")),
        ("000002,齋藤 花子,茨城県つくば市研究学園1丁目1番地1,1990-04-01,2", (3, "name", "duplicate-person")),
        ('000002,"山本"湊,つくば市,1990-04-01,1', (3, "", "csv")),
        ('000002,"山本 湊,つくば市,1990-04-01,1', (3, "", "csv")),
        ('000002,"山本\n湊",つくば市,1990-04-01,1', (3, "name", "control")),
    ],
)
def test_each_fault_is_named_with_its_line_and_column(row: str, fault: tuple[int, str, str]) -> None:
    assert faults_of(GOOD, row) == [fault]


def test_all_bad_rows_are_reported_and_good_ones_do_not_hide_them() -> None:
    found = faults_of("1,,つくば市,x,1", GOOD, '2,"a"b,c,d,e', "", "3,a,b,2000-01-01,9", "4,a")
    assert found == [
        (2, "name", "missing"),
        (2, "birth_date", "date"),
        (4, "", "csv"),
        (6, "sex", "sex"),
        (7, "", "columns"),
    ]


def test_every_line_that_is_in_another_encoding_is_reported() -> None:
    lines = [HEADER.encode(), GOOD.encode(), "2,山本,つくば市,1990-04-01,1".encode("cp932"), GOOD.encode(), b"\xff"]
    with pytest.raises(RollRejected) as caught:
        decode_roll(b"\n".join(lines), "utf-8")
    assert [(fault.line, fault.code) for fault in caught.value.faults] == [(3, "encoding"), (5, "encoding")]


def test_a_long_list_of_faults_is_cut_and_counted() -> None:
    with pytest.raises(RollRejected) as caught:
        parse_roll("\n".join([HEADER, *["x"] * (MOST_FAULTS + 5)]), TODAY)
    assert (len(caught.value.faults), caught.value.total) == (MOST_FAULTS, MOST_FAULTS + 5)


@pytest.mark.parametrize("text", ["", "\n", "voter_id,name\n", f"a{HEADER}\n{GOOD}", f"\n{HEADER}\n{GOOD}"])
def test_a_file_without_the_header_is_refused(text: str) -> None:
    with pytest.raises(RollRejected):
        parse_roll(text, TODAY)


def test_a_roll_of_nobody_is_refused() -> None:
    assert faults_of() == [(1, "", "empty")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("研究学園１丁目１番地１", "研究学園1丁目1番地1"),
        ("ｻｲﾄｳ ﾊﾅｺ", "サイトウ　ハナコ"),
        ("吾妻1−2", "吾妻１‐２"),
        ("吾妻1-2", "吾妻1–2"),
    ],
)
def test_writing_width_spaces_and_hyphens_does_not_part_a_person_from_the_roll(one: str, other: str) -> None:
    assert match_key(one, "a", "1990-04-01", "1") == match_key(other, "a", "1990-04-01", "1")
    assert match_key("a", one, "1990-04-01", "1") == match_key("a", other, "1990-04-01", "1")


def test_different_people_do_not_match() -> None:
    base = ("齋藤 花子", "つくば市", "1990-04-01", "2")
    others = [
        ("斎藤 花子", *base[1:]),
        (base[0], "つくば市1", *base[2:]),
        (*base[:2], "1990-04-02", "2"),
        (*base[:3], "1"),
        ("齋藤 花子つくば市", "", *base[2:]),
    ]
    assert len({match_key(*person) for person in [base, *others]}) == 6


def test_people_do_not_print() -> None:
    assert "花子" not in repr(parse_roll(f"{HEADER}\n{GOOD}", TODAY))
