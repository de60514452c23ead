"""Comparing names and addresses: one person's spellings agree, two persons' don't."""

from __future__ import annotations

import unicodedata

import pytest
from evote_jpki.persons import SUBSTITUTED, addresses_agree, fold_address, fold_name, names_agree, strict
from hypothesis import example, given, settings
from hypothesis import strategies as st

SIGNS = (
    "高髙崎﨑嵜辺邉邊斎斉齋齊澤沢渡部藤吉𠮷神\ufa19つくば市大字小字丁目番地号の之ノがヶケヵカガッツ一二三十百千〇零"
    "0123456789０１２-‐−ーｰ－― 　ｱｶﾞコーポabcＡＢ棟室県府都北海道東京茨城\U000e0100\ufe00㍿"
)
texts = st.text(st.sampled_from(SIGNS), max_size=24) | st.text(
    st.characters(codec="utf-8", exclude_characters=SUBSTITUTED), max_size=24
)


@given(texts)
@settings(max_examples=1000)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    for fold in (strict, fold_name, fold_address):
        assert fold(fold(text)) == fold(text)


@given(st.text(st.sampled_from(SIGNS), max_size=24))
@example("1番ｶﾞ")
def test_width_and_spaces_never_matter(text: str) -> None:
    wide = "　".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
    for fold in (strict, fold_name, fold_address):
        assert fold(wide) == fold(text) == fold(unicodedata.normalize("NFKC", text))


@given(texts, texts)
def test_whatever_is_strictly_equal_is_equal_when_folded(one: str, other: str) -> None:
    for fold in (fold_name, fold_address):
        assert fold(strict(one)) == fold(one)
        if strict(one) == strict(other):
            assert fold(one) == fold(other)


@given(texts.filter(str.strip), texts.filter(str.strip))
def test_agreement_does_not_depend_on_who_asks(one: str, other: str) -> None:
    assert addresses_agree(one, other) == addresses_agree(other, one)
    assert names_agree(one, other) == names_agree(other, one)


@pytest.mark.parametrize(
    ("card", "roll"),
    [
        ("髙橋　一郎", "高橋 一郎"),
        ("山﨑 花子", "山崎　花子"),
        ("渡邉 健太", "渡邊健太"),
        ("渡辺 健太", "渡邊健太"),
        ("齋藤 蓮", "斎藤 蓮"),
        ("齊藤 蓮", "斉藤 蓮"),
        ("廣澤 惠", "広沢 恵"),
        ("𠮷田 湊", "吉田 湊"),
        ("葛\U000e0100城 凛", "葛城 凜"),
        ("神\ufe00田 眞", "神田 真"),
        ("ｻｲﾄｰ ﾊﾅｺ", "サイトー ハナコ"),
    ],
)
def test_one_name_in_two_spellings_agrees(card: str, roll: str) -> None:
    assert names_agree(card, roll) and names_agree(roll, card)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("斎藤 蓮", "斉藤 蓮"),
        ("齋藤 蓮", "齊藤 蓮"),
        ("藤 みどり", "藤 ミドリ"),
        ("尾碕", "尾崎"),
        ("", "山本"),
        ("山", "山本"),
    ],
)
def test_names_that_law_tells_apart_do_not_agree(one: str, other: str) -> None:
    assert not names_agree(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("茨城県つくば市研究学園一丁目１番地１", "つくば市研究学園1-1-1"),
        ("茨城県つくば市大字研究学園１丁目１番１号", "茨城県つくば市研究学園1丁目1番地の1"),
        ("つくば市字吾妻二十三番地", "つくば市吾妻23"),
        ("つくば市吾妻２３番地の四", "つくば市吾妻23-4"),
        ("つくば市緑ヶ丘３ー４", "つくば市緑が丘３−４"),
        ("つくば市二の宮１‐２", "つくば市二ノ宮1番2"),
        ("茨城縣つくば市竹園1-1", "つくば市竹園1-1"),
        ("つくば市竹園1-1 コーポたけぞの２０３号室", "つくば市竹園1-1コーポたけぞの203"),
        ("つくば市竹園1丁目1番地 メゾン竹園 101", "つくば市竹園1-1"),
        ("北海道札幌市北1条西２丁目三番", "札幌市北1条西2-3"),
        ("つくば市四つ谷1", "つくば市四ッ谷1"),
        ("札幌市北区北２４条西６丁目1-1", "札幌市北区北二十四条西六丁目１番１号"),
        ("つくば巿吾妻1-1", "つくば市吾妻1-1"),
        ("宇治市莵道1-1", "宇治市菟道1-1"),
        ("つくば市吾妻1丁目2番3号21世紀ビル", "つくば市吾妻1-2-3"),
        ("つくば市吾妻1丁目2番3号二十一世紀ビル", "つくば市吾妻1丁目2番3号"),
        ("つくば市吾妻1丁目2番3号101号室", "つくば市吾妻1-2-3-101"),
    ],
)
def test_one_address_in_two_spellings_agrees(one: str, other: str) -> None:
    assert addresses_agree(one, other) and addresses_agree(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("つくば市竹園1-1", "つくば市竹園1-2"),
        ("つくば市竹園1-1", "つくば市竹園1-11"),
        ("つくば市竹園1-1", "つくば市竹園1-1-1"),
        ("つくば市竹園1-1 メゾン竹園101", "つくば市竹園1-1 メゾン竹園102"),
        ("つくば市竹園1-1 メゾン竹園101", "つくば市竹園1-1 コーポ竹園101"),
        ("つくば市竹園1-1", "土浦市竹園1-1"),
        ("札幌市北1", "札幌市北1条西2-3"),
        ("つくば市竹園", "つくば市竹園1-1"),
        ("", "つくば市竹園1-1"),
        ("つくば市吾妻32-14・16", "つくば市吾妻32-14"),
        ("札幌市北区北24条西6丁目", "札幌市北区北25条西6丁目"),
        ("つくば市吾妻1丁目2番3号21世紀ビル", "つくば市吾妻1丁目2番3号22世紀ビル"),
    ],
)
def test_two_places_do_not_agree(one: str, other: str) -> None:
    assert not addresses_agree(one, other) and not addresses_agree(other, one)


def test_a_replaced_character_agrees_with_any_one_but_not_with_none() -> None:
    assert names_agree(f"{SUBSTITUTED}田花子", "葛田 花子")
    assert not names_agree(f"{SUBSTITUTED}田花子", "田花子")
    assert not names_agree(SUBSTITUTED, "葛") and not addresses_agree(SUBSTITUTED, "葛")
    assert addresses_agree(f"つくば市{SUBSTITUTED}園1-1", "つくば市竹園1-1 メゾン")


def test_kanji_numerals_are_read_by_place_and_by_digit() -> None:
    read = {"二十三番": "23", "二三番": "23", "百一番": "101", "千二百番": "1200", "十番": "10", "三〇番": "30"}
    assert {text: fold_address(text) for text in read} == read
