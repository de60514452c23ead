"""Each library's errors against the tree in its docstring: who catches an error there sees what else there is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import defaultdict
from pathlib import Path

import pytest

LIBRARIES = sorted(path.name for path in (Path(__file__).parents[2] / "libs").glob("*/evote_*/"))


def public_errors(library: str) -> set[type[Exception]]:
    """Every exception that the library defines, in whatever module, and that no underscore hides."""
    package = importlib.import_module(library)
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(package.__path__, f"{library}.")]
    return {
        value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Exception)
        if value.__module__ == module.__name__ and not name.startswith("_")
    }


def error_tree(library: str) -> str:
    """The docstring's tree: by base, in the order of the alphabet, each with the module to import it from."""
    errors = public_errors(library)
    children: dict[type[BaseException], list[type[Exception]]] = defaultdict(list)
    for error in errors:
        children[error.__bases__[0]].append(error)

    def shown(error: type[BaseException]) -> str:
        if error.__module__ == "builtins":
            return error.__name__
        home = error.__module__.removeprefix(f"{library}.")
        return f"{error.__name__} ({home})"

    def below(error: type[BaseException], indent: str) -> list[str]:
        lines = []
        siblings = sorted(children[error], key=lambda child: child.__name__)
        for child in siblings:
            last = child is siblings[-1]
            lines.append(f"{indent}{'└── ' if last else '├── '}{shown(child)}")
            lines += below(child, f"{indent}{'    ' if last else '│   '}")
        return lines

    lines = []
    for root in sorted(set(children) - errors, key=lambda base: base.__name__):
        lines += [shown(root), *below(root, "")]
    return "\n".join(f"    {line}" for line in lines)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_librarys_docstring_shows_every_error_under_its_base(library: str) -> None:
    text = importlib.import_module(library).__doc__ or ""
    tree = error_tree(library)
    assert f"Errors::\n\n{tree}\n" in text, f"the tree of {library} is\n\n{tree}"
