"""`evote-verify [ARCHIVE.bel] [--log …]`: verify an election as somebody who trusts nobody.

Exit status 0: everything that was checked holds. 1: something does not; the report names the place. 2: something that
was given can't be used: it is not what it should be, is not supported, or can't be read. 3: it could not be decided:
something was out of reach, or this program or its machine failed.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial

from evote_belenios.archive import NotAnArchive
from evote_belenios.errors import NotSupported
from evote_tlog.display import visible
from tqdm import tqdm

from . import inputs, verification
from .findings import OutOfReach, Unusable
from .inputs import Outside
from .reading.archive_file import ArchiveChanged
from .rendering.as_json import as_json
from .rendering.html import as_html
from .rendering.text import as_text
from .rendering.words import WORDS, Words
from .report import UNFINISHED, UNUSABLE


def verify(arguments: argparse.Namespace, outside: Outside) -> int:
    """Verify what was given, print the report, and return the exit status."""
    words = WORDS[arguments.language]
    bar = partial(_bar, words)
    try:
        with inputs.read_given(arguments, outside, bar) as given:
            report = verification.verify(given, outside.now, bar)
    except Unusable as error:
        return _refuse(error.reason, UNUSABLE)
    except OutOfReach as error:
        return _refuse(error.reason, UNFINISHED)
    except NotAnArchive as error:
        return _refuse(f"{arguments.archive} is not an election archive: {error.detail}", UNUSABLE)
    except NotSupported as error:
        return _refuse(f"{arguments.archive} is not supported: {error.rule}: {error.detail}", UNUSABLE)
    except ArchiveChanged:
        return _refuse(f"{arguments.archive} was written to while it was verified: run it again", UNFINISHED)
    except BrokenProcessPool:
        return _refuse("a verifying process was ended from outside (out of memory?): run it again", UNFINISHED)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        return _refuse(f"{error.filename}: {error.strerror or type(error).__name__}", UNUSABLE)
    if arguments.html is not None:
        arguments.html.write_text(as_html(report, words), "utf-8")
    print(as_json(report) if arguments.json else as_text(report, words), flush=True)
    return report.status


def main() -> None:
    """The program's entry."""
    parser = inputs.parser()
    arguments = parser.parse_args()
    inputs.check_combination(arguments, parser)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that can't show a name shows its numbers
    try:
        status = verify(arguments, Outside())
    except KeyboardInterrupt:
        status = 130
    except Exception as error:  # a full disk, a closed pipe, no memory, a fault of ours: nothing is decided by those
        status = _fail(error)
    sys.exit(status)


def _fail(error: Exception) -> int:
    detail = str(error) or type(error).__name__
    try:
        return _refuse(f"the verification was not finished, and says nothing of the election: {detail}", UNFINISHED)
    except OSError:
        return UNFINISHED
    finally:
        if isinstance(error, BrokenPipeError):
            # What is left in the buffer would be written once more when the interpreter ends, and change the status.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _bar(words: Words, what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    interval_s = 0.1 if sys.stderr.isatty() else 1
    with tqdm(unit=unit, unit_scale=True, desc=words.progress.get(what, what), mininterval=interval_s) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def _refuse(message: str, status: int) -> int:
    print(f"evote-verify: {visible(message)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
