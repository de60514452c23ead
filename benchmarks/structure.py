"""How the house is built: files, arrows and floors of each package, and how long its functions are.

``make structure [TREE=another checkout]`` prints a table, so that a tree can be held against an earlier one
(``git worktree add``). The arrows are import-linter's graph. A *floor* is one level of the longest chain of imports
inside a package: of its modules, and of its rooms, where each folder directly under the package counts as one. Last
come the blocks of code that stand in two places.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

PACKAGES = (
    "libs/*/evote_*/",
    "services/*/evote_*",
    "clients/*/evote_*",
    "contracts/*/evote_*",
    "deploy/*/evote_*",
    "loadtests/evote_*",
)
LEAST_COPIED_LINES = 8
"""A shorter block that stands in two places is a habit of the language more often than a copy."""
SHOWN_COPIES = 20

Arrows = Mapping[str, Collection[str]]
"""From each module (or room) to those that it imports."""


@dataclass(frozen=True)
class Source:
    """One file, parsed."""

    path: Path
    """From the top of the tree."""
    lines: Sequence[str]
    tree: ast.Module

    @classmethod
    def read(cls, top: Path, path: Path) -> Source:
        text = path.read_text()
        return cls(path.relative_to(top), text.splitlines(), ast.parse(text))

    def function_lengths(self) -> Iterator[int]:
        """Lines of each function and method, from ``def`` to its end, docstring included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1

    def code(self) -> list[tuple[int, str]]:
        """The lines that do something, with their numbers: no blank, comment, docstring or import.

        The package's own name is taken out, in whatever case: ``AuthSettings()`` is the code of ``TallySettings()``.
        """
        package = next(part for part in self.path.parts if part.startswith("evote_")).removeprefix("evote_")
        own_name = re.compile(package.replace("_", "[-_]?"), re.IGNORECASE)
        silent: set[int] = set()
        for node in ast.walk(self.tree):
            text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if isinstance(node, ast.stmt) and (text or isinstance(node, ast.Import | ast.ImportFrom)):
                silent.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        stripped = (
            (number, own_name.sub("…", line.strip()))
            for number, line in enumerate(self.lines, 1)
            if number not in silent
        )
        return [(number, line) for number, line in stripped if line and not line.startswith("#")]


@dataclass(frozen=True)
class Copy:
    """A block of code that stands in two places."""

    lines: int
    first: str
    second: str


def floors(arrows: Arrows) -> int:
    """Levels of the longest chain. Raises ``CycleError`` for a circle."""
    level: dict[str, int] = {}
    for module in TopologicalSorter(arrows).static_order():
        level[module] = 1 + max((level[below] for below in arrows.get(module, ())), default=0)
    return max(level.values())


def floors_shown(arrows: Arrows) -> str:
    """``floors`` for the table, or the circle in its place."""
    try:
        return str(floors(arrows))
    except CycleError as error:
        return "circle: " + " > ".join(reversed(error.args[1]))


def rooms(package: str, arrows: Arrows) -> Arrows:
    """The same arrows between what stands directly under the package; those inside one room are left out."""
    depth = package.count(".") + 2

    def room(module: str) -> str:
        return ".".join(module.split(".")[:depth])

    between: dict[str, set[str]] = defaultdict(set)
    for module, below in arrows.items():
        between[room(module)].update(room(name) for name in below if room(name) != room(module))
    return between


def copies(sources: Sequence[Source], least: int = LEAST_COPIED_LINES) -> list[Copy]:
    """Every block of at least ``least`` lines of code that stands in two places, longest first."""
    code = [source.code() for source in sources]
    places: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for file, lines in enumerate(code):
        for start in range(len(lines) - least + 1):
            places[tuple(line for _, line in lines[start : start + least])].append((file, start))
    # Two windows that start a line later in both places continue the same block.
    pairs = {
        (one, other)
        for found in places.values()
        for one in found[:1]
        for other in found[1:]
        # A row of alike lines isn't a copy of itself.
        if one[0] != other[0] or other[1] - one[1] >= least
    }
    blocks = []
    for (file, start), (other_file, other_start) in sorted(pairs):
        if ((file, start - 1), (other_file, other_start - 1)) in pairs:
            continue
        more = 0
        while ((file, start + more + 1), (other_file, other_start + more + 1)) in pairs:
            more += 1
        first = f"{sources[file].path}:{code[file][start][0]}"
        second = f"{sources[other_file].path}:{code[other_file][other_start][0]}"
        blocks.append(Copy(least + more, first, second))
    return sorted(blocks, key=lambda block: (-block.lines, block.first, block.second))


def percentile(values: Sequence[int], percent: int) -> int:
    """The smallest value that ``percent`` of all values don't exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def report(top: Path) -> Iterator[str]:
    """The lines of the report on a tree."""
    folders = sorted(
        folder for pattern in PACKAGES for folder in top.glob(pattern) if (folder / "__init__.py").exists()
    )
    sys.path[:0] = [str(folder.parent) for folder in folders]
    graph = grimp.build_graph(*(folder.name for folder in folders), cache_dir=None)
    yield "| package | files | lines | arrows | floors | of rooms | functions | median | p90 | longest |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    sources: list[Source] = []
    lengths_of_all: list[int] = []
    arrows_of_all = 0
    for folder in folders:
        inside = {folder.name} | graph.find_descendants(folder.name)
        arrows = {module: graph.find_modules_directly_imported_by(module) & inside for module in inside}
        count = sum(map(len, arrows.values()))
        here = [Source.read(top, path) for path in sorted(folder.rglob("*.py"))]
        lengths = [length for source in here for length in source.function_lengths()]
        name = f"{folder.parent.relative_to(top)}"
        chain = f"{floors_shown(arrows)} | {floors_shown(rooms(folder.name, arrows))}"
        yield f"| {name} | {_row(here, count, chain, lengths)} |"
        sources += here
        lengths_of_all += lengths
        arrows_of_all += count
    yield f"| all | {_row(sources, arrows_of_all, ' | ', lengths_of_all)} |"
    found = copies(sources)
    copied = sum(block.lines for block in found)
    yield ""
    yield f"{len(found)} blocks of {LEAST_COPIED_LINES} lines or more stand in two places, {copied} lines:"
    for block in found[:SHOWN_COPIES]:
        yield f"{block.lines:4} {block.first} = {block.second}"


def _row(sources: Sequence[Source], arrows: int, chain: str, lengths: Sequence[int]) -> str:
    lines = sum(len(source.lines) for source in sources)
    if not lengths:
        return f"{len(sources)} | {lines} | {arrows} | {chain} | 0 | | |"
    median, p90 = statistics.median_low(lengths), percentile(lengths, 90)
    return f"{len(sources)} | {lines} | {arrows} | {chain} | {len(lengths)} | {median} | {p90} | {max(lengths)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[1], help="the top of a checkout")
    for line in report(parser.parse_args().tree.resolve()):
        print(line)


if __name__ == "__main__":
    main()
