"""What an auditor gives on the command line: one frozen :class:`Given`, read and checked for its form before anything
is asked of anyone."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getpass
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_belenios.archive import NotAnArchive
from evote_officers.key_file import NotAKeyFile, WrongPassword, open_key_file
from evote_officers.roster import Roster, RosterUnusable, parse_roster
from evote_tlog.checkpoint import VerifierKey
from evote_tlog.display import visible
from evote_tlog.errors import MalformedPolicy
from evote_tlog.policy import Policy, parse_policy

from .chain_access import add_options as add_chain_options
from .chain_access import check_options as check_chain_options
from .chain_access import named_chains
from .findings import Unusable
from .language import Language, language_of
from .reading.access import LOG_SERVICE, AuditorAccess
from .reading.archive_file import ArchiveFile, opened_archive
from .reading.archive_place import Bar, archive_at, is_url
from .reading.chains import NamedChain
from .reading.front_manifest import NotAManifest, build_files
from .reading.front_server import FrontServer
from .reading.proof_file import GivenProof, read_proof
from .reading.receipt import Receipt, parse_receipt, parse_receipt_key
from .reading.saved import SavedLog
from .reading.sources import FolderSource, Freshness, HttpSource, LogSource
from .reading.trust import parse_log_key
from .reading.verified import Verified, read_verified

PASSWORD_VARIABLE = "EVOTE_OFFICER_PASSWORD"  # noqa: S105 - a variable's name

_HEAD = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TRACKER = re.compile(r"[A-Za-z0-9+/]{43}", re.ASCII)

EPILOG = """\
exit status:
  0  everything that was checked holds
  1  something does not hold; the report names the place
  2  something that was given can't be used, or is of a kind that isn't supported
  3  not decided: a server or a chain was out of reach, the archive was written to, or the machine failed: try again

examples:
  evote-verify UUID.bel
  evote-verify https://vote.example/elections/UUID/archive.bel --require-result --html report.html
  evote-verify UUID.bel --extends yesterday.bel --tracker TRACKER
  evote-verify UUID.bel --log https://log.example --log-key log.key --save audit/
  evote-verify --receipt receipt.json --receipt-key KEY --proof ballot-17.tlog-proof --log-key log.key
  evote-verify --front https://vote.example --roster roster.json
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
    add("archive", nargs="?", help="the archive: a file as downloaded (UUID.bel), a URL, or - for standard input")
    add("--extends", metavar="OLD.bel|HEAD", help="an earlier archive of the election, or the head that it had")
    add("--require-result", action="store_true", help="an archive without a result fails")
    add("--fingerprint", help="of the election, as it was published: another election fails")
    add("--tracker", type=_tracker, help="a ballot's: whether it is in the archive, and counts")
    add("--json", action="store_true", help="print the report as JSON")
    add("--html", type=Path, metavar="FILE", help="write the report as a page of its own, too")
    add(
        "--language",
        type=Language,
        choices=list(Language),
        default=language_of(os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")),
        help="of the report (default: the environment's)",
    )
    add("--version", action="version", version=f"evote-verify {version('evote-verify')}")
    add("--log", metavar="URL|FOLDER", help="the public log: its server, or a folder that --save wrote")
    add("--auditor-key", type=Path, metavar="FILE", help="your key as an auditor of record: for what is not public yet")
    add("--log-key", metavar="KEY|FILE", help="the log's verifier key, from a source other than the log")
    add("--witness-policy", type=Path, metavar="FILE", help="whose cosignatures you ask for (C2SP tlog-policy)")
    add("--roster", type=Path, metavar="FILE", help="the officers' roster, as the municipality gave it to you (JSON)")
    add("--front", metavar="URL", help="where residents vote, or read the public pages: what they are served")
    add(
        "--front-fingerprint",
        type=_fingerprint,
        metavar="HEX",
        help="of the front's manifest, as the city published it",
    )
    add("--front-build", type=Path, metavar="FOLDER", help="the same page as you built it from its sources")
    add("--save", type=Path, metavar="FOLDER", help="keep the log, its checkpoints and what the chains said")
    add(
        "--resume",
        type=Path,
        metavar="FILE",
        help="go on from what an earlier run verified, if FILE is there, and keep in it how far this one holds",
    )
    add("--receipt", type=Path, metavar="FILE", help="a voter's receipt (JSON)")
    add("--receipt-key", metavar="KEY|FILE", help="the ballot service's key (its /receipt-key)")
    add_chain_options(parsed)
    add("--proof", type=Path, metavar="FILE", help="the receipt's proof that --save wrote, instead of --log")
    add(
        "--processes",
        type=_positive,
        default=_usable_processors(),
        help="how many verify ballots (default: as many as the processors that this program may use)",
    )
    return parsed


def _usable_processors() -> int:
    """Where it can be told, those of its affinity: a machine lends a container, or ``taskset``, some of its own."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_combination(arguments: argparse.Namespace, parsed: argparse.ArgumentParser) -> None:
    """End the program with status 2 unless the options make sense together."""
    if all(place is None for place in (arguments.archive, arguments.log, arguments.proof, arguments.front)):
        parsed.error("give an ARCHIVE, a --log, a --proof or a --front")
    if arguments.front is None and (arguments.front_fingerprint is not None or arguments.front_build is not None):
        parsed.error("--front-fingerprint and --front-build are of a --front")
    if arguments.front is not None and arguments.roster is None and arguments.front_fingerprint is None:
        # Whoever serves other files serves a list of them, too.
        parsed.error(
            "--front needs the --roster of the officers who sign, or the --front-fingerprint that they published"
        )
    of_archive = (arguments.extends, arguments.fingerprint, arguments.tracker, arguments.require_result or None)
    if arguments.archive is None and any(option is not None for option in of_archive):
        parsed.error("--extends, --require-result, --fingerprint and --tracker are of an ARCHIVE")
    if arguments.html is not None and not arguments.html.absolute().parent.is_dir():
        parsed.error(f"--html: there is no folder {visible(str(arguments.html.parent))}")
    check_chain_options(arguments, parsed)
    if arguments.resume is not None:
        if arguments.archive is None and arguments.log is None:
            parsed.error("--resume is of an ARCHIVE or a --log")
        if not arguments.resume.absolute().parent.is_dir():
            parsed.error(f"--resume: there is no folder {visible(str(arguments.resume.parent))}")
    if arguments.save is not None and arguments.log is None:
        parsed.error("--save keeps what is read from a --log")
    if arguments.auditor_key is not None and arguments.log is None:
        parsed.error("--auditor-key is for reading a --log")
    if arguments.proof is not None and arguments.log is not None:
        parsed.error("--proof is for where there is no --log: the log shows more")
    if arguments.proof is not None and arguments.receipt is None:
        parsed.error("--proof needs the --receipt that it is of")
    if arguments.witness_policy is not None and arguments.log is None and arguments.proof is None:
        parsed.error("--witness-policy needs --log or --proof")
    if arguments.roster is not None and arguments.log is None and arguments.front is None:
        parsed.error("--roster needs --log or --front")
    if arguments.receipt_key is not None and arguments.receipt is None:
        parsed.error("--receipt-key needs --receipt")


@dataclass(frozen=True)
class Outside:
    """What the program needs of the world besides files and the log's server."""

    chains: Callable[[argparse.Namespace], Sequence[NamedChain]] = named_chains
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stdin: Callable[[], BinaryIO] = lambda: sys.stdin.buffer
    ask: Callable[[str], str] = getpass
    """Asks the person at the keyboard for a password."""


@dataclass(frozen=True)
class Given:
    """Everything that an auditor gave, by what it is; None for what was not given."""

    archive: ArchiveFile | None
    archive_place: str
    """Where it came from, for the report."""
    earlier: ArchiveFile | str | None
    """An earlier archive of the election, or the head that it had."""
    require_result: bool
    fingerprint: str | None
    tracker: str | None
    processes: int
    """How many verify its ballots."""
    receipt: Receipt | None
    receipt_key: Ed25519PublicKey | None
    proof: GivenProof | None
    log: LogSource | None
    log_key: VerifierKey | None
    policy: Policy | None
    roster: Roster | None
    save: SavedLog | None
    resume: Path | None
    """Where it is kept how far was verified."""
    verified: Verified | None
    """What that file says of an earlier run."""
    kept: tuple[SavedLog, ...]
    """Folders with what was seen before: the one that is saved to, and the one that is read."""
    chains: tuple[NamedChain, ...]
    front: FrontServer | None
    front_fingerprint: str | None
    front_build: Mapping[str, str] | None
    """The files of the auditor's own build."""


@contextmanager
def read_given(arguments: argparse.Namespace, outside: Outside, bar: Bar) -> Iterator[Given]:
    """Read what was given; archive and connections are open until the block ends.

    Raises:
        Unusable: something is not what it should be, or can't be read.
        OutOfReach: the archive's server doesn't give it.
        OSError, NotAnArchive: that is the archive.
    """
    with ExitStack() as opened:
        receipt = None if arguments.receipt is None else parse_receipt(_read_file(arguments.receipt))
        receipt_key = None if arguments.receipt_key is None else parse_receipt_key(_text_or_file(arguments.receipt_key))
        proof = None if arguments.proof is None else read_proof(_read_file(arguments.proof))
        log_key = None if arguments.log_key is None else parse_log_key(_text_or_file(arguments.log_key))
        policy = None if arguments.witness_policy is None else _policy(arguments.witness_policy)
        roster = None if arguments.roster is None else _roster(arguments.roster)
        earlier = None if arguments.extends is None else _earlier(arguments.extends, opened)
        place: str | None = arguments.archive
        archive = None if place is None else opened.enter_context(archive_at(place, outside.stdin, bar))
        log = None if arguments.log is None else _log(arguments, opened, outside)
        save = None if arguments.save is None else SavedLog(arguments.save)
        copy = SavedLog(Path(arguments.log)) if log is not None and log.freshness is Freshness.COPY else None
        yield Given(
            archive=archive,
            archive_place=place or "",
            earlier=earlier,
            require_result=arguments.require_result,
            fingerprint=arguments.fingerprint,
            tracker=arguments.tracker,
            processes=arguments.processes,
            receipt=receipt,
            receipt_key=receipt_key,
            proof=proof,
            log=log,
            log_key=log_key,
            policy=policy,
            roster=roster,
            save=save,
            resume=arguments.resume,
            verified=None if arguments.resume is None else _verified(arguments.resume, archive),
            kept=tuple(dict.fromkeys(folder for folder in (copy, save) if folder is not None)),
            chains=tuple(outside.chains(arguments)),
            front=None if arguments.front is None else _front(arguments.front, opened, outside),
            front_fingerprint=arguments.front_fingerprint,
            front_build=None if arguments.front_build is None else _build(arguments.front_build),
        )


def _verified(path: Path, archive: ArchiveFile | None) -> Verified | None:
    """What an earlier run kept, if it is of the same election."""
    verified = read_verified(path)
    earlier = None if verified is None else verified.archive
    if earlier is not None and archive is not None and archive.election_uuid != earlier.election_uuid:
        raise Unusable(f"{path} is of the election {earlier.election_uuid}: keep a file for each election")
    return verified


def _log(arguments: argparse.Namespace, opened: ExitStack, outside: Outside) -> LogSource:
    """A server's URL, or a folder."""
    place: str = arguments.log
    if is_url(place):
        access = None if arguments.auditor_key is None else _access(arguments.auditor_key, place, outside)
        return HttpSource(opened.enter_context(httpx.Client(auth=access)), place, outside.sleep)
    return FolderSource(Path(place))


def _front(url: str, opened: ExitStack, outside: Outside) -> FrontServer:
    if not is_url(url):
        raise Unusable(f"{url} is not a front's address: it begins with https://")
    return FrontServer(opened.enter_context(httpx.Client()), url, outside.sleep)


def _build(folder: Path) -> Mapping[str, str]:
    try:
        return build_files(folder)
    except NotAManifest as error:
        raise Unusable(f"{folder} is not a front's build: {error.reason}") from error
    except OSError as error:
        raise Unusable(f"{error.filename} can't be read: {error.strerror or type(error).__name__}") from error


def _earlier(text: str, opened: ExitStack) -> ArchiveFile | str:
    """A head has a form that no archive's name needs."""
    if _HEAD.fullmatch(text):
        return text
    try:
        return opened.enter_context(opened_archive(Path(text)))
    except (OSError, NotAnArchive) as error:
        reason = error.detail if isinstance(error, NotAnArchive) else error.strerror or type(error).__name__
        raise Unusable(f"{text} is neither an earlier archive nor a head: {reason}") from error


def _access(key_file: Path, log_url: str, outside: Outside) -> AuditorAccess:
    content = _read_file(key_file)
    password = os.environ.get(PASSWORD_VARIABLE) or outside.ask(f"The password of {key_file}: ")
    try:
        auditor = open_key_file(content, password)
    except WrongPassword:
        raise Unusable(f"the password does not open {key_file}") from None
    except NotAKeyFile:
        raise Unusable(f"{key_file} is not a person's key file (evote officer keygen)") from None
    return AuditorAccess(auditor, LOG_SERVICE, log_url, outside.now)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error.strerror or type(error).__name__}") from error


def _roster(path: Path) -> Roster:
    try:
        return parse_roster(_read_file(path))
    except RosterUnusable as error:
        raise Unusable(f"{path} is not a roster: {error.reason}") from error


def _policy(path: Path) -> Policy:
    try:
        return parse_policy(_read_file(path))
    except MalformedPolicy as error:
        raise Unusable(f"{path} is not a witness policy: {error.reason}") from error


def _text_or_file(text: str) -> bytes:
    """A key has a form that no file name needs: whatever is there as a file is one."""
    try:
        path = Path(text)
        return _read_file(path) if path.is_file() else text.encode()
    except (OSError, ValueError):  # too long for a file name, or with a NUL
        return text.encode()


def _fingerprint(text: str) -> str:
    if not _HEAD.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError("a front's fingerprint is 64 hexadecimal digits")
    return text.lower()


def _tracker(text: str) -> str:
    if not _TRACKER.fullmatch(text):
        raise argparse.ArgumentTypeError("a tracker is 43 letters, digits, + and /")
    return text


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one process is needed")
    return number
