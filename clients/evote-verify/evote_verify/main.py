"""`evote-verify [ARCHIVE.bel] [--log …]`: verify an election as somebody who trusts nobody.

Exit status 0: everything that was checked holds. 1: something does not; the report names the place. 2: something that
was given can't be used: it is not what it should be, or can't be read. 3: the verification could not be finished.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from evote_belenios.archive import NotAnArchive, open_archive
from evote_belenios.verify import VerificationReport, verify_archive
from evote_tlog.policy import log_policy
from tqdm import tqdm

from . import archive_tie, inputs
from .chain_access import named_chains
from .chains import NamedChain
from .findings import Finding, Outcome, Tie, Unusable
from .proof_file import read_proof, tie_proof, tie_to_record
from .receipt import Receipt, parse_receipt, tie_signature
from .receipt_in_archive import tie_to_archive
from .report import Report, describe
from .saved import SavedLog
from .sources import Freshness, SourceUnavailable
from .verification import LogTask, verify_log

VERIFIED, FAILED, UNUSABLE, UNFINISHED = 0, 1, 2, 3


@dataclass(frozen=True)
class Outside:
    """What the program needs of the world besides files and the log's server."""

    chains: Callable[[argparse.Namespace], Sequence[NamedChain]] = named_chains
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def verify(arguments: argparse.Namespace, outside: Outside) -> int:
    """Verify what was given, print the report, and return the exit status."""
    try:
        receipt = None if arguments.receipt is None else parse_receipt(inputs.read_file(arguments.receipt))
        findings = [*_receipt(arguments, receipt), *_log(arguments, receipt, outside)]
        archive, seconds = _archive(arguments)
        report = Report(archive, seconds, tuple(findings))
    except Unusable as error:
        return _refuse(error.reason, UNUSABLE)
    except NotAnArchive as error:
        return _refuse(f"{arguments.archive} is not an election archive: {error.detail}", UNUSABLE)
    except BrokenProcessPool:
        return _refuse("a verifying process was ended from outside (out of memory?): run it again", UNFINISHED)
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror or type(error).__name__}", UNUSABLE)
    print(describe(report))
    return {Outcome.FAILS: FAILED, Outcome.UNFINISHED: UNFINISHED}.get(report.outcome, VERIFIED)


def main() -> None:
    """The program's entry."""
    parser = inputs.parser()
    arguments = parser.parse_args()
    inputs.check_combination(arguments, parser)
    try:
        sys.exit(verify(arguments, Outside()))
    except KeyboardInterrupt:
        sys.exit(130)


def _archive(arguments: argparse.Namespace) -> tuple[VerificationReport | None, float]:
    if arguments.archive is None:
        return None, 0.0
    started = time.perf_counter()
    with open_archive(arguments.archive) as file, _bar("verifying", "B") as show:
        report = verify_archive(file, processes=arguments.processes, progress=show)
    return report, time.perf_counter() - started


def _receipt(arguments: argparse.Namespace, receipt: Receipt | None) -> Iterator[Finding]:
    """What needs no log."""
    if receipt is None:
        return
    key = None if arguments.receipt_key is None else inputs.receipt_key(arguments.receipt_key)
    yield tie_signature(receipt, key)
    if arguments.proof is not None:
        proof, record = read_proof(inputs.read_file(arguments.proof))
        trust = inputs.log_trust(arguments.log_key, arguments.witness_policy, None)
        yield tie_proof(proof, record, trust.policy or log_policy(trust.key), trust.origin_of_key)
        yield tie_to_record(receipt, proof.index, record)
    if arguments.archive is not None:
        yield tie_to_archive(receipt, archive_tie.election_of(arguments.archive), arguments.archive)


def _log(arguments: argparse.Namespace, receipt: Receipt | None, outside: Outside) -> list[Finding]:
    if arguments.log is None:
        return []
    try:
        return _read_log(arguments, receipt, outside)
    except SourceUnavailable as error:
        return [Finding(Tie.RECORDS, Outcome.UNFINISHED, (error.reason,))]


def _read_log(arguments: argparse.Namespace, receipt: Receipt | None, outside: Outside) -> list[Finding]:
    election_uuid = None if arguments.archive is None else archive_tie.election_of(arguments.archive)
    with httpx.Client() as client, _bar("reading the log", "records") as show:
        source = inputs.log_source(arguments.log, client, outside.sleep)
        trust = inputs.log_trust(arguments.log_key, arguments.witness_policy, source)
        save = None if arguments.save is None else SavedLog(arguments.save)
        seen = [] if source.freshness is Freshness.LIVE else [SavedLog(Path(arguments.log))]
        task = LogTask(
            source=source,
            trust=trust,
            chains=outside.chains(arguments),
            kept=tuple(dict.fromkeys([*seen, *([] if save is None else [save])])),
            save=save,
            receipt=receipt,
            archive=arguments.archive,
            election_uuid=election_uuid,
            now=outside.now,
            progress=show,
        )
        return verify_log(task)


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    interval_s = 0.1 if sys.stderr.isatty() else 10
    with tqdm(unit=unit, unit_scale=True, desc=what, mininterval=interval_s) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def _refuse(message: str, status: int) -> int:
    print(f"evote-verify: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
