"""The figures about the house, on houses small enough to count by hand."""

from __future__ import annotations

import ast
from graphlib import CycleError
from pathlib import Path

import pytest

from ..structure import Source, copies, floors, percentile, rooms


def source(path: str, text: str) -> Source:
    return Source(Path(path), text.splitlines(), ast.parse(text))


def test_floors_are_the_levels_of_the_longest_chain() -> None:
    assert floors({"main": {"api", "store"}, "api": {"store"}, "store": set()}) == 3


def test_modules_that_import_each_other_have_no_floors() -> None:
    with pytest.raises(CycleError):
        floors({"one": {"other"}, "other": {"one"}})


def test_a_room_is_one_floor_however_its_modules_stand_on_each_other() -> None:
    arrows = {"p.main": {"p.api.routes"}, "p.api.routes": {"p.api.models", "p.domain"}, "p.api.models": {"p.domain"}}
    assert floors(arrows) == 4
    assert floors(rooms("p", arrows)) == 3


def test_functions_are_counted_from_def_to_end_nested_ones_too() -> None:
    text = "@cached\ndef outer():\n    '''Doc.'''\n    def inner():\n        pass\n    return inner\n"
    assert sorted(source("evote_p/a.py", text).function_lengths()) == [2, 5]


def test_a_block_in_two_places_is_found_once_and_whole_whatever_its_comments_and_its_packages_name() -> None:
    block = "a = 1\nb = 2\n{comment}\nc = {name}Settings()\nd = 4\n"
    one = source("services/auth/evote_auth/main.py", "import x\n" + block.format(comment="# why", name="Auth"))
    other = source("services/tally/evote_tally/main.py", "z = 0\n" + block.format(comment="", name="Tally"))
    (found,) = copies([one, other], least=2)
    assert (found.lines, found.first, found.second) == (4, f"{one.path}:2", f"{other.path}:2")


def test_a_block_shorter_than_the_least_is_no_copy() -> None:
    same = "a = 1\nb = 2\n"
    assert copies([source("evote_p/a.py", same), source("evote_p/b.py", same)], least=3) == []


def test_the_ninetieth_percentile_is_a_value_that_nine_of_ten_do_not_exceed() -> None:
    assert percentile(list(range(1, 11)), 90) == 9
    assert percentile([5], 90) == 5
