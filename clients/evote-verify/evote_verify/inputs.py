"""What an auditor gives on the command line, read and checked for its form before anything is asked of anyone."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_tlog.checkpoint import VerifierKey
from evote_tlog.errors import MalformedNote, MalformedPolicy
from evote_tlog.policy import Policy, parse_policy

from .chain_access import add_options as add_chain_options
from .chain_access import check_options as check_chain_options
from .findings import Unusable
from .receipt import parse_receipt_key
from .sources import LOG_KEY, FolderSource, HttpSource, LogSource, NotServed

EPILOG = """\
exit status:
  0  everything that was checked holds
  1  something does not hold; the report names the place
  2  something that was given can't be used
  3  not finished: a server or a chain was out of reach, try again

examples:
  evote-verify UUID.bel
  evote-verify UUID.bel --log https://log.example --log-key log.key --save audit/
  evote-verify --receipt receipt.json --receipt-key KEY --proof ballot-17.tlog-proof --log-key log.key
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsed = argparse.ArgumentParser(
        prog="evote-verify",
        description="Verify an election as somebody who trusts nobody: its archive, the public log, and what ties them "
        "to a voter's receipt and to the chains.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parsed.add_argument
    add("archive", type=Path, nargs="?", help="the archive, as downloaded (UUID.bel)")
    add("--log", metavar="URL|FOLDER", help="the public log: its server, or a folder that --save wrote")
    add("--log-key", metavar="KEY|FILE", help="the log's verifier key, from a source other than the log")
    add("--witness-policy", type=Path, metavar="FILE", help="whose cosignatures you ask for (C2SP tlog-policy)")
    add("--save", type=Path, metavar="FOLDER", help="keep the log, its checkpoints and what the chains said")
    add("--receipt", type=Path, metavar="FILE", help="a voter's receipt (JSON)")
    add("--receipt-key", metavar="KEY|FILE", help="the ballot service's key (its /receipt-key)")
    add_chain_options(parsed)
    add("--proof", type=Path, metavar="FILE", help="the receipt's proof that --save wrote, instead of --log")
    add(
        "--processes",
        type=_positive,
        default=os.cpu_count() or 1,
        help="how many verify ballots (default: all cores)",
    )
    return parsed


def check_combination(arguments: argparse.Namespace, parsed: argparse.ArgumentParser) -> None:
    """End the program with status 2 unless the options make sense together."""
    if arguments.archive is None and arguments.log is None and arguments.proof is None:
        parsed.error("give an ARCHIVE, a --log or a --proof")
    check_chain_options(arguments, parsed)
    if arguments.save is not None and arguments.log is None:
        parsed.error("--save keeps what is read from a --log")
    if arguments.proof is not None and arguments.log is not None:
        parsed.error("--proof is for where there is no --log: the log shows more")
    if arguments.proof is not None and arguments.receipt is None:
        parsed.error("--proof needs the --receipt that it is of")
    if arguments.witness_policy is not None and arguments.log is None and arguments.proof is None:
        parsed.error("--witness-policy needs --log or --proof")
    if arguments.receipt_key is not None and arguments.receipt is None:
        parsed.error("--receipt-key needs --receipt")


def read_file(path: Path) -> bytes:
    """A small file that was given; raises :class:`Unusable`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error.strerror or type(error).__name__}") from error


def log_source(place: str, client: httpx.Client, sleep: Callable[[float], None]) -> LogSource:
    """A server's URL, or a folder."""
    return HttpSource(client, place, sleep) if place.startswith(("http://", "https://")) else FolderSource(Path(place))


@dataclass(frozen=True)
class LogTrust:
    """The key of the log, and the policy by which its checkpoints are trusted."""

    key: VerifierKey
    origin_of_key: str
    """Where the key comes from, for the report."""
    policy: Policy | None


def log_trust(key: str | None, policy_file: Path | None, source: LogSource | None) -> LogTrust:
    """What an auditor trusts: the key that was given, that of the policy, or with neither what the log itself says.

    Raises:
        Unusable: the key or the policy can't be read, or they don't agree.
        SourceUnavailable: the log was asked and did not answer.
    """
    policy = None if policy_file is None else _policy(policy_file)
    if key is not None:
        given = _parse_log_key(_text_or_file(key).decode("utf-8", "replace"))
        if policy is not None and given.text not in {log.key.text for log in policy.logs}:
            raise Unusable(f"the policy does not trust the log key that was given ({given.name})")
        return LogTrust(given, "the key was given", policy)
    if policy is not None:
        if len(policy.logs) != 1:
            raise Unusable(f"the policy trusts {len(policy.logs)} logs: give --log-key to say which is meant")
        return LogTrust(policy.logs[0].key, "the key is the policy's", policy)
    if source is None:
        raise Unusable("without a log, its key must be given: --log-key")
    try:
        content = source.read(LOG_KEY)
    except NotServed:
        raise Unusable(f"{source.place} does not say its key: is it a log? give --log-key") from None
    taken = "the key was TAKEN FROM THE LOG ITSELF: this shows that it is one log, not whose; give --log-key"
    return LogTrust(_parse_log_key(content.decode("utf-8", "replace")), taken, None)


def receipt_key(text: str) -> Ed25519PublicKey:
    """A receipt key, or the file that holds it; raises :class:`Unusable`."""
    return parse_receipt_key(_text_or_file(text))


def _policy(path: Path) -> Policy:
    try:
        return parse_policy(read_file(path))
    except MalformedPolicy as error:
        raise Unusable(f"{path} is not a witness policy: {error.reason}") from error


def _parse_log_key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text.strip())
    except MalformedNote as error:
        raise Unusable(f"not a log's key: {error.reason}") from error


def _text_or_file(text: str) -> bytes:
    """A key has a form that no file name needs: whatever is there as a file is one."""
    try:
        path = Path(text)
        return read_file(path) if path.is_file() else text.encode()
    except (OSError, ValueError):  # too long for a file name, or with a NUL
        return text.encode()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one process is needed")
    return number
