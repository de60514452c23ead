"""The claims of `docs/claims.toml` as a page: ``python tests/contract/claims.py`` writes ``docs/claims.md``."""

from __future__ import annotations

import ast
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE, PAGE = ROOT / "docs/claims.toml", ROOT / "docs/claims.md"

_HEAD = """# Claims

What the project claims, against whom, which tests show it, and what is open. Written by `make claims` from
[claims.toml](claims.toml); each test fails when the claim does. The attackers are those of the
[threat model](threat-model.md).
"""


@dataclass(frozen=True)
class Claim:
    """``tests`` are ``file::function``; ``because`` says why an open claim is open."""

    of: str
    says: str
    against: str
    tests: tuple[str, ...]
    status: str
    because: str = ""


def read_claims() -> list[Claim]:
    """The claims in the order of the file."""
    entries = tomllib.loads(SOURCE.read_text())["claim"]
    return [Claim(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


def faults_of(claim: Claim) -> list[str]:
    """What is wrong with a claim's entry: a test that isn't there, a status without its reason."""
    faults = [f"no such test: {test}" for test in claim.tests if not _is_there(test)]
    if claim.status == "holds" and (not claim.tests or claim.because):
        faults.append("a claim that holds names its tests, and no excuse")
    if claim.status == "open" and not claim.because:
        faults.append("an open claim says why")
    if claim.status not in ("holds", "open"):
        faults.append(f"no such status: {claim.status}")
    return faults


def page(claims: list[Claim]) -> str:
    """The page's Markdown."""
    parts = [_HEAD]
    for of in dict.fromkeys(claim.of for claim in claims):
        parts.append(f"\n## {of.capitalize()}\n\n| claim | attacker | status | tests |\n|---|---|---|---|\n")
        for claim in claims:
            if claim.of == of:
                status = claim.status if claim.status == "holds" else f"**open**: {claim.because}"
                tests = "<br>".join(
                    f"[`{test.partition('::')[2]}`](../{test.partition('::')[0]})" for test in claim.tests
                )
                parts.append(f"| {claim.says} | {claim.against} | {status} | {tests} |\n")
    return "".join(parts)


def _link(test: str) -> str:
    file, _, function = test.partition("::")
    return f"[`{function}`](../{file})"


def _is_there(test: str) -> bool:
    file, _, function = test.partition("::")
    path = ROOT / file
    if not path.is_file():
        return False
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(
        isinstance(node, definitions) and node.name == function for node in ast.walk(ast.parse(path.read_text()))
    )


if __name__ == "__main__":
    stated = read_claims()
    wrong = [f"{claim.says}: {fault}" for claim in stated for fault in faults_of(claim)]
    if wrong:
        sys.exit("\n".join(wrong))
    PAGE.write_text(page(stated))
