"""`evote-verify ARCHIVE.bel`: verify an election as somebody who trusts nobody.

Exit status 0: everything that the archive claims holds. 1: something does not; the first failures are named. 2: the
file is not an archive, or can't be read. 3: the verification could not be finished.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from evote_belenios.archive import NotAnArchive
from evote_belenios.verify import verify_archive
from tqdm import tqdm

from .report import describe

VERIFIED, FAILED, NOT_AN_ARCHIVE, UNFINISHED = 0, 1, 2, 3


def verify(path: Path, processes: int) -> int:
    """Verify an archive, print the report, and return the exit status."""
    started = time.perf_counter()
    try:
        with tqdm(unit="B", unit_scale=True, desc="verifying", mininterval=_interval_s()) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            report = verify_archive(path, processes=processes, progress=show)
    except NotAnArchive as error:
        return _refuse(f"{path} is not an election archive: {error.detail}", NOT_AN_ARCHIVE)
    except OSError as error:
        return _refuse(f"{path} can't be read: {error.strerror or type(error).__name__}", NOT_AN_ARCHIVE)
    except BrokenProcessPool:
        return _refuse("a verifying process was ended from outside (out of memory?): run it again", UNFINISHED)
    print(describe(report, time.perf_counter() - started))
    return FAILED if report.failures else VERIFIED


def main() -> None:
    """The program's entry."""
    parser = argparse.ArgumentParser(
        prog="evote-verify",
        description="Verify an election archive: exit status 0 when everything holds, 1 when something does not, "
        "2 when the file is not an archive.",
    )
    parser.add_argument("archive", type=Path, help="the archive, as downloaded (UUID.bel)")
    parser.add_argument(
        "--processes", type=_positive, default=os.cpu_count() or 1, help="how many verify ballots (default: all cores)"
    )
    arguments = parser.parse_args()
    try:
        sys.exit(verify(arguments.archive, arguments.processes))
    except KeyboardInterrupt:
        sys.exit(130)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one process is needed")
    return number


def _interval_s() -> float:
    return 0.1 if sys.stderr.isatty() else 10


def _refuse(message: str, status: int) -> int:
    print(f"evote-verify: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
