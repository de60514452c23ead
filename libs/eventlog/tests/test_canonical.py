"""The fast writer of canonical JSON gives the bytes of the one that defines them, or leaves the value to it."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from evote_eventlog.canonical import canonical_json
from hypothesis import example, given, settings
from hypothesis import strategies as st

TEXT = st.text(max_size=12) | st.text('\ud7ff\ue000\uffff\U00010000\U0010ffff\x00\x1f\x7f"\\/é', max_size=4)
INTEGERS = st.integers() | st.sampled_from([2**53 - 1, 2**53, -(2**53) + 1, -(2**53), 2**63, 2**64, -(2**63) - 1])
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


def outcome(write: Any, value: Any) -> bytes | None:
    """The bytes, or None where the value has no canonical JSON."""
    try:
        return write(value)
    except ValueError:
        return None


@pytest.mark.slow
@settings(max_examples=2000)
@given(VALUES)
@example({"\ue000": 1, "\U00010000": 2})  # the order of UTF-16 code units is not that of UTF-8 bytes
@example({"z": 1, "é": 2, "": 3})
@example([1.0, -0.0, 1e21, 5e-324])
@example(["\ud800"])
def test_both_writers_agree_about_every_value(value: Any) -> None:
    assert outcome(canonical_json, value) == outcome(rfc8785.dumps, value)


@pytest.mark.parametrize("depth", [1, 200, 253, 254, 255, 300])
def test_nesting_is_no_difference(depth: int) -> None:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**70, float("nan"), float("inf")])
def test_a_number_without_canonical_json_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_json({"a": [number]})
