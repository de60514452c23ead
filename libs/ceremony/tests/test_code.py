"""The short code: long enough, readable over the telephone, the same everywhere."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from evote_ceremony.code import (
    GROUPS,
    CeremonyCode,
    CodeGroup,
    CodeMistyped,
    code_of,
    parse_groups,
    read_aloud_by,
)
from evote_ceremony.words import WORDS, index_of, latin
from hypothesis import given
from hypothesis import strategies as st

EXPECTED_OF_ZEROS = "さくら 02, せなか 46, さばく 64, とびら 82, すずめ 17, いるか 05, おかね 23, ゆかた 88"
CODES = st.builds(
    CeremonyCode,
    st.lists(st.builds(CodeGroup, st.integers(0, 63), st.integers(0, 99)), min_size=GROUPS, max_size=GROUPS).map(tuple),
)


def test_a_code_has_more_than_100_bits() -> None:
    assert GROUPS * math.log2(len(set(WORDS)) * 100) > 100


def test_no_two_words_are_alike() -> None:
    assert len(WORDS) == 64 and {len(word) for word in WORDS} == {3}
    for one, other in combinations(WORDS, 2):
        assert sum(left != right for left, right in zip(one, other, strict=True)) >= 2, (one, other)
    assert len({latin(word) for word in WORDS}) == len(WORDS)


def test_the_code_of_a_digest_never_changes() -> None:
    """Trustees with programs of different releases must read the same to each other."""
    assert code_of("00" * 32).text == EXPECTED_OF_ZEROS
    assert code_of("00" * 31 + "01").text != EXPECTED_OF_ZEROS


@given(CODES)
def test_what_is_read_aloud_can_be_typed(code: CeremonyCode) -> None:
    assert parse_groups(code.text) == code.groups
    assert parse_groups(" ".join(group.text.replace(" ", "") for group in code.groups)) == code.groups
    assert parse_groups("、".join(f"{latin(WORDS[g.word])}{g.number:02d}" for g in code.groups)) == code.groups


@pytest.mark.parametrize("typed", ["さくら 07", "サクラ　０７", "ｻｸﾗ07", "SAKURA-07", "さくら、07"])
def test_however_it_is_typed(typed: str) -> None:
    assert parse_groups(typed) == (CodeGroup(WORDS.index("さくら"), 7),)


@pytest.mark.parametrize("typed", ["さくら", "さくら 7", "07", "まくら 07", "さくら 07 とびら", "さくら 123"])
def test_what_is_no_group_is_told(typed: str) -> None:
    with pytest.raises(CodeMistyped):
        parse_groups(typed)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(typed: str) -> None:
    try:
        groups = parse_groups(typed)
    except CodeMistyped:
        return
    assert parse_groups(CeremonyCode(groups).text) == groups


@pytest.mark.parametrize("trustees", range(2, 21))
def test_every_group_is_read_by_one_trustee_and_heard_by_all_others(trustees: int) -> None:
    read = [group for trustee in range(1, trustees + 1) for group in read_aloud_by(trustee, trustees)]
    assert sorted(read) == list(range(GROUPS))
    assert all(len(read_aloud_by(trustee, trustees)) <= GROUPS // 2 for trustee in range(1, trustees + 1))


def test_an_unknown_word_has_no_place() -> None:
    assert index_of("まくら") is None
