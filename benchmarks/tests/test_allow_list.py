"""What a program may import is what its list says, however it comes in; and no package escapes the lists."""

from __future__ import annotations

import tomllib
from pathlib import Path

import grimp
import pytest
from importlinter import ContractCheck

from ..allow_list import AllowListContract

TOP = Path(__file__).parents[2]


def check(arrows: dict[str, list[str]], may_import: list[str]) -> ContractCheck:
    """Hold a made-up program to a list; ``library`` is of this repository, ``web`` of another."""
    graph = grimp.ImportGraph()
    for importer, below in arrows.items():
        for imported in below:
            graph.add_import(importer=importer, imported=imported, line_number=7, line_contents="import")
    for module in ("program", "library"):
        graph.add_module(module)
    options = {"name": "what it may import", "source": "program", "may_import": may_import}
    return AllowListContract("", {"root_packages": ["program", "library"]}, options).check(graph, verbose=False)


def strangers(done: ContractCheck) -> list[tuple[str, str]]:
    return [(arrow.importer, arrow.imported) for arrow, _ in done.metadata["strangers"]]


def test_what_is_listed_its_own_and_pythons_may_be_imported() -> None:
    arrows = {"program.main": ["program.app", "json", "web"], "program.app": ["library.card"]}
    assert check(arrows, ["library.card", "web"]).kept


@pytest.mark.parametrize("imported", ["library", "library.chain", "other"])
def test_what_is_not_listed_is_named_with_its_line(imported: str) -> None:
    done = check({"program.main": ["library.card", imported]}, ["library.card"])
    assert not done.kept and strangers(done) == [("program.main", imported)]
    assert done.metadata["strangers"][0][1] == "line 7"


def test_a_listed_library_lets_no_unlisted_one_in_behind_it() -> None:
    done = check({"program.main": ["library.card"], "library.card": ["library.emulator"]}, ["library.card"])
    assert strangers(done) == [("library.card", "library.emulator")]


def test_a_package_is_listed_with_all_that_is_below_it() -> None:
    assert check({"program.main": ["library.a.b"], "library.a.b": ["library.c"]}, ["library"]).kept


def test_what_a_library_needs_of_others_is_its_own_affair() -> None:
    assert check({"program.main": ["library.card"], "library.card": ["other"]}, ["library.card"]).kept


def test_what_is_listed_and_not_used_is_a_hole() -> None:
    done = check({"program.main": ["library.card"]}, ["library.card", "web"])
    assert not done.kept and done.metadata["left_over"] == ["web"]


def test_no_package_is_left_out_of_the_floors() -> None:
    settings = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.parent.name for path in [*TOP.glob("*/*/evote_*/__init__.py"), *TOP.glob("*/evote_*/__init__.py")]}
    floors = next(contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers")
    assert set(settings["root_packages"]) == packages
    assert {name for floor in floors for name in floor.split(" | ")} == packages
