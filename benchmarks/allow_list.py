"""A contract for import-linter by which a program names what it may import, and may import nothing else.

A list of what is forbidden has a hole for everything that is written later. This one names, for the packages that
strangers run or rely on, every package or module that they rest on. Run by ``lint-imports``, which finds it by
``contract_types`` in ``pyproject.toml``:

- What the source imports is its own, Python's own, or listed: a package, with all that is below it, or a module.
- What it imports of this repository may in turn import of this repository only what is listed. What such a library
  needs of others, its own ``pyproject.toml`` says.
- Nothing is listed that isn't used: an entry that is left over would let the next import through unseen.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


@dataclass(frozen=True, order=True)
class Arrow:
    """A module and what it imports."""

    importer: str
    imported: str


class AllowListContract(Contract):
    """``source``: the package; ``may_import``: packages and modules, of this repository and of others."""

    type_name = "allow_list"

    source = fields.ModuleField()
    may_import = fields.SetField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Follow the source's imports as far as they lead within this repository."""
        source: str = self.source.name  # type: ignore[attr-defined]  # a field stands for its value in an instance
        allowed = {module.name for module in self.may_import}  # type: ignore[attr-defined]
        ours = frozenset(self.session_options["root_packages"])
        arrows = list(arrows_that_count(graph, source, allowed, ours))
        used = {entry for arrow in arrows if (entry := entry_for(arrow.imported, allowed)) is not None}
        strangers = sorted(arrow for arrow in arrows if entry_for(arrow.imported, allowed) is None)
        left_over = sorted(allowed - used)
        return ContractCheck(
            kept=not strangers and not left_over,
            metadata={
                "strangers": [(arrow, _lines(graph, arrow)) for arrow in strangers],
                "left_over": left_over,
            },
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Say which import is not listed, and where it stands; and what is listed for nothing."""
        for arrow, lines in check.metadata["strangers"]:
            output.print_error(f"{arrow.importer} imports {arrow.imported} ({lines}), which is not listed.", bold=False)
        for entry in check.metadata["left_over"]:
            output.print_error(f"{entry} is listed, and nothing imports it: take it out.", bold=False)
        output.new_line()


def arrows_that_count(graph: ImportGraph, source: str, allowed: Set[str], ours: Set[str]) -> Iterator[Arrow]:
    """Every import that the list has to allow: the source's own, and those within this repository that they lead to."""
    begun = {source} | graph.find_descendants(source)
    waiting, seen = deque(sorted(begun)), set(begun)
    while waiting:
        importer = waiting.popleft()
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            package = imported.partition(".")[0]
            if imported in begun or package in sys.stdlib_module_names:
                continue
            if package not in ours and importer not in begun:
                continue
            yield Arrow(importer, imported)
            # A stranger is named once, where it comes in, and not with all that it brings.
            if package in ours and imported not in seen and entry_for(imported, allowed) is not None:
                seen.add(imported)
                waiting.append(imported)


def entry_for(imported: str, allowed: Set[str]) -> str | None:
    """The entry that allows a module: its own name, or that of a package above it."""
    name = imported
    while name not in allowed:
        name, _, below = name.rpartition(".")
        if not below:
            return None
    return name


def _lines(graph: ImportGraph, arrow: Arrow) -> str:
    details = graph.get_import_details(importer=arrow.importer, imported=arrow.imported)
    return "line " + ", ".join(sorted({str(detail["line_number"]) for detail in details}))
