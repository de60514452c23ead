"""Size and start of each image that ``make images`` built (``make bench-images``, which takes root)."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from evote_images.build import OUT
from evote_images.check import fault_of_start, prepare, unpack
from evote_images.parts import PARTS, Part
from evote_images.provenance import revision_of
from evote_local.referendum.taken import taken_by

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

_STARTS: Final = 5
_MB: Final = 1e6


def row_of(part: Part) -> Row:
    """Its name, megabytes packed and unpacked, seconds of the first start and of the median one.

    Raises ``RuntimeError`` when it doesn't start.
    """
    archive = OUT / f"{part.name}.tar"
    with tempfile.TemporaryDirectory(prefix="evote-image-") as folder:
        root = Path(folder)
        unpack(archive, root)
        unpacked = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        prepare(part, root)
        took = []
        for _ in range(_STARTS):
            begun = time.perf_counter()
            if (fault := fault_of_start(part, root)) is not None:
                raise RuntimeError(f"evote-{part.name}: {fault}")
            took.append(time.perf_counter() - begun)
    return [f"evote-{part.name}", archive.stat().st_size / _MB, unpacked / _MB, took[0], statistics.median(took)]


def of_another_commit(archives: Mapping[str, Path], commit: str) -> list[str]:
    """Whose figures this run would give to a commit that they are not of; ``commit`` as the run's head has it."""
    return [name for name, archive in archives.items() if revision_of(archive) != commit.removesuffix("-dirty")]


def main() -> int:
    """Of all that were built."""
    taken = taken_by("make bench-images")
    os.umask(0o022)  # as the build
    built = [part for name, part in PARTS.items() if (OUT / f"{name}.tar").exists()]
    if not built:
        print("No image was built: make images")
        return 1
    if others := of_another_commit({part.name: OUT / f"{part.name}.tar" for part in built}, taken["commit"]):
        print(f"Built of another commit than the sources here: {', '.join(others)}: make images")
        return 1
    tell(
        "images",
        taken,
        "A start is from nothing to an answer, and the end: a service prints its OpenAPI document, nginx serves the"
        " page, each of the operators' five programs says how it is used, the Collector takes its configuration. Its"
        f" files were unpacked just before, so that no disk is waited for; the median is of {_STARTS}.",
        Table(
            ["image", "packed MB", "unpacked MB", "first start s", "median start s"], [row_of(part) for part in built]
        ),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
