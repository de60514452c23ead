"""One compact text for each value, and nothing that two readers could differ on."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest
from evote_belenios.errors import EncodingError
from evote_belenios.jsontext import Fields, dump, load, parse_exponent, parse_natural
from hypothesis import given
from hypothesis import strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda children: st.lists(children) | st.dictionaries(texts, children),
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert load(dump(value)) == value


def test_the_text_is_compact_and_keeps_the_order_of_fields() -> None:
    assert dump({"b": [1, "筑波"], "a": None}) == '{"b":[1,"筑波"],"a":null}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a":1}x',
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        "NaN",
        "-Infinity",
        "1.0",
        "1e3",
        '"\\ud800"',
        '{"\\uDC00":1}',
        '"\ud800"',
        "[" * 100_000,
        "9" * 10_000,
        "'a'",
        '{"a":1,}',
    ],
    ids=lambda text: repr(text[:16]),
)
def test_ambiguous_or_malformed_json_is_refused(text: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        load(text)
    assert refusal.value.rule == "json"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '[{"\\\\":' * 100_000, '["\\"[",' * 100_000])
def test_nesting_is_refused_even_where_a_library_has_raised_python_s_own_limit(
    text: str,
) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(EncodingError, match="nested too deep"):
            load(text)
    finally:
        sys.setrecursionlimit(before)


def test_only_brackets_outside_of_strings_nest() -> None:
    for value in (["[" * 1000], ['\\"{' * 1000], [["{", "\\"] for _ in range(1000)], {"[" * 99: "\\" * 99}):
        assert load(dump(value)) == value
    assert load("[" * 64 + "]" * 64)
    with pytest.raises(EncodingError, match="nested too deep"):
        load("[" * 65 + "]" * 65)


def test_an_escaped_pair_is_one_character() -> None:
    assert load('"\\ud83d\\uddf3"') == "🗳"


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_as_ours(text: str) -> None:
    with suppress(EncodingError):
        load(text)


@pytest.mark.parametrize("text", ["", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "１", "0x1", "1" * 1001])
def test_a_number_has_one_text(text: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        parse_natural(text, "it")
    assert refusal.value.rule == "number"


def test_an_exponent_is_reduced() -> None:
    assert parse_exponent("16", 17, "it") == 16
    with pytest.raises(EncodingError, match="not reduced"):
        parse_exponent("17", 17, "it")


def test_a_field_that_nobody_asked_for_is_refused() -> None:
    fields = Fields({"a": "x", "b": 1}, "thing")
    assert fields.text("a") == "x"
    with pytest.raises(EncodingError, match="unknown field 'b'"):
        fields.end()


@pytest.mark.parametrize(
    ("reader", "value"),
    [("text", 1), ("integer", "1"), ("integer", True), ("boolean", 1), ("array", {}), ("array", "ab")],
)
def test_a_field_of_another_type_is_refused(reader: str, value: object) -> None:
    with pytest.raises(EncodingError) as refusal:
        getattr(Fields({"a": value}, "thing"), reader)("a")
    assert refusal.value.rule == "schema"


def test_a_missing_field_is_named() -> None:
    with pytest.raises(EncodingError, match="lacks the field a"):
        Fields({}, "thing").text("a")


def test_a_structure_that_is_no_object_is_refused() -> None:
    with pytest.raises(EncodingError, match="is not an object"):
        Fields([], "thing")
