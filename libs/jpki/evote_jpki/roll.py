"""Reading the electoral roll (選挙人名簿): CSV in, voters out, or every fault with its line.

auth imports a roll by this rule, and the officer's program finds by the same one what is wrong before anything is sent.
"""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from .persons import strict

COLUMNS = ("voter_id", "name", "address", "birth_date", "sex")
_LONGEST = {"voter_id": 64, "name": 200, "address": 500, "birth_date": 10, "sex": 1}
_SEXES = frozenset("123")
_ENCODINGS = {"utf-8": "utf-8-sig", "shift_jis": "cp932"}
_EARLIEST_BIRTH = date(1868, 1, 25)
_REPLACEMENT = "\ufffd"
"""What a program puts in place of bytes that it could not read."""
MOST_FAULTS = 1000
"""How many faults an answer lists; it also says how many there are."""


@dataclass(frozen=True)
class RowFault:
    """What is wrong in one place of a roll: the line of the file (from 1), the column's name, and the reason."""

    line: int
    column: str
    code: str
    reason: str
    """In Japanese: election officers read it."""


@dataclass
class RollRejected(Exception):
    """Rows of the roll are wrong; nothing was taken."""

    faults: tuple[RowFault, ...]
    """The first of them."""
    total: int


@dataclass(frozen=True)
class RollEntry:
    """One voter of the roll, with the four basic attributes; it never prints."""

    voter_id: str = field(repr=False)
    name: str = field(repr=False)
    address: str = field(repr=False)
    birth_date: str = field(repr=False)
    sex: str = field(repr=False)
    match_key: str = field(repr=False)
    """Equal for two rows that no card can tell apart."""


def match_key(name: str, address: str, birth_date: str, sex: str) -> str:
    """SHA-256 (hex) of the four basic attributes in their strict form (:mod:`.persons`)."""
    parts = (strict(name), strict(address), birth_date, strict(sex))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def decode_roll(content: bytes, charset: str) -> str:
    """The text of a file in UTF-8 (with or without a byte-order mark) or Shift_JIS (Windows' variant of it).

    Raises ``RollRejected`` naming every line that can't be read.
    """
    encoding = _ENCODINGS[charset]
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        # A line feed is never the second byte of a character, in either encoding.
        lines = enumerate(content.split(b"\n"), start=1)
        bad = [number for number, line in lines if not _decodes(line, encoding)]
        raise _rejected(
            [_fault(number, "", "encoding", f"{charset} として読めない文字があります") for number in bad]
        ) from None


def parse_roll(text: str, today: date) -> tuple[RollEntry, ...]:
    """The voters of a roll; ``RollRejected`` lists every bad row (the first 1,000 faults) and nothing is taken."""
    faults: list[RowFault] = []
    entries: list[RollEntry] = []
    seen_ids: dict[str, int] = {}
    seen_people: dict[str, int] = {}
    for line, row in _rows(text, faults):
        if len(row) != len(COLUMNS):
            faults.append(_fault(line, "", "columns", f"列が {len(row)} 個あります（{len(COLUMNS)} 個必要）"))
            continue
        found = list(_row_faults(line, row, today))
        voter_id, name, address, birth_date, sex = (value.strip() for value in row)
        entry = RollEntry(voter_id, name, address, birth_date, sex, match_key(name, address, birth_date, sex))
        found += _duplicates(line, entry, seen_ids, seen_people)
        faults += found
        if not found:
            entries.append(entry)
    if not faults and not entries:
        faults.append(_fault(1, "", "empty", "有権者が一人もいません"))
    if faults:
        raise _rejected(faults)
    return tuple(entries)


def _rows(text: str, faults: list[RowFault]) -> Iterator[tuple[int, list[str]]]:
    """The rows behind the header, each with the line that it begins in; what is no CSV becomes a fault."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header_seen = False
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            faults.append(_fault(line, "", "csv", "CSV として読めません（引用符や改行を確認してください）"))
            continue
        if header_seen:
            if row:
                yield line, row
        elif tuple(column.strip() for column in row) == COLUMNS:
            header_seen = True
        else:
            faults.append(_fault(line, "", "header", f"一行目は {','.join(COLUMNS)} でなければなりません"))
            return


def _row_faults(line: int, row: Sequence[str], today: date) -> Iterator[RowFault]:
    for column, value in zip(COLUMNS, row, strict=True):
        text = value.strip()
        if not text:
            yield _fault(line, column, "missing", "空欄です")
        elif len(text) > _LONGEST[column]:
            yield _fault(line, column, "too-long", f"{_LONGEST[column]} 文字を超えています")
        elif any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
            yield _fault(line, column, "control", "使えない文字（制御文字）が入っています")
        elif _REPLACEMENT in text:
            yield _fault(line, column, "unreadable", "文字化けした文字（�）が入っています")
        elif column == "birth_date" and not _is_birth_date(text, today):
            yield _fault(line, column, "date", "YYYY-MM-DD の実在する過去の日付ではありません")
        elif column == "sex" and text not in _SEXES:
            yield _fault(line, column, "sex", "1、2、3 のいずれかではありません")


def _duplicates(
    line: int, entry: RollEntry, seen_ids: dict[str, int], seen_people: dict[str, int]
) -> Iterator[RowFault]:
    first = seen_ids.setdefault(entry.voter_id, line)
    if first != line:
        yield _fault(line, "voter_id", "duplicate", f"{first} 行目と同じ番号です")
    first = seen_people.setdefault(entry.match_key, line)
    if first != line:
        # Two rows that no card can tell apart: an officer has to look, we never guess.
        yield _fault(line, "name", "duplicate-person", f"{first} 行目と同じ人です（基本4情報が一致）")


def _is_birth_date(text: str, today: date) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return day.isoformat() == text and _EARLIEST_BIRTH <= day <= today


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _rejected(faults: Sequence[RowFault]) -> RollRejected:
    return RollRejected(tuple(faults[:MOST_FAULTS]), len(faults))


def _fault(line: int, column: str, code: str, reason: str) -> RowFault:
    return RowFault(line, column, code, reason)
