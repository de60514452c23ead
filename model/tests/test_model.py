"""Every state of the model is visited, and its claims hold; without a guard SPIN finds the fault; the code is there."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ..check import CONFIGURATIONS, GUARDS, MODEL, Configuration, Guard, check, tells

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs/model.md").read_text()
TEXT = MODEL.read_text()
MAPPED = re.findall(r"^\| `@([\w.-]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
"""Mark and code (file::function) of each line of the page's table."""


@pytest.mark.slow
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda configuration: configuration.name)
def test_every_state_is_visited_and_every_claim_holds(configuration: Configuration) -> None:
    outcome = check(configuration)
    assert outcome.fallen is None, "\n".join(outcome.story)
    assert outcome.is_complete


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.name} {guard.finds}")
def test_without_a_guard_the_fault_is_found_again(guard: Guard) -> None:
    outcome = check(guard.configuration)
    assert outcome.fallen == guard.finds
    assert tells(outcome.story, guard.story), "\n".join(outcome.story)


@pytest.mark.slow
def test_a_search_that_was_cut_short_is_not_taken_for_a_whole_one() -> None:
    outcome = check(replace(CONFIGURATIONS[0], compiler="-O0"), max_depth=60)
    assert outcome.fallen is None
    assert not outcome.is_complete


def test_a_story_is_told_in_its_order() -> None:
    assert tells(["one", "two", "three"], ["one", "thr.e"])
    assert not tells(["one", "two", "three"], ["three", "one"])
    assert not tells(["one"], ["one", "one"])


def test_every_guard_of_the_model_is_taken_out_by_a_test_and_told_on_the_page() -> None:
    asked = set(re.findall(r"^#if(?:n?def)? .*", TEXT, re.MULTILINE))
    names = {name for line in asked for name in re.findall(r"\b[A-Z][A-Z_]+\b", line)}
    sizes = {size.partition("=")[0] for configuration in CONFIGURATIONS for size in configuration.sizes}
    besides = {name for guard in GUARDS for name in guard.besides}
    guards = {guard.name for guard in GUARDS}
    assert names - sizes - besides == guards
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)) == guards


def test_what_is_told_of_a_guard_is_the_claim_that_falls_without_it() -> None:
    told = set(re.findall(r"^\| `([A-Z_]+)` \|.*\| `(\w+)` \|$", PAGE, re.MULTILINE))
    assert told == {(guard.name, guard.finds) for guard in GUARDS}


def test_every_configuration_is_told_on_the_page() -> None:
    assert re.findall(r"^\| \*([^*]+)\* \|", PAGE, re.MULTILINE) == [
        configuration.name for configuration in CONFIGURATIONS
    ]


def test_every_marked_line_of_the_model_is_told_on_the_page_in_its_order() -> None:
    marks = re.findall(r"@([\w.-]+) \*/", TEXT)
    assert len(set(marks)) == len(marks), "a mark is of one line"
    assert [mark for mark, _ in MAPPED] == marks


@pytest.mark.parametrize(("mark", "code"), MAPPED, ids=[mark for mark, _ in MAPPED])
def test_the_code_that_a_line_stands_for_is_there(mark: str, code: str) -> None:
    file, _, name = code.partition("::")
    scope: list[ast.stmt] = ast.parse((TOP / file).read_text()).body
    for part in name.split("."):
        found = [
            node
            for node in scope
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == part
        ]
        assert found, f"@{mark}: {file} has no {name}"
        scope = found[0].body
