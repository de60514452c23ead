"""``python -m evote_chart.front_manifests OUT FRONT=MANIFEST…`` writes the signed lists of the fronts as values.

Helm forgets in an upgrade what the one before was given on the command line alone, and the fronts would serve no list
any more. A file of values is named with the city's in each command.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .front_config import FRONTS


def main() -> int:
    """Read each list, and write the file: JSON, which is YAML, so that a list stays the text that was signed."""
    arguments = argparse.ArgumentParser(prog="evote_chart.front_manifests", description="The fronts' signed lists.")
    arguments.add_argument("out", type=Path)
    arguments.add_argument("manifests", nargs="+", metavar="FRONT=MANIFEST", type=_named)
    asked = arguments.parse_args()
    try:
        values = {front: {"manifest": file.read_bytes().decode()} for front, file in asked.manifests}
    except (OSError, ValueError) as error:
        print(f"evote_chart.front_manifests: {error}", file=sys.stderr)
        return 1
    asked.out.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


def _named(word: str) -> tuple[str, Path]:
    front, _, file = word.partition("=")
    if front not in FRONTS or not file:
        raise argparse.ArgumentTypeError(f"{word}: write one of {', '.join(FRONTS)}, = and the file")
    return front, Path(file)


if __name__ == "__main__":
    sys.exit(main())
