"""What a reader remembers of every ballot: it decides as a set and a dict do, and takes a third of their memory."""

from __future__ import annotations

import hashlib

import pytest
from evote_belenios.digests import Digests, LastNumbers
from evote_belenios.order import LARGEST_NUMBER
from evote_local.testbed import bytes_each
from hypothesis import given
from hypothesis import strategies as st


def digest(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


@given(st.lists(st.integers(0, 200).map(digest) | st.binary(min_size=32, max_size=32), max_size=300), st.data())
def test_digests_are_a_set(added: list[bytes], data: st.DataObject) -> None:
    digests, expected = Digests(), dict[bytes, int]()
    for one in added:
        assert (one in digests) == (one in expected)
        assert digests.add(one) == expected.setdefault(one, len(expected))
    assert list(digests) == list(expected)
    assert len(digests) == len(expected)
    other = data.draw(st.lists(st.integers(0, 400).map(digest), max_size=5))
    assert digests.isdisjoint(other) == expected.keys().isdisjoint(other)
    assert [digests.find(one) for one in other] == [expected.get(one) for one in other]
    assert list(Digests(added)) == list(expected)


def test_nothing_stands_for_what_is_not_there() -> None:
    digests = Digests()
    assert bytes(32) not in digests
    digests.add(bytes(32))
    assert bytes(32) in digests
    assert len(digests) == 1


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_what_is_no_digest_is_not_taken(length: int) -> None:
    digests = Digests([digest(1)])
    with pytest.raises(ValueError, match="32 bytes"):
        digests.add(bytes(length))
    assert list(digests) == [digest(1)]


@given(st.lists(st.tuples(st.text(max_size=2), st.integers(1, LARGEST_NUMBER)), max_size=100))
def test_last_numbers_are_a_dict(puts: list[tuple[str, int]]) -> None:
    numbers, expected = LastNumbers(), dict[str, int]()
    for credential, number in puts:
        assert numbers.get(credential) == expected.get(credential)
        numbers.put(credential, number)
        expected[credential] = number
    assert len(numbers) == len(expected)
    assert {credential: numbers.get(credential) for credential in expected} == expected


def test_a_digest_takes_little_more_than_itself() -> None:
    assert bytes_each(lambda size: Digests(digest(number) for number in range(size))) < 56


def test_a_number_takes_little_more_than_its_credentials_hash() -> None:
    def make(size: int) -> LastNumbers:
        numbers = LastNumbers()
        for number in range(size):
            numbers.put(f"{number:064x}", number + 1)
        return numbers

    assert bytes_each(make) < 66
